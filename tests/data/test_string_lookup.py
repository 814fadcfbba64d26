"""Vocabularies against Keras's own layer, which needs TensorFlow."""

import keras
import numpy as np

from mtframework.schema.vocabulary import Vocabulary


def test_ids_are_those_of_string_lookup():
    letters = np.random.default_rng(0).choice(list("abzÀé-0_"), size=(3000, 3))
    asked = np.array(["".join(row) for row in letters])
    learned = asked[:200]
    lookup = keras.layers.StringLookup(vocabulary=np.unique(learned))
    vocabulary = Vocabulary.learn(learned)
    np.testing.assert_array_equal(vocabulary.ids(asked), lookup(asked).numpy())
    assert vocabulary.size == lookup.vocabulary_size()
    assert vocabulary.values(np.arange(vocabulary.size)).tolist() == lookup.get_vocabulary()

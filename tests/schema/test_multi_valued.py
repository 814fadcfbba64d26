import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.schema.multi_valued import ids_of_lists, learn_vocabulary
from mtframework.schema.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["Comedy", "Drama", "War"])
EXPECTED = [[2, 1], [0, 0], [0, 3], [1, 0]]


@pytest.mark.parametrize(
    "values",
    [
        np.array(["Drama|Comedy", "", "Noir|War", "Comedy"]),
        ["Drama|Comedy", "", "Noir|War", "Comedy"],
        [b"Drama|Comedy", b"", b"Noir|War", b"Comedy"],
        [["Drama", "Comedy"], [], ("Noir", "War"), np.array(["Comedy"])],
        np.array([["Drama", "Comedy"], ["", ""], ["Noir", "War"], ["Comedy", ""]]),
    ],
    ids=["texts", "list of texts", "bytes", "lists", "padded"],
)
def test_every_way_to_write_several_categories(values):
    ids = ids_of_lists(values, VOCABULARY)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, EXPECTED)
    assert learn_vocabulary(values).known_values.tolist() == ["Comedy", "Drama", "Noir", "War"]


def test_no_rows_and_no_categories():
    assert ids_of_lists([], VOCABULARY).shape == (0, 1)
    np.testing.assert_array_equal(ids_of_lists([""], VOCABULARY), [[0]])


def test_lists_of_numbers_are_categories():
    np.testing.assert_array_equal(ids_of_lists([[7, 9], [9]], Vocabulary([9, 7])), [[2, 1], [1, 0]])


@pytest.mark.parametrize("row", [None, 3.5, [["Comedy"]]])
def test_rows_that_are_refused(row):
    with pytest.raises(DataError, match="A categorical column holds"):
        ids_of_lists([row, "Comedy"], VOCABULARY)

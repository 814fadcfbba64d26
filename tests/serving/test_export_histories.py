"""A SavedModel of a model that reads histories against the recommender that it was made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from wide_shop import make_model, make_rows

import mtframework as mtf
from mtframework.serving.export import export


@pytest.fixture(scope="module")
def recommender():
    keras.utils.set_random_seed(4)
    reader = mtf.SequenceTower(
        "shopper",
        history="product",
        key="shopper",
        encoder=mtf.HSTU(num_layers=1, num_heads=2),
        features=["age"],
        event_features=["stars", "brand"],
        times="when",
        max_length=3,
        tied_to="product",
        embedding_dim=6,
    )
    product = mtf.Tower("product", ["product", "tags"], embedding_dim=6)
    tasks = [
        mtf.Retrieval("find", query="shopper", candidate="product"),
        mtf.BinaryFeedback("click", label="clicked"),
    ]
    return mtf.Recommender(make_model([reader, product], tasks))


@pytest.fixture(scope="module")
def loaded(recommender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "model"
    export(recommender, folder)
    return tf.saved_model.load(str(folder))


QUERIES = {"shopper": ["3", "7", "somebody new", "3"], "age": [0.5, -1.0, 2.0, 0.0]}
NAMES = [f"product ä{number:02}" for number in (4, 9, 11, 20)]
HISTORIES = [
    {"product": NAMES[:1], "stars": [4.0], "when": [1_650_000_000]},
    {"product": [], "stars": [], "when": []},
    {  # more than the model reads, one of them unknown, one without stars
        "product": [NAMES[3], NAMES[0], "never made", NAMES[2]],
        "stars": [1.0, 5.0, 3.0, np.nan],
        "when": [1_650_000_000, 1_650_000_060, 1_650_090_000, 1_660_000_000],
    },
    {"product": [], "stars": [], "when": []},
]


def padded(name: str, nothing, first: bool) -> list[list]:
    """Returns a column of the histories, each four wide, the room before or behind its events."""
    rows = [each[name] for each in HISTORIES]
    room = [[nothing] * (4 - len(row)) for row in rows]
    return [[*here, *row] if first else [*row, *here] for here, row in zip(room, rows, strict=True)]


def inputs(first: bool, queries=QUERIES) -> dict:
    return {
        "shopper": tf.constant(queries["shopper"]),
        "age": tf.constant(queries["age"], tf.float32),
        "history": tf.constant(padded("product", "", first)),
        "history_stars": tf.constant(padded("stars", 0.0, first), tf.float32),
        "history_when": tf.constant(padded("when", 0, first), tf.int64),
    }


def of_python(rows: list[int], columns=QUERIES) -> dict:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


@pytest.mark.parametrize("first", [False, True], ids=["room behind", "room before"])
def test_a_request_brings_its_histories(recommender, loaded, first):
    answer = loaded.signatures["recommend"](
        **inputs(first),
        k=tf.constant(5),
        exclude=tf.constant([[NAMES[1]]]),
        exclude_seen=tf.constant(True),
    )
    # Rows with a history of their own, and those of which the model knows what they did.
    for rows, more in ([0, 2], {"history": [HISTORIES[0], HISTORIES[2]]}), ([1, 3], {}):
        asked = {**of_python(rows), **more}
        found = recommender.recommend(asked, 5, exclude=[[NAMES[1]]] * 2)
        ids = answer["ids"].numpy()[rows]
        assert [[each.decode() for each in row] for row in ids] == found.ids.tolist()
        np.testing.assert_allclose(answer["score"].numpy()[rows], found.score, rtol=1e-4, atol=1e-5)
        clicks = answer["score/click"].numpy()[rows]
        np.testing.assert_allclose(clicks, found.scores["click"], rtol=1e-4, atol=1e-5)


def test_pairs_are_scored_with_their_histories(recommender, loaded):
    pairs = {**QUERIES, "product": [NAMES[1]] * 4}
    catalogue = make_rows(200, seed=1)
    of_candidate = {
        name: catalogue[name][catalogue["product"] == NAMES[1]][0]
        for name in recommender.model.feature_columns
        if name in ("tags", "brand")
    }
    more = {name: tf.constant([value] * 4) for name, value in of_candidate.items()}
    answer = loaded.signatures["score"](
        **inputs(False), product=tf.constant([NAMES[1]] * 4), **more
    )
    model = recommender.model
    for rows, histories in ([0, 2], {"history": [HISTORIES[0], HISTORIES[2]]}), ([1, 3], {}):
        columns = {name: [value] * 2 for name, value in of_candidate.items()}
        asked = {**of_python(rows, pairs), **columns, **histories}
        expected = model.predict(model.encode(asked), verbose=0)
        for task in ("find", "click"):
            here = answer[task].numpy()[rows]
            np.testing.assert_allclose(here, expected[task], rtol=1e-4, atol=1e-5)


def test_an_event_without_its_time_is_an_error(loaded):
    wrong = {**inputs(False), "history_when": tf.constant([[1]] * 4, tf.int64)}
    with pytest.raises(tf.errors.InvalidArgumentError, match="history_when has another shape"):
        loaded.signatures["recommend"](
            **wrong, k=tf.constant(5), exclude=tf.constant([[""]]), exclude_seen=tf.constant(True)
        )

"""The loss over all pairs, against every pair written down."""

import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework.errors import ModelError
from mtframework.losses.whole_data_regression import whole_data_regression

POSITIVES = {0: [2, 4], 1: [0], 2: [1, 3, 5, 6]}
WEIGHT, TEMPERATURE = 0.3, 0.7


def test_it_equals_every_pair_with_its_gradients(value_and_gradients):
    draw = np.random.default_rng(2)
    queries = draw.normal(size=(3, 4)).astype("float32")
    catalogue = draw.normal(size=(8, 4)).astype("float32")
    rows = np.array([(query, each) for query, many in POSITIVES.items() for each in many], "int32")
    is_positive = np.zeros((3, 8), "float32")
    is_positive[rows[:, 0], rows[:, 1]] = 1.0
    counts = np.array([len(POSITIVES[query]) for query in rows[:, 0]], "float32")

    def plain(queries, catalogue):
        scores = ops.matmul(queries, ops.transpose(catalogue)) / TEMPERATURE
        weights = is_positive + WEIGHT * (1 - is_positive)
        return ops.sum(ops.convert_to_tensor(weights) * ops.square(scores - is_positive))

    def ours(queries, catalogue):
        losses = whole_data_regression(
            ops.take(queries, rows[:, 0], axis=0),
            catalogue,
            ops.convert_to_tensor(rows[:, 1]),
            negative_weight=WEIGHT,
            num_positives=ops.convert_to_tensor(counts),
            temperature=TEMPERATURE,
        )
        return ops.sum(losses)

    found = value_and_gradients(ours, queries, catalogue)
    expected = value_and_gradients(plain, queries, catalogue)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_the_task_counts_the_positives_of_each_query():
    data = make_shop()
    task = mtf.Retrieval(
        "buy", label="bought", positive_from=1, query="shopper", candidate="product",
        negatives="catalogue", loss="non_sampling", negative_weight=WEIGHT, candidate_bias=True,
    )  # fmt: skip
    model = mtf.MultiTaskModel(make_towers(), [task])
    model.adapt(data)
    rows = data.encode(data.train)
    features = {name: rows[name] for name in model.feature_columns}
    labels = {"bought": rows["bought"]}
    outputs = model(features, training=False)
    model.compute_loss(features, labels, outputs, training=False)
    loss = float(ops.convert_to_numpy(model.reports["buy"].loss.result()))
    towers = {name: ops.convert_to_numpy(each) for name, each in outputs["towers"].items()}
    catalogue = ops.convert_to_numpy(model.embed(["product"], model.catalogue.columns)["product"])
    bought = rows["bought"] == 1
    own = (towers["shopper"] * towers["product"]).sum(1)[bought]
    total = ((1 - own) ** 2 - WEIGHT * own**2).sum()
    shoppers = {
        row["shopper"]: i for i, row in enumerate([{"shopper": s} for s in rows["shopper"]])
    }
    with_purchases = set(rows["shopper"][bought])
    for shopper in with_purchases:
        total += WEIGHT * ((towers["shopper"][shoppers[shopper]] @ catalogue.T) ** 2).sum()
    np.testing.assert_allclose(loss, total / bought.sum(), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, 'has loss = "non_sampling" and negatives = "batch"'),
        ({"negatives": "catalogue", "num_hard_negatives": 3}, "num_hard_negatives = 3"),
        ({"negatives": "catalogue", "training_top_k": [5]}, "training_top_k"),
        ({"negatives": "catalogue", "negative_weight": 0.0}, "negative_weight = 0.0"),
    ],
)
def test_what_has_no_meaning_there_is_refused(arguments, said):
    with pytest.raises(ModelError, match=said):
        mtf.Retrieval("buy", loss="non_sampling", **arguments)

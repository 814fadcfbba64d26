"""Any tasks x any sharing x any loss balancer x any gradient balancer trains, saves and predicts.

Every pair of two parts of different kinds is covered, and the task mixes take turns; the cases are
made from what is registered, so that a new part is tested without a change here. TensorFlow, which
is quick to start on a case, runs all of them; for time's sake, JAX runs a tenth and torch a third.
"""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_towers, shop_rows

import mtframework as mtf
from mtframework.registry import (
    GRADIENT_BALANCERS,
    LOSS_BALANCERS,
    SHARING,
    load_builtin_parts,
)
from mtframework.training.train import batches_of

load_builtin_parts()


def ranking_and_retrieval() -> list[mtf.Task]:
    return [
        mtf.Ranking("rating", label="stars", loss_weight=0.5),
        mtf.Retrieval("find", query="shopper", candidate="product"),
    ]


def three_with_a_chain() -> list[mtf.Task]:
    return [
        mtf.BinaryFeedback("buy", label="bought", sample_weight="trust"),
        mtf.BinaryFeedback("love", label="stars", positive_from=5, parent="buy"),
        mtf.Ranking("rating", label="stars", hidden_units=[4]),
    ]


def two_retrievals() -> list[mtf.Task]:
    return [
        mtf.Retrieval("find", query="shopper", candidate="product", negatives="catalogue"),
        mtf.Retrieval("like", label="stars", positive_from=4, query="shopper", candidate="product"),
    ]


# Keras saves no state of a seed generator: after loading, what draws draws anew.
DRAWING = {"random", "graddrop", "gradvac", "pcgrad"}

MIXES = (ranking_and_retrieval, three_with_a_chain, two_retrievals)
KINDS = (
    [None, *(part.name for part in SHARING)],
    [None, *(part.name for part in LOSS_BALANCERS)],
    [None, *(part.name for part in GRADIENT_BALANCERS)],
)


def covering_cases() -> list[tuple]:
    """Returns cases in which every pair of parts of different kinds occurs."""
    missing = {
        ((i, one), (j, other))
        for i, j in itertools.combinations(range(3), 2)
        for one in KINDS[i]
        for other in KINDS[j]
    }
    cases = []
    while missing:
        best = max(
            itertools.product(*KINDS),
            key=lambda case: sum(pair in missing for pair in pairs_of(case)),
        )
        missing -= set(pairs_of(best))
        cases.append((MIXES[len(cases) // 2 % len(MIXES)], *best))
    every = {"tensorflow": 1, "jax": 10, "torch": 3}[keras.backend.backend()]
    return cases[::every]


def pairs_of(case):
    return itertools.combinations(enumerate(case), 2)


def made(registry, name):
    return None if name is None else registry.get(name).cls()


@pytest.mark.parametrize(
    ("mix", "sharing", "loss_balancer", "gradient_balancer"),
    covering_cases(),
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_combination(mix, sharing, loss_balancer, gradient_balancer, tmp_path):
    keras.utils.set_random_seed(1)
    shop = make_shop(train=shop_rows(64, seed=1))
    model = mtf.MultiTaskModel(
        make_towers(),
        mix(),
        sharing=made(SHARING, sharing),
        loss_balancer=made(LOSS_BALANCERS, loss_balancer),
        gradient_balancer=made(GRADIENT_BALANCERS, gradient_balancer),
    )
    model.adapt(shop)
    # Compiling takes far longer than these few steps; what is compiled is tested elsewhere.
    model.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
    step = next(iter(batches_of(model, shop, "train", 64)))
    before = {tower: weights_of(model, tower) for tower in model.towers}
    losses = [model.train_on_batch(*step, return_dict=True)["loss"] for _ in range(2)]
    assert np.isfinite(losses).all()
    for tower, weights in before.items():
        assert (weights != weights_of(model, tower)).any(), f"the tower {tower} learned nothing"
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    rows = model.encode({"shopper": [1, 2, 99], "product": ["product 03", "product 29", "?"]})
    here, there = (each(rows, training=False) for each in (model, again))
    for name in model.tasks:
        scores, expected = (
            ops.convert_to_numpy(each.score(name, outputs))
            for each, outputs in ((again, there), (model, here))
        )
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    if {loss_balancer, gradient_balancer} & DRAWING:
        return
    # What balancers and optimizer remember is in the file: the next step is the same one.
    again.run_eagerly = True
    for each in (model, again):
        each.train_on_batch(*step)
    for tower in before:
        np.testing.assert_allclose(
            weights_of(again, tower), weights_of(model, tower), rtol=1e-4, atol=1e-6
        )


def weights_of(model, tower: str) -> np.ndarray:
    (table,) = model.towers[tower].trainable_variables
    return np.array(ops.convert_to_numpy(table))

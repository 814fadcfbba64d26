"""Optimizers that would move what a batch says nothing about."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import make_shop, make_towers, shop_rows

import mtframework as mtf
from mtframework.balancing.uncertainty import UncertaintyWeights
from mtframework.model.idle_parts import keep_idle_parts

OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "adamw": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.05, momentum=0.5),
    "adagrad": lambda: keras.optimizers.Adagrad(0.05, weight_decay=0.1),
}


def arrays(variables) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(each)) for each in variables]


def batches(model, shop, seed, **changes):
    columns = shop.encode({**shop_rows(64, seed), **changes})
    return mtf.Batches(columns, model.feature_columns, model.label_columns, batch_size=64)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_batch_without_a_label_leaves_head_and_balancer_as_they_are(optimizer):
    shop = make_shop()
    tasks = [
        mtf.Ranking("rating", label="stars", hidden_units=[4]),
        mtf.BinaryFeedback("buy", label="bought", hidden_units=[4]),
    ]
    model = mtf.MultiTaskModel(make_towers(), tasks, loss_balancer=UncertaintyWeights())
    model.adapt(shop)
    model.compile(optimizer=OPTIMIZERS[optimizer]())
    model.fit(batches(model, shop, 1), epochs=3, verbose=0)
    rating, buy = model.tasks.values()
    own = [id(each) for each in rating.trainable_variables]
    remembered = [
        each
        for each in model.optimizer.variables
        if any(part in each.path for part in ("rating/", "rating_"))
    ]
    before = arrays(rating.trainable_variables), arrays(remembered), arrays(buy.variables)
    balance = arrays(model.loss_balancer.trainable_variables)
    no_stars = np.full(64, np.nan, "float32")
    model.fit(batches(model, shop, 2, stars=no_stars), epochs=3, verbose=0)
    assert own == [id(each) for each in rating.trainable_variables]
    for old, new in zip(before[0], arrays(rating.trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(before[1], arrays(remembered), strict=True):
        np.testing.assert_array_equal(old, new)
    assert any((o != n).any() for o, n in zip(before[2], arrays(buy.variables), strict=True))
    for old, new in zip(balance, arrays(model.loss_balancer.trainable_variables), strict=True):
        assert old.flat[0] == new.flat[0]
        assert old.flat[1] != new.flat[1]


def test_what_has_a_gradient_moves_as_if_nothing_was_kept():
    gradients = [np.array([0.5, -1.0], "float32"), np.array([0.0, 2.0], "float32")]
    results = []
    for kept in (False, True):
        variable, optimizer = keras.Variable([1.0, 2.0]), keras.optimizers.Adam(0.1)
        if kept:
            keep_idle_parts(optimizer, [[variable]])
        for gradient in gradients:
            optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
        results.append(np.array(ops.convert_to_numpy(variable)))
    np.testing.assert_array_equal(*results)

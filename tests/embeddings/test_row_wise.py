"""Row-wise updates against Keras's dense ones, in whole models."""

import importlib

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks

import mtframework as mtf
from mtframework.training.train import batches_of

DENSE = mtf.EmbeddingOptimizer(dense_up_to=None)


def make_model(tasks=None, **arguments):
    """Returns a model whose candidates are looked up by rows, by the penalty and as negatives."""
    keras.utils.set_random_seed(3)
    towers = [
        mtf.Tower("shopper", ["shopper", "age"], embedding_dim=8, l2=0.01),
        mtf.Tower("product", ["product"], embedding_dim=8, l2=0.02),
    ]
    uniform = mtf.Retrieval("find", query="shopper", candidate="product", num_uniform_negatives=7)
    return mtf.MultiTaskModel(towers, tasks or [*make_tasks()[::2], uniform], **arguments)


def densified(gradient):
    if not hasattr(gradient, "indices") or keras.backend.backend() != "tensorflow":
        return gradient
    return importlib.import_module("tensorflow").convert_to_tensor(gradient)


def whole(optimizer):
    """Returns a Keras optimizer that is given gradients of whole tables.

    On TensorFlow it would get the rows, and would square, and clip, each repetition by itself.
    """

    def apply(self, gradients, variables=None):
        plain.apply(self, [densified(each) for each in gradients], variables)

    plain = type(optimizer)
    optimizer.__class__ = type(plain.__name__, (plain,), {"apply": apply})
    return optimizer


def trained(optimizer, tables, model=None, epochs=3, batch_size=64):
    data = make_shop()
    model = model or make_model()
    model.adapt(data)
    model.compile(optimizer, embedding_optimizer=tables)
    keras.utils.set_random_seed(5)  # of the uniform negatives
    batches = batches_of(model, data, "train", batch_size)
    losses = model.fit(batches, epochs=epochs, verbose=0).history["loss"]
    return model, losses


def assert_equal_weights(one, other, tolerance=1e-6):
    for here, there in zip(one.weights, other.weights, strict=True):
        values = [keras.ops.convert_to_numpy(each) for each in (here, there)]
        np.testing.assert_allclose(*values, rtol=1e-5, atol=tolerance, err_msg=here.path)


SCHEDULE = {"initial_learning_rate": 0.2, "decay_steps": 4, "decay_rate": 0.7}
OPTIMIZERS = {
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "by value": lambda: keras.optimizers.Adagrad(0.1, clipvalue=1e-3),
    "by norm": lambda: keras.optimizers.Adagrad(0.1, clipnorm=1e-2),
    "by global norm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=1e-2),
    "scaled": lambda: keras.optimizers.Adagrad(0.1, loss_scale_factor=8.0, global_clipnorm=1e-2),
    "schedule": lambda: keras.optimizers.Adagrad(
        keras.optimizers.schedules.ExponentialDecay(**SCHEDULE)
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_row_wise_updates_equal_those_of_keras(name):
    make = OPTIMIZERS[name]
    dense, dense_losses = trained(whole(make()), DENSE)
    rows, losses = trained(make(), mtf.EmbeddingOptimizer(dense_up_to=0))
    assert len(rows.optimizer.state.tables) == 2
    assert not hasattr(dense.optimizer, "state")
    assert_equal_weights(rows, dense)
    np.testing.assert_allclose(losses, dense_losses, rtol=1e-5)

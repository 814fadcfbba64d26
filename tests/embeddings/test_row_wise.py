"""Row-wise updates against Keras's dense ones, in whole models.

Most cases take a model of one task: what they are about is its tables, and it compiles in half the
time.
"""

import importlib

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks

import mtframework as mtf
from mtframework.embeddings.row_wise_optimizer import RowWiseOptimizer, summed
from mtframework.embeddings.rules import rule_of
from mtframework.embeddings.table import Table
from mtframework.training.train import batches_of

DENSE = mtf.EmbeddingOptimizer(dense_up_to=None)


def uniform():
    return mtf.Retrieval("find", query="shopper", candidate="product", num_uniform_negatives=7)


def make_model(tasks=None, **arguments):
    """Returns a model whose candidates are looked up by rows, by the penalty and as negatives."""
    keras.utils.set_random_seed(3)
    towers = [
        mtf.Tower("shopper", ["shopper", "age"], embedding_dim=8, l2=0.01),
        mtf.Tower("product", ["product"], embedding_dim=8, l2=0.02),
    ]
    return mtf.MultiTaskModel(towers, tasks or [uniform()], **arguments)


def make_joint_model(**arguments):
    return make_model([*make_tasks()[::2], uniform()], **arguments)


def densified(gradient):
    if not hasattr(gradient, "indices") or keras.backend.backend() != "tensorflow":
        return gradient
    return importlib.import_module("tensorflow").convert_to_tensor(gradient)


def whole(optimizer):
    """Returns a Keras optimizer that is given gradients of whole tables.

    On TensorFlow it would get the rows, and would square, and clip, each repetition by itself.
    """

    def apply(self, grads, trainable_variables=None):
        plain.apply(self, [densified(each) for each in grads], trainable_variables)

    plain = type(optimizer)
    optimizer.__class__ = type(plain.__name__, (plain,), {"apply": apply})
    return optimizer


def trained(optimizer, tables, model=None, epochs=3, batch_size=80):
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
    "adagrad by schedule": lambda: keras.optimizers.Adagrad(
        keras.optimizers.schedules.ExponentialDecay(**SCHEDULE)
    ),
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "adagrad by value": lambda: keras.optimizers.Adagrad(0.1, clipvalue=1e-3),
    "sgd by norm": lambda: keras.optimizers.SGD(0.1, clipnorm=1e-2),
    "adagrad by global norm, scaled": lambda: keras.optimizers.Adagrad(
        0.1, loss_scale_factor=8.0, global_clipnorm=1e-2
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_row_wise_updates_equal_those_of_keras(name):
    make = OPTIMIZERS[name]
    model = make_joint_model if "global norm" in name else make_model
    dense, dense_losses = trained(whole(make()), DENSE, model())
    rows, losses = trained(make(), mtf.EmbeddingOptimizer(dense_up_to=0), model())
    assert len(rows.optimizer.state.tables) == 2
    assert not hasattr(dense.optimizer, "state")
    assert_equal_weights(rows, dense)
    np.testing.assert_allclose(losses, dense_losses, rtol=1e-5)


def test_one_number_a_row_is_the_mean_of_its_squares_and_repeated_ids_add_up():
    adagrad = keras.optimizers.Adagrad(0.5, initial_accumulator_value=0.0, epsilon=0.0)
    table = Table(3, 2)
    table.build()
    table.embeddings.assign(np.zeros((3, 2)))
    weights = table.trainable_weights
    optimizer = RowWiseOptimizer(keras.optimizers.Adam(), weights, rule_of(adagrad, True), adagrad)
    optimizer.build(weights)
    [slots] = optimizer.state.slots
    gradients = summed(np.array([2, 1, 2], "int32"), np.array([[1, 1], [0, 2], [2, 3]], "float32"))
    optimizer._move(weights[0], slots, gradients, 0.5, None)
    # Row 2: the gradient is (3, 4) and the mean of its squares 12.5; row 1: (0, 2), and 2.
    of_rows = [[0, 0], [0, -1 / 2**0.5], [-1.5 / 12.5**0.5, -2 / 12.5**0.5]]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weights[0]), of_rows, rtol=1e-6)
    moments = keras.ops.convert_to_numpy(slots["accumulator"])
    np.testing.assert_allclose(moments, [[0], [2], [12.5]])


def test_lazy_adam_leaves_rows_alone_that_are_not_looked_up():
    adam = keras.optimizers.Adam(0.1)
    tables = mtf.EmbeddingOptimizer(dense_up_to=0)
    model, _ = trained(adam, tables, epochs=1, batch_size=4)
    shoppers = model.towers["shopper"].encoder.parts[0].embedding
    before = keras.ops.convert_to_numpy(shoppers.embeddings)
    features, *labels_and_weights = batches_of(model, make_shop(), "train", 4)[0]
    model.train_on_batch(features, *labels_and_weights)
    after = keras.ops.convert_to_numpy(shoppers.embeddings)
    moved = np.flatnonzero((before != after).any(axis=1))
    assert set(moved) == set(features["shopper"])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_what_it_gives_in_keras(policy):
    keras.config.set_dtype_policy(policy)
    try:
        dense, _ = trained(whole(keras.optimizers.Adagrad(0.1)), DENSE, epochs=1)
        rows, _ = trained(
            keras.optimizers.Adagrad(0.1), mtf.EmbeddingOptimizer(dense_up_to=0), epochs=1
        )
    finally:
        keras.config.set_dtype_policy("float32")
    is_scaled = isinstance(rows.optimizer.dense, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (policy == "mixed_float16")
    # Both round, in another order.
    assert_equal_weights(rows, dense, tolerance=0.02)


def test_balancers_give_what_they_give_in_keras():
    def make():
        return make_joint_model(
            loss_balancer=mtf.UncertaintyWeights(), gradient_balancer=mtf.ProjectConflicting()
        )

    dense, _ = trained(whole(keras.optimizers.Adagrad(0.1)), DENSE, make(), 1)
    tables = mtf.EmbeddingOptimizer(dense_up_to=0)
    rows, _ = trained(keras.optimizers.Adagrad(0.1), tables, make(), 1)
    assert_equal_weights(rows, dense)


def test_a_task_without_labels_in_a_step_keeps_its_head():
    tables = mtf.EmbeddingOptimizer(dense_up_to=0)
    model, _ = trained(keras.optimizers.Adam(0.01), tables, make_joint_model(), epochs=1)
    features, labels, weights = batches_of(model, make_shop(), "train", 80)[0]
    head = [keras.ops.convert_to_numpy(each) for each in model.tasks["rating"].weights]
    labels = {**labels, "stars": np.full_like(labels["stars"], np.nan)}
    model.train_on_batch(features, labels, weights)
    for before, after in zip(head, model.tasks["rating"].weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(after), before)


def test_catalogue_losses_frozen_tables_and_small_ones_stay_with_keras():
    whole = mtf.Retrieval("find", query="shopper", candidate="product", negatives="catalogue")
    model = make_model([whole])
    model.towers["shopper"].trainable = False
    trained(keras.optimizers.Adagrad(0.1), mtf.EmbeddingOptimizer(dense_up_to=0), model, 1)
    assert type(model.optimizer) is keras.optimizers.Adagrad
    model, _ = trained(keras.optimizers.Adagrad(0.1), mtf.EmbeddingOptimizer(dense_up_to=21))
    assert [tuple(table.shape) for table in model.optimizer.state.tables] == [(31, 8)]


def test_a_saved_model_has_its_slots_and_trains_on_as_if_it_had_not_been_saved(tmp_path):
    tables = mtf.EmbeddingOptimizer(keras.optimizers.Adagrad(0.2), dense_up_to=0)
    model, _ = trained(keras.optimizers.Adam(0.01), tables, make_model(make_tasks()), epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    batches = batches_of(model, make_shop(), "train", 80, shuffle=False)
    for each in (model, loaded):
        for number in range(3):
            each.train_on_batch(*batches[number])
    assert_equal_weights(loaded, model)
    for here, there in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        values = [keras.ops.convert_to_numpy(each) for each in (here, there)]
        np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-6, err_msg=here.path)


@pytest.mark.parametrize(
    ("optimizer", "found"),
    [
        (lambda: keras.optimizers.Adagrad(0.1, use_ema=True), "Adagrad has use_ema = True"),
        (
            lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            "SGD has gradient_accumulation_steps",
        ),
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), "by SGD with momentum, which has no"),
        (lambda: keras.optimizers.RMSprop(0.1), "by RMSprop, which has no such form"),
    ],
)
def test_what_has_no_row_wise_form_is_refused_where_it_is_asked_for(optimizer, found):
    with pytest.raises(mtf.MtframeworkError, match=found):
        mtf.EmbeddingOptimizer(optimizer())
    model = make_model()
    model.adapt(make_shop())
    with pytest.raises(mtf.MtframeworkError, match=found):
        model.compile(optimizer(), embedding_optimizer=mtf.EmbeddingOptimizer())
    model.compile(optimizer())  # nobody asks for it
    assert found in mtf.EmbeddingOptimizer().describe(optimizer(), is_default=True)


@pytest.mark.parametrize(
    "wrong", [{"optimizer": "adam"}, {"per_row": 1}, {"dense_up_to": -1}, {"dense_up_to": True}]
)
def test_wrong_arguments_are_refused(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(mtf.MtframeworkError, match=f"has {name} = {value!r}"):
        mtf.EmbeddingOptimizer(**wrong)

"""The junction: identity forward, the balancer backward, and what it measures."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework import (
    GradientNormalisation,
    GradientVaccine,
    MultipleGradientDescent,
    NashBargaining,
    ProjectConflicting,
)
from mtframework.balancing.junction import Junction
from mtframework.errors import ModelError

TASKS = ("a", "b", "c")


def train(model, rows, optimizer=None, traced=False, **options):
    """Trains without shuffling, on TensorFlow in a graph only where `traced`; returns history."""
    # Tracing takes seconds, and once a behaviour is enough.
    eager = keras.backend.backend() == "tensorflow" and not traced
    model.compile(optimizer=optimizer or keras.optimizers.SGD(0.1), run_eagerly=eager)
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False, **options}
    return model.fit(*rows, **options).history


def weights_of(model):
    layers = (model.shared, *model.heads.values())
    return [ops.convert_to_numpy(layer.weights[0]).astype("float64") for layer in layers]


def cosine(one, other):
    return (one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum())


def test_forward_is_the_identity():
    inputs = {"user": ops.ones((2, 3)), "movie": 2 * ops.ones((2, 4))}
    junction = Junction(TASKS)
    for training in (True, False):
        copies = junction(inputs, training=training)
        assert list(copies) == list(TASKS)
        for copy in copies.values():
            assert ops.convert_to_numpy(copy["user"]).tolist() == [[1.0] * 3] * 2
            assert ops.convert_to_numpy(copy["movie"]).tolist() == [[2.0] * 4] * 2


def test_the_plain_sum_equals_no_junction(toy, rows):
    results = []
    for junction in (Junction(TASKS), None):
        keras.utils.set_random_seed(0)
        model = toy(junction)
        history = train(model, rows, keras.optimizers.Adam(0.05, clipnorm=0.5), traced=True)
        results.append((history["loss"], weights_of(model)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=0, atol=1e-6)
    for with_junction, without in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(with_junction, without, rtol=0, atol=1e-6)


def test_one_step_takes_the_balanced_gradient(toy, rows, shared_gradients):
    features, labels = (each[:8] for each in rows)
    model = toy(Junction(TASKS, MultipleGradientDescent()))
    model.build((None, 3))
    gradients = shared_gradients(model, features, labels).reshape(3, -1)
    before = weights_of(model)
    train(model, (features, labels), keras.optimizers.SGD(1.0), epochs=1)
    step = before[0] - weights_of(model)[0]
    # The step is featuresᵀ · combined; the shortest vector between the gradients, by a grid.
    grid = np.linspace(0, 1, 201)
    shares = np.array([(u, v, 1 - u - v) for u in grid for v in grid if u + v <= 1 + 1e-9])
    gram = gradients @ gradients.T
    lengths = np.einsum("ki,ij,kj->k", shares, gram, shares)
    combined = (shares[lengths.argmin()] @ gradients).reshape(8, 4)
    np.testing.assert_allclose(step, features.T @ combined, rtol=0, atol=0.02 * np.abs(step).max())
    reported = ops.convert_to_numpy(model.junction.measured)[-1]
    np.testing.assert_allclose(reported, shares[lengths.argmin()], atol=0.01)


def test_an_epochs_cosines_norms_and_weights(toy, rows, shared_gradients):
    features, labels = rows
    labels = labels.copy()
    labels[8:16, 1] = np.nan  # the second batch has no label for b
    model = toy(Junction(TASKS, ProjectConflicting(seed=0)))
    model.build((None, 3))
    batches = [(features[i : i + 8], labels[i : i + 8]) for i in (0, 8, 16)]
    steps = [dict(zip(TASKS, shared_gradients(model, *batch), strict=True)) for batch in batches]
    # A learning rate of 0 keeps the gradients at their formula; two epochs, to meet the reset.
    history = train(model, (features, labels), keras.optimizers.SGD(0.0), traced=True)
    report = model.junction.report()
    for pair in (("a", "b"), ("a", "c"), ("b", "c")):
        cosines = [cosine(step[pair[0]], step[pair[1]]) for step in steps if step["b"].any()]
        if "b" not in pair:
            cosines.insert(1, cosine(steps[1]["a"], steps[1]["c"]))
        key = f"gradient_cosine/{pair[0]}/{pair[1]}"
        assert model.junction.gradient_cosines()[pair] == pytest.approx(np.mean(cosines), abs=1e-5)
        assert report[key] == model.junction.gradient_cosines()[pair]
        # The logs know all steps but the last.
        assert history[key][-1] == pytest.approx(np.mean(cosines[:-1]), abs=1e-5)
    for name in TASKS:
        norms = [np.linalg.norm(step[name]) for step in steps if step[name].any()]
        assert report[f"gradient_norm/{name}"] == pytest.approx(np.mean(norms), rel=1e-5)
        assert report[f"gradient_weight/{name}"] >= 1.0 - 1e-5


def test_a_task_that_reads_no_copy_is_absent(toy, rows):
    model = toy(Junction((*TASKS, "idle"), ProjectConflicting(seed=0)))
    features, labels = rows
    # The toy's own tasks are the first three; the fourth takes no part in the loss.
    model.junction.observe = lambda losses, present: 0.0
    train(model, (features, labels), traced=True, epochs=1)
    assert len(model.junction.gradient_cosines()) == 3
    assert "gradient_norm/idle" not in model.junction.report()


def test_evaluation_measures_nothing(toy, rows):
    model = toy(Junction(TASKS, GradientVaccine()))
    train(model, rows)
    state = ops.convert_to_numpy(model.junction.balancer_state).copy()
    assert state.any()
    model.evaluate(*rows, verbose=0)
    assert model.junction.statistics.is_empty()
    assert model.junction.gradient_cosines() == {}
    np.testing.assert_array_equal(ops.convert_to_numpy(model.junction.balancer_state), state)


def test_clipping_and_decay_leave_the_state_alone(toy, rows):
    states = []
    for options in ({}, {"weight_decay": 0.5, "global_clipnorm": 1e-4}):
        keras.utils.set_random_seed(0)
        model = toy(Junction(TASKS, GradientNormalisation(learning_rate=0.1)))
        # One step, so that the weights' own decay does not change the gradients yet.
        train(model, rows, keras.optimizers.AdamW(0.01, **options), batch_size=24, epochs=1)
        states.append(
            [
                ops.convert_to_numpy(model.junction.balancer_state),
                ops.convert_to_numpy(model.junction.measured),
            ]
        )
    assert np.abs(states[0][0] - 1.0).max() > 0.01
    for plain, clipped in zip(*states, strict=True):
        np.testing.assert_allclose(plain, clipped, rtol=1e-5)


def test_a_loss_scale_is_undone(toy, rows):
    """Nash's result has a fixed length, so a scaled loss would shrink it if nobody knew."""
    results = []
    for scale in (None, 1024.0):
        keras.utils.set_random_seed(0)
        model = toy(Junction(TASKS, NashBargaining()))
        model.build((None, 3))
        optimizer = keras.optimizers.SGD(0.01, loss_scale_factor=scale)
        # The scale is known from the second step on.
        history = train(model, rows, optimizer, traced=True, batch_size=24, epochs=4)
        results.append((model.junction.report(), history["loss"]))
        assert float(ops.convert_to_numpy(model.junction.loss_scale)) == (scale or 1.0)
    for key, value in results[0][0].items():
        assert results[1][0][key] == pytest.approx(value, rel=0.1, abs=0.05)
    falls = [loss[1] - loss[-1] for _, loss in results]
    assert falls[1] == pytest.approx(falls[0], rel=0.25)


def test_accumulated_steps_report_the_worst_conflict(toy, rows, shared_gradients):
    features, labels = rows
    model = toy(Junction(TASKS))
    model.build((None, 3))
    batches = [(features[i : i + 12], labels[i : i + 12]) for i in (0, 12)]
    gradients = [shared_gradients(model, *batch) for batch in batches]
    optimizer = keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)
    train(model, rows, optimizer, batch_size=12, epochs=1)
    worst = min(cosine(step[0], step[1]) for step in gradients)
    assert model.junction.gradient_cosines()["a", "b"] == pytest.approx(worst, abs=1e-5)


@pytest.mark.parametrize("balancer", [None, GradientNormalisation(asymmetry=0.5)])
def test_saves_and_loads(balancer, toy, rows, tmp_path):
    model = toy(Junction(TASKS, balancer))
    train(model, rows, keras.optimizers.Adam(0.01))
    model.save(tmp_path / "toy.keras")
    loaded = keras.saving.load_model(tmp_path / "toy.keras")
    assert loaded.junction.get_config() == model.junction.get_config()
    for old, new in zip(model.junction.variables, loaded.junction.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(old), ops.convert_to_numpy(new))
    train(loaded, rows, loaded.optimizer, epochs=1)
    assert loaded.junction.gradient_cosines()


def test_half_precision(toy, rows):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = toy(Junction(TASKS, GradientNormalisation()))
        features, labels = rows
        history = train(model, (features, labels), keras.optimizers.Adam(0.01), epochs=8)
    finally:
        keras.config.set_dtype_policy(policy)
    assert np.isfinite(history["loss"]).all()
    assert model.optimizer.name == "loss_scale_optimizer"
    scale = float(ops.convert_to_numpy(model.junction.loss_scale))
    assert scale > 100.0
    # The norms are those of the unscaled losses.
    assert model.junction.report()["gradient_norm/a"] < 50.0


def test_one_task_has_a_junction_but_no_balancer():
    copies = Junction(["a"])(ops.ones((2, 3)), training=True)
    assert ops.convert_to_numpy(copies["a"]).sum() == 6.0
    with pytest.raises(ModelError, match=r"was given 1 task\."):
        Junction(["a"], ProjectConflicting())  # at once, so that `check` finds it


def test_a_name_in_place_of_a_balancer():
    with pytest.raises(ModelError) as raised:
        Junction(TASKS, balancer="pcgrad")
    assert raised.value.found == "The gradient balancer is 'pcgrad'."
    assert raised.value.expected == "An instance of a GradientBalancer, or None."
    assert raised.value.fix == "Give it as ProjectConflicting(), in Gin as @ProjectConflicting()."

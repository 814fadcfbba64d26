"""Loss balancers over several steps, by hand, and their gradients against the plain form."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework import (
    DynamicWeightAverage,
    FastAdaptiveWeights,
    GeometricMean,
    ImpartialLosses,
    InitialLossWeights,
    RandomWeights,
    ScheduledWeights,
    StaticWeights,
    UncertaintyWeights,
)
from mtframework.balancing.loss_balancer import check_loss_weights
from mtframework.errors import ModelError
from mtframework.registry import LOSS_BALANCERS

NAMES = sorted(part.name for part in LOSS_BALANCERS)
TASKS = ["a", "b", "c"]


def make(name, **arguments):
    balancer = LOSS_BALANCERS.get(name).cls(**arguments)
    balancer.build(TASKS)
    return balancer


def weigh(balancer, losses, present=(True, True, True), training=True):
    """One step in NumPy: (total, weights)."""
    names = balancer.task_names
    total, weights = balancer.weigh(
        {
            name: ops.convert_to_tensor(np.float32(loss))
            for name, loss in zip(names, losses, strict=True)
        },
        dict(zip(names, present, strict=True)),
        training=training,
    )
    to_numpy = ops.convert_to_numpy
    return (
        float(to_numpy(ops.stop_gradient(total))),
        np.array([to_numpy(ops.stop_gradient(weights[name])) for name in names], "float64"),
    )


def state(balancer):
    return [ops.convert_to_numpy(variable).copy() for variable in balancer.variables]


class Losses(keras.Model):
    """A model whose weights are the losses, so that one step of SGD shows a balancer's gradient."""

    def __init__(self, balancer, losses):
        super().__init__()
        self.balancer = balancer
        self.losses_of_tasks = self.add_weight(
            shape=(len(losses),), initializer=keras.initializers.Constant(np.array(losses))
        )
        self.built = True

    def call(self, inputs):
        return inputs * self.losses_of_tasks[0]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        values = ops.unstack(ops.convert_to_tensor(self.losses_of_tasks), num=len(TASKS))
        present = {name: ops.logical_not(ops.isnan(y[0, i])) for i, name in enumerate(TASKS)}
        return self.balancer(dict(zip(TASKS, values, strict=True)), present, training=training)


def gradients(balancer, losses, present=(True, True, True)):
    """The gradients of the total by the losses and by the trainable variables, from one step."""
    model = Losses(balancer, losses)
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    label = np.where(present, 0.0, np.nan)[None].astype("float32")
    model.fit(np.zeros((1, 1), "float32"), label, verbose=0)
    after = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    return [old - new for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize("present", [(True, True, True), (True, False, True)])
@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_derivatives(name, present):
    balancer = make(name)
    losses = np.where(present, [0.5, 2.0, 1.5], 0.0)
    slopes = gradients(balancer, losses, present)[0]
    if name == "random":
        # Drawn anew in each step: only what holds for every draw.
        assert slopes.sum() == pytest.approx(1.0, abs=1e-5)
        assert (slopes[np.array(present)] > 0).all()
        assert (slopes[~np.array(present)] == 0).all()
        return
    # A new balancer, since the step has moved the state of the first.
    _, weights = weigh(make(name), losses, present)
    np.testing.assert_allclose(slopes, weights, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "variable", "total", "slope"),
    [
        (
            "uncertainty",
            "log_variances",
            lambda s, loss: 0.5 * (np.exp(-s) * loss + s),
            lambda s, loss: 0.5 * (1.0 - np.exp(-s) * loss),
        ),
        (
            "imtl_l",
            "log_scales",
            lambda s, loss: np.exp(s) * loss - s,
            lambda s, loss: np.exp(s) * loss - 1.0,
        ),
    ],
)
def test_learned_weights(name, variable, total, slope):
    values, losses = np.array([0.3, -0.2, 1.1]), np.array([0.5, 2.0, 1.5])
    balancer = make(name)
    getattr(balancer, variable).assign(values)
    assert weigh(balancer, losses)[0] == pytest.approx(total(values, losses).sum(), rel=1e-5)
    present = np.array([True, False, True])
    assert weigh(balancer, losses, present)[0] == pytest.approx(
        total(values, losses)[present].sum(), rel=1e-5
    )
    learned = gradients(balancer, losses, present)[-1]
    np.testing.assert_allclose(learned, np.where(present, slope(values, losses), 0), atol=1e-5)


def test_uncertainty_settles_where_the_variance_is_the_loss():
    balancer = make("uncertainty")
    model = Losses(balancer, [0.5, 2.0, 1.5])
    model.losses_of_tasks.trainable = False
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    features, labels = np.zeros((60, 1), "float32"), np.zeros((60, 3), "float32")
    model.fit(features, labels, batch_size=1, verbose=0)
    variances = np.exp(ops.convert_to_numpy(balancer.log_variances))
    np.testing.assert_allclose(variances, [0.5, 2.0, 1.5], rtol=1e-3)


def test_static_is_the_sum():
    balancer = make("static")
    assert weigh(balancer, [1.0, 2.0, 4.0])[0] == 7.0
    total, weights = weigh(balancer, [1.0, 2.0, 4.0], (True, False, True))
    assert total == 5.0
    assert weights.tolist() == [1.0, 0.0, 1.0]


def test_geometric_mean():
    total, weights = weigh(make("geometric_mean"), [1.0, 2.0, 4.0])
    assert total == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3, 1 / 6], rtol=1e-5)
    total, weights = weigh(make("geometric_mean"), [1.0, 0.0, 4.0], (True, False, True))
    assert total == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(weights, [1.0, 0.0, 0.25], rtol=1e-5)
    assert weigh(make("geometric_mean"), [0.0] * 3, (False,) * 3)[0] == 0.0


def test_random_weights():
    balancer = make("random", seed=0)
    drawn = np.stack([weigh(balancer, [1.0, 2.0, 4.0])[1] for _ in range(200)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0, atol=1e-5)
    # The logs of the weights' ratios are normal with variance 2: a difference of two normals.
    ratios = np.log(drawn[:, 0] / drawn[:, 1])
    assert abs(ratios.mean()) < 0.4
    assert ratios.var() == pytest.approx(2.0, abs=0.7)
    np.testing.assert_allclose(weigh(balancer, [1.0] * 3, training=False)[1], 1 / 3, rtol=1e-6)
    _, weights = weigh(balancer, [1.0, 0.0, 4.0], (True, False, True))
    assert weights[1] == 0.0
    assert weights.sum() == pytest.approx(1.0, rel=1e-5)


def test_initial_loss():
    balancer = make("initial_loss", num_steps=2)
    assert weigh(balancer, [1.0, 2.0, 0.0], (True, True, False))[0] == pytest.approx(2.0)
    # Means so far: 2, 1.5 and, in its first step, 5.
    total, weights = weigh(balancer, [3.0, 1.0, 5.0])
    assert total == pytest.approx(3 / 2 + 1 / 1.5 + 1.0, rel=1e-5)
    np.testing.assert_allclose(weights, [1 / 2, 1 / 1.5, 1 / 5], rtol=1e-5)
    # The first two have had their two steps; the third has its second.
    total, _ = weigh(balancer, [4.0, 3.0, 15.0])
    assert total == pytest.approx(4 / 2 + 3 / 1.5 + 15 / 10, rel=1e-5)
    assert weigh(balancer, [4.0, 3.0, 10.0])[0] == pytest.approx(2 + 2 + 1, rel=1e-5)


def test_dynamic_weight_average():
    balancer = make("dynamic_weight_average", period=2, temperature=2.0)
    first = [[4.0, 2.0, 1.0], [2.0, 2.0, 1.0]]  # means 3, 2, 1
    second = [[1.0, 2.0, 0.0], [2.0, 2.0, 0.0]]  # means 1.5, 2, none
    for losses in first:
        assert weigh(balancer, losses) == (sum(losses), pytest.approx([1, 1, 1], rel=1e-6))
    for losses in second:
        _, weights = weigh(balancer, losses, (True, True, False))
        np.testing.assert_allclose(weights, [1, 1, 0], rtol=1e-6)
    rates = np.exp(np.array([1.5 / 3, 2 / 2, 1.0]) / 2)
    expected = 3 * rates / rates.sum()
    total, weights = weigh(balancer, [1.0, 1.0, 2.0])
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert total == pytest.approx(expected @ [1, 1, 2], rel=1e-5)
    # The third task's second mean, 4, comes a period later.
    weigh(balancer, [2.0, 1.0, 6.0])
    rates = np.exp(np.array([1.5 / 1.5, 1 / 2, 4 / 1]) / 2)
    np.testing.assert_allclose(weigh(balancer, [1] * 3)[1], 3 * rates / rates.sum(), rtol=1e-5)


def test_famo():
    balancer = make("famo", learning_rate=0.5, decay=0.1)
    steps = [
        ([1.0, 2.0, 4.0], (True, True, True)),
        ([0.5, 2.0, 0.0], (True, True, False)),
        ([0.4, 2.2, 1.0], (True, True, True)),
        ([0.3, 1.5, 0.9], (True, True, True)),
    ]
    logits, last = np.zeros(3), np.full(3, np.nan)
    for losses, present in steps:
        losses, present = np.array(losses), np.array(present)
        logs = np.where(present, np.log(np.maximum(losses, 1e-8)), np.nan)
        known = present & ~np.isnan(last)
        if known.any():
            shares = np.where(known, np.exp(logits), 0)
            shares /= shares.sum()
            fall = np.where(known, last - logs, 0)
            jacobian = np.diag(shares) - np.outer(shares, shares)
            logits = logits - 0.5 * np.where(known, jacobian @ fall + 0.1 * logits, 0)
        last = np.where(present, logs, last)
        shares = np.where(present, np.exp(logits), 0)
        shares /= shares.sum()
        ratio = np.where(present, shares / np.where(present, losses, 1), 0)
        total, weights = weigh(balancer, losses, present)
        np.testing.assert_allclose(weights, ratio / ratio.sum(), atol=1e-5)
        expected = (shares[present] * logs[present]).sum() / ratio.sum()
        assert total == pytest.approx(expected, rel=1e-4, abs=1e-6)
        np.testing.assert_allclose(ops.convert_to_numpy(balancer.logits), logits, atol=1e-5)
    # The first task fell most, so it has lost weight.
    assert logits[0] < logits[1]


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("linear", [0.5, 0.75, 1.0, 1.25, 1.5, 1.5]),
        ("cosine", [0.5, 0.5 + 0.5 - 0.5 * np.sqrt(0.5), 1.0, 1.0 + 0.5 * np.sqrt(0.5), 1.5, 1.5]),
        ("step", [0.5, 0.5, 0.5, 0.5, 1.5, 1.5]),
    ],
)
def test_schedules(schedule, factors):
    balancer = make("scheduled", tasks=["b"], schedule=schedule, start=0.5, end=1.5, num_steps=4)
    for factor in factors:
        weigh(balancer, [1.0, 2.0, 4.0], training=False)  # moves nothing
        total, weights = weigh(balancer, [1.0, 2.0, 4.0])
        assert total == pytest.approx(5.0 + 2.0 * factor, rel=1e-5)
        np.testing.assert_allclose(weights, [1.0, factor, 1.0], rtol=1e-5)


def test_a_schedule_composes_with_others():
    balancer = make(
        "scheduled",
        tasks=["a"],
        start=0.0,
        end=2.0,
        num_steps=2,
        balancer=ScheduledWeights(
            tasks=["c"], schedule="step", start=3.0, end=4.0, num_steps=1, balancer=GeometricMean()
        ),
    )
    # At factor 0 the first task is absent: √(2 · 3·4), then the cube root of (1·1)(2)(4·4).
    assert weigh(balancer, [1.0, 2.0, 4.0])[0] == pytest.approx(np.sqrt(24.0), rel=1e-5)
    total, weights = weigh(balancer, [1.0, 2.0, 4.0])
    assert total == pytest.approx(32.0 ** (1 / 3), rel=1e-5)
    np.testing.assert_allclose(weights, total / 3 / np.array([1.0, 2.0, 4.0]), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_moves_no_state(name):
    balancer = make(name)
    weigh(balancer, [1.0, 2.0, 4.0])
    before = state(balancer)
    weigh(balancer, [0.1, 5.0, 2.0], training=False)
    for old, new in zip(before, state(balancer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_tasks_state_stands_still(name):
    balancer = make(name)
    for _ in range(2):
        weigh(balancer, [1.0, 2.0, 4.0])
    before = state(balancer)
    total, weights = weigh(balancer, [0.5, 0.0, 3.0], (True, False, True))
    assert np.isfinite(total)
    assert weights[1] == 0.0
    for old, new in zip(before, state(balancer), strict=True):
        if old.shape == (3,):
            assert old[1] == new[1]


@pytest.mark.parametrize("name", NAMES)
def test_no_task_present_gives_zero_and_moves_nothing(name):
    balancer = make(name)
    weigh(balancer, [1.0, 2.0, 4.0])
    before = state(balancer)
    assert weigh(balancer, [0.0] * 3, (False,) * 3)[0] == 0.0
    for variable, old in zip(balancer.variables, before, strict=True):
        if "seed" not in variable.path:
            np.testing.assert_array_equal(old, ops.convert_to_numpy(variable))


@pytest.mark.parametrize("name", NAMES)
def test_trains_in_a_model_saves_and_loads(name, toy, rows, tmp_path):
    balancer = LOSS_BALANCERS.get(name).cls()
    model = toy(None, loss_balancer=balancer)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    features, labels = rows
    labels = labels.copy()
    labels[8:16, 1] = np.nan  # the second batch has no label for the second task
    history = model.fit(features, labels, batch_size=8, epochs=2, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()
    assert any(np.any(each) for each in state(balancer)) or not balancer.variables
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss_balancer.get_config() == balancer.get_config()
    assert loaded.loss_balancer.task_names == balancer.task_names
    # Keras saves no random seeds.
    for old, new in zip(balancer.weights, loaded.loss_balancer.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(old), ops.convert_to_numpy(new))
    if name != "random":
        for training in (False, True):
            steps = [
                weigh(each, [0.5, 2.0, 1.5], training=training)
                for each in (balancer, loaded.loss_balancer)
            ]
            assert steps[0][0] == steps[1][0]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("static", "scheduled")])
def test_one_task_is_an_error(name):
    cls = LOSS_BALANCERS.get(name).cls
    with pytest.raises(ModelError) as raised:
        cls().build(["a"])
    assert raised.value.found == f"The loss balancer {cls.__name__} was given 1 task."
    assert raised.value.expected == "At least 2 tasks, whose losses can be balanced."
    assert raised.value.fix == "Take the loss balancer out of the model, or add a task."


def test_other_tasks_are_an_error():
    balancer = UncertaintyWeights(name="trust")
    balancer.build(["a", "b"])
    balancer.build(["a", "b"])  # the same ones are none
    with pytest.raises(ModelError) as raised:
        balancer.build(["a", "c"])
    assert raised.value.found == (
        'The loss balancer trust was built for the tasks "a", "b" and then for "a", "c".'
    )
    assert raised.value.fix == "Make a new balancer for each model."


def test_one_task_has_a_sum_and_a_schedule():
    for balancer in (StaticWeights(), ScheduledWeights(tasks=["a"], start=1.0)):
        balancer.build(["a"])
        assert weigh(balancer, [3.0], [True])[0] == 3.0


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ({"a": 1.0, "b": -0.5}, 'The loss weight of the task "b" is -0.5.'),
        ({"a": float("nan"), "b": 1.0}, 'The loss weight of the task "a" is nan.'),
        ({"a": 0.0, "b": 0.0}, 'The loss weights of all tasks ("a", "b") are 0.'),
    ],
)
def test_wrong_loss_weights(weights, found):
    with pytest.raises(ModelError) as raised:
        check_loss_weights(weights)
    assert raised.value.found == found
    check_loss_weights({"a": 0.0, "b": 0.5})


def test_an_unknown_schedule():
    with pytest.raises(ModelError) as raised:
        ScheduledWeights(["a"], schedule="cosin")
    assert raised.value.found == 'There is no schedule "cosin". Did you mean "cosine"?'
    assert raised.value.expected == 'One of "cosine", "linear", "step".'


def test_a_schedule_of_an_unknown_task():
    with pytest.raises(ModelError) as raised:
        ScheduledWeights(["wtach"]).build(["rating", "watch"])
    assert raised.value.found == (
        'ScheduledWeights.tasks names "wtach", and there is no such task. Did you mean "watch"?'
    )
    assert raised.value.expected == 'One of "rating", "watch".'


def test_a_schedule_that_leaves_nothing_to_train():
    with pytest.raises(ModelError, match="are 0") as raised:
        ScheduledWeights(["a", "b"], start=0.0).build(["a", "b"])
    assert raised.value.fix == "Give a task a positive loss_weight."


@pytest.mark.parametrize(
    ("make_wrong", "found", "expected"),
    [
        (
            lambda: ScheduledWeights(["a"], start=-1.0),
            "The start of ScheduledWeights is -1.0.",
            "A finite number of at least 0.",
        ),
        (
            lambda: ScheduledWeights(["a"], end=float("inf")),
            "The end of ScheduledWeights is inf.",
            "A finite number of at least 0.",
        ),
        (
            lambda: ScheduledWeights(["a"], num_steps=0),
            "The num_steps of ScheduledWeights is 0.",
            "A finite number above 0.",
        ),
        (
            lambda: DynamicWeightAverage(period=0),
            "The period of DynamicWeightAverage is 0.",
            "A finite number above 0.",
        ),
        (
            lambda: DynamicWeightAverage(temperature=-1.0),
            "The temperature of DynamicWeightAverage is -1.0.",
            "A finite number above 0.",
        ),
        (
            lambda: FastAdaptiveWeights(learning_rate=0.0),
            "The learning_rate of FastAdaptiveWeights is 0.0.",
            "A finite number above 0.",
        ),
        (
            lambda: FastAdaptiveWeights(decay=-0.1),
            "The decay of FastAdaptiveWeights is -0.1.",
            "A finite number of at least 0.",
        ),
        (
            lambda: InitialLossWeights(num_steps=0),
            "The num_steps of InitialLossWeights is 0.",
            "A finite number above 0.",
        ),
    ],
)
def test_bad_ranges(make_wrong, found, expected):
    with pytest.raises(ModelError) as raised:
        make_wrong()
    assert raised.value.found == found
    assert raised.value.expected == expected


def test_all_methods_are_registered():
    expected = {
        "dynamic_weight_average": DynamicWeightAverage,
        "famo": FastAdaptiveWeights,
        "geometric_mean": GeometricMean,
        "imtl_l": ImpartialLosses,
        "initial_loss": InitialLossWeights,
        "random": RandomWeights,
        "scheduled": ScheduledWeights,
        "static": StaticWeights,
        "uncertainty": UncertaintyWeights,
    }
    assert {name: LOSS_BALANCERS.get(name).cls for name in expected} == expected


def test_uncertainty_of_a_solved_task_is_bounded():
    # A loss of zero has the gradient 1/2 at every log variance, which no step would ever end.
    balancer = make("uncertainty", max_weight=50.0)
    optimizer = keras.optimizers.SGD(1.0)
    for _ in range(20):
        optimizer.apply([ops.full((3,), 0.5)], [balancer.log_variances])
    lowest = ops.convert_to_numpy(balancer.log_variances).min()
    assert lowest == pytest.approx(-4.605170, abs=1e-5)  # -ln 100: half of its inverse is 50
    with pytest.raises(ModelError, match="max_weight"):
        UncertaintyWeights(max_weight=0.5)

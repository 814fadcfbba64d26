"""Gradient balancers against torchjd's results, their own definitions, and plain formulas."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
import torchjd_reference
from keras import ops

from mtframework import (
    AlignedGradients,
    ConflictAverse,
    GradientNormalisation,
    GradientSignDropout,
    GradientVaccine,
    ImpartialGradients,
    MultipleGradientDescent,
    NashBargaining,
    ProjectConflicting,
    UnconflictingProjection,
)
from mtframework.balancing.gram import eigen, gram_matrix
from mtframework.errors import ModelError
from mtframework.registry import GRADIENT_BALANCERS

CASES = torchjd_reference.read()
# As torchjd's are set up for the reference.
SETTINGS = {"nash_mtl": {"max_norm": 0.0}, "gradvac": {"momentum": 0.5}}
NAMES = sorted(part.name for part in GRADIENT_BALANCERS)


def make(name):
    return GRADIENT_BALANCERS.get(name).cls(**SETTINGS.get(name, {}))


def prepared_for(name, num_tasks, size):
    """What the balancer draws in the forward pass: the tasks in order, or fixed numbers."""
    if name in ("pcgrad", "gradvac"):
        return np.tile(np.arange(num_tasks, dtype="float32"), (num_tasks, 1))
    if name == "graddrop":
        return torchjd_reference.draws(size).astype("float32")
    return np.ones(num_tasks, "float32") if name == "gradnorm" else None


@functools.cache
def compiled(cls, config, num_tasks):
    """Returns the traced step of a balancer; its arguments' shapes decide what is compiled."""
    balancer = cls.from_config(json.loads(config))
    balancer.build(num_tasks)

    def step(gradients, state, prepared):
        rows = ops.unstack(gradients, num=num_tasks)
        return balancer.update(rows, gram_matrix(rows), state, prepared)

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(step)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(step, autograph=False)
    return step


def update(balancer, gradients, state=None, prepared=None):
    """One step, as a training step would compile it, in NumPy: (combined, weights, state)."""
    num_tasks, size = np.shape(gradients)
    # Entries that are zero for all tasks change nothing; few shapes mean few compilations.
    padded = np.zeros((num_tasks, max(size, 16)), "float32")
    padded[:, :size] = gradients
    if isinstance(balancer, GradientSignDropout):
        prepared = np.resize(prepared, max(size, 16))
    config = {**balancer.get_config(), "name": "step"}
    step = compiled(type(balancer), json.dumps(config), num_tasks)
    state = balancer.initial_state(num_tasks) if state is None else state
    arguments = (
        None if each is None else ops.convert_to_tensor(np.asarray(each, "float32"))
        for each in (padded, state, prepared)
    )
    combined, weights, state = (
        None if each is None else ops.convert_to_numpy(each).astype("float64")
        for each in step(*arguments)
    )
    return combined[:size], weights, state


def combine(name, gradients):
    prepared = prepared_for(name, *np.shape(gradients))
    return update(make(name), gradients, prepared=prepared)[0]


def assert_near(actual, expected, tolerance=1e-4):
    expected = np.asarray(expected)
    scale = max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("case", "name"),
    [(case, name) for case, content in CASES.items() for name in content["combined"]],
)
def test_equals_torchjd(case, name):
    gradients = np.array(CASES[case]["gradients"])
    assert_near(combine(name, gradients), CASES[case]["combined"][name])


def test_the_reference_holds_most_methods_on_most_matrices():
    counts = dict.fromkeys(CASES["two"]["combined"], 0)
    for content in CASES.values():
        for name in content["combined"]:
            counts[name] += 1
    assert len(counts) == 9
    assert min(counts.values()) >= 7


@pytest.mark.parametrize("case", CASES)
def test_mgda_is_the_shortest_vector_between_the_gradients(case):
    gradients = np.array(CASES[case]["gradients"])
    combined, weights, _ = update(MultipleGradientDescent(), gradients)
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    # Shortest exactly when no gradient makes less progress than the vector itself. In float32 the
    # progress is known up to the rounding of the longest gradient.
    length = np.linalg.norm(combined)
    slack = combined @ combined - (gradients @ combined).min()
    assert slack <= 1e-5 * length * np.linalg.norm(gradients, axis=1).max()


@pytest.mark.parametrize("case", CASES)
def test_cagrad_is_at_the_saddle_point(case):
    gradients = np.array(CASES[case]["gradients"])
    _, weights, _ = update(ConflictAverse(radius=0.5), gradients)
    mean = gradients.mean(axis=0)
    combined = gradients.T @ weights
    radius = 0.5 * np.linalg.norm(mean)
    assert np.linalg.norm(combined - mean) == pytest.approx(radius, rel=1e-5)
    # For any weights the worst task's progress is at most f(weights); equal at the optimum only.
    shares = weights - 1.0 / len(gradients)
    towards = gradients.T @ shares / shares.sum()
    bound = towards @ mean + radius * np.linalg.norm(towards)
    worst = (gradients @ combined).min()
    assert bound - worst <= 2e-5 * np.linalg.norm(gradients, axis=1).max() * np.linalg.norm(mean)


@pytest.mark.parametrize("case", CASES)
def test_nash_solves_its_equation(case):
    gradients = np.array(CASES[case]["gradients"])
    _, weights, _ = update(NashBargaining(max_norm=0.0), gradients)
    assert weights.min() > 0.0
    np.testing.assert_allclose(weights * (gradients @ gradients.T @ weights), 1.0, atol=5e-4)


def test_nash_shortens_to_max_norm():
    gradients = np.array(CASES["random"]["gradients"])
    combined, _, _ = update(NashBargaining(max_norm=0.25), gradients)
    assert np.linalg.norm(combined) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_upgrad_harms_no_task(case):
    gradients = np.array(CASES[case]["gradients"])
    combined, weights, _ = update(UnconflictingProjection(regularization=1e-4), gradients)
    # A task's progress is at least what its regularisation, 1e-4 of the trace, gives away.
    given_away = 1e-4 * np.sum(gradients**2) * weights
    rounding = 1e-5 * np.linalg.norm(gradients, axis=1) * np.linalg.norm(gradients)
    assert (gradients @ combined >= -given_away - rounding).all()
    assert (weights >= 1.0 / len(gradients) - 1e-6).all()


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", ["two", "conflicting_pair"])
def test_an_absent_task_does_not_matter(case, name, position):
    gradients = np.array(CASES[case]["gradients"]) * np.array([[1.0], [30.0]])
    with_zero = np.insert(gradients, position, 0.0, axis=0)
    assert_near(combine(name, with_zero), combine(name, gradients), 2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_all_tasks_absent_gives_zero(name):
    assert_near(combine(name, np.zeros((3, 5))), np.zeros(5))


@pytest.mark.parametrize("name", NAMES)
def test_opposite_gradients_stay_finite(name):
    gradient = np.array([0.3, -1.2, 0.7])
    combined = combine(name, np.stack([gradient, -gradient]))
    assert np.isfinite(combined).all()
    if name != "graddrop":
        assert np.abs(combined).max() <= 2e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_gradient_reaches_the_user(name):
    gradients = np.array([[1.0, np.nan], [0.5, 0.25]])
    assert np.isnan(combine(name, gradients)).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_losses_scales_the_result(name):
    gradients = np.array(CASES["conflicting"]["gradients"])
    # Nash's result has the same length whatever the losses' scale.
    factor = 1.0 if name == "nash_mtl" else 1e-6
    assert_near(combine(name, 1e-6 * gradients), factor * combine(name, gradients), 2e-5)


@pytest.mark.parametrize("name", ["pcgrad", "gradvac", "gradnorm", "graddrop"])
def test_without_conflict_the_sum(name):
    gradients = np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 3.0], [4.0, 0.0, 1.0]])
    assert_near(combine(name, gradients), gradients.sum(axis=0), 1e-6)


def test_without_conflict_upgrad_is_the_mean():
    gradients = np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 3.0], [4.0, 0.0, 1.0]])
    assert_near(combine("upgrad", gradients), gradients.mean(axis=0), 1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    # Of (2, 0) and (0, 1), by hand.
    [
        ("mgda", [0.4, 0.8]),  # |2w|² + |1−w|² is least at w = 1/5
        ("imtl_g", [2 / 3, 2 / 3]),  # equal projections on both axes, weights 1/3 and 2/3
        ("aligned_mtl", [0.5, 0.5]),  # both components made as long as the shorter, averaged
        ("nash_mtl", [1.0, 1.0]),  # 4·w₁ = 1/w₁ and w₂ = 1/w₂
        ("upgrad", [1.0, 0.5]),
        ("pcgrad", [2.0, 1.0]),
    ],
)
def test_by_hand(name, expected):
    assert_near(combine(name, [[2.0, 0.0], [0.0, 1.0]]), expected, 1e-5)


def project_in_order(gradients, orders):
    """PCGrad in plain form, on the gradients themselves."""
    total = np.zeros(gradients.shape[1])
    for i, order in enumerate(orders):
        changed = gradients[i].copy()
        for j in order:
            progress = changed @ gradients[j]
            if j != i and progress < 0:
                changed -= progress / (gradients[j] @ gradients[j]) * gradients[j]
        total += changed
    return total


def test_pcgrad_visits_in_random_order():
    gradients = np.array([[1.0, 0.2, -0.5], [-0.9, 0.4, 0.1], [0.3, -1.0, -0.7]], dtype="float32")
    orders = list(itertools.permutations(range(3)))
    possible = [
        project_in_order(gradients, chosen) for chosen in itertools.product(orders, repeat=3)
    ]
    balancer = ProjectConflicting(seed=1)
    seen = set()
    for _ in range(12):
        combined = ops.convert_to_numpy(balancer.combine(gradients))
        distances = [np.abs(combined - each).max() for each in possible]
        assert min(distances) <= 1e-5
        seen.add(tuple(combined.round(4)))
    assert len(seen) > 1


def vaccinate(gradients, usual, momentum):
    """GradVac in plain form, the tasks in their order; changes `usual` in place."""
    total = np.zeros(gradients.shape[1])
    for i in range(len(gradients)):
        changed = gradients[i].copy()
        for j in range(len(gradients)):
            if i == j or not gradients[i].any() or not gradients[j].any():
                continue
            length, other = np.linalg.norm(changed), np.linalg.norm(gradients[j])
            cosine, goal = changed @ gradients[j] / (length * other), usual[i, j]
            if cosine < goal:
                factor = goal * np.sqrt(1 - cosine**2) - cosine * np.sqrt(1 - goal**2)
                changed += length * factor / (other * np.sqrt(1 - goal**2)) * gradients[j]
            usual[i, j] = (1 - momentum) * goal + momentum * cosine
        total += changed
    return total


def test_gradvac_over_steps_with_an_absent_task():
    draw = np.random.default_rng(0)
    balancer, state, usual = GradientVaccine(momentum=0.3), None, np.zeros((3, 3))
    for step in range(5):
        gradients = draw.normal(size=(3, 8)) + 0.7
        if step == 2:
            gradients[1] = 0.0
        prepared = prepared_for("gradvac", 3, 8)
        combined, _, state = update(balancer, gradients, state, prepared)
        assert_near(combined, vaccinate(gradients, usual, 0.3))
        np.testing.assert_allclose(state.reshape(3, 3), usual, atol=1e-5)
    assert np.abs(usual).max() > 0.1


def test_gradnorm_over_steps():
    draw = np.random.default_rng(0)
    balancer = GradientNormalisation(asymmetry=1.5, learning_rate=0.1)
    balancer.build(3)
    weights, state, share, first = np.ones(3), None, np.ones(3), np.ones(3)
    for step in range(6):
        losses = draw.uniform(0.5, 2.0, 3)
        present = np.array([True, True, step != 3])
        gradients = draw.normal(size=(3, 8)) * np.array([[0.1], [1.0], [3.0]]) * present[:, None]
        # The pace comes from the losses seen before this step.
        pace = share / share.mean()
        prepared = balancer.prepare(3, 8)
        combined, reported, state = update(balancer, gradients, state, prepared)
        assert_near(combined, weights @ gradients)
        np.testing.assert_allclose(reported, weights, atol=1e-5)
        norms = np.linalg.norm(gradients, axis=1)
        norms = norms / norms[present].mean()
        goal = (weights * norms)[present].mean() * pace**1.5
        moved = np.maximum(weights - 0.1 * np.sign(weights * norms - goal) * norms, 1e-3)
        moved *= weights[present].sum() / moved[present].sum()
        weights = np.where(present, moved, weights)
        np.testing.assert_allclose(state, weights, rtol=1e-4)
        observed = ops.convert_to_tensor(np.where(present, losses, 0.0).astype("float32"))
        balancer.observe(observed, ops.convert_to_tensor(present))
        if step == 0:
            first = losses
        share = np.where(present, losses / first, share)
    assert weights.max() > 1.2


def test_gradnorm_draws_the_norms_together():
    gradients = np.array([[10.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    balancer, state = GradientNormalisation(asymmetry=0.0), None
    for _ in range(150):
        _, weights, state = update(balancer, gradients, state, np.ones(3))
    norms = weights * np.linalg.norm(gradients, axis=1)
    assert norms.max() / norms.min() < 1.2


def test_graddrop_keeps_signs_by_their_shares():
    gradients = np.array([[3.0, -1.0, 2.0], [-1.0, -1.0, 1.0]])
    # Shares of the positive sign: ½(1 + 2/4) = 0.75, 0, 1.
    low, _, _ = update(GradientSignDropout(), gradients, prepared=[0.7, 0.5, 0.5])
    high, _, _ = update(GradientSignDropout(), gradients, prepared=[0.8, 0.5, 0.5])
    assert low.tolist() == [3.0, -2.0, 3.0]
    assert high.tolist() == [-1.0, -2.0, 3.0]
    leaking, _, _ = update(GradientSignDropout(leak=0.5), gradients, prepared=[0.8, 0.5, 0.5])
    assert leaking.tolist() == [0.5, -2.0, 3.0]


def test_graddrop_reports_the_share_that_it_kept():
    gradients = np.ones((2, 16)) * np.array([[1.0], [-0.5]])
    # Share of the positive sign: ½(1 + 0.5/1.5) = 2/3; twelve of sixteen draws are below it.
    _, weights, _ = update(GradientSignDropout(), gradients, prepared=[0.5] * 12 + [0.9] * 4)
    np.testing.assert_allclose(weights, [0.75, 0.25], atol=1e-6)


def test_graddrop_draws_anew():
    balancer = GradientSignDropout(seed=3)
    gradients = np.array([[1.0] * 64, [-1.0] * 64], "float32")
    first, second = (ops.convert_to_numpy(balancer.combine(gradients)) for _ in range(2))
    assert set(first) == {-1.0, 1.0}
    assert (first != second).any()


@pytest.mark.parametrize(
    "case", ["random", "parallel", "badly_scaled_conflict", "more_tasks_than_entries"]
)
def test_eigen_equals_numpy(case):
    gradients = np.array(CASES[case]["gradients"])
    exact = np.linalg.svd(gradients, compute_uv=False) ** 2
    gram = gram_matrix(ops.convert_to_tensor(gradients.astype("float32")))
    values, vectors, kept = (ops.convert_to_numpy(each) for each in eigen(gram))
    vectors = vectors.astype("float64")
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(vectors)), atol=1e-5)
    rank = np.linalg.matrix_rank(gradients)
    assert kept.sum() == rank
    np.testing.assert_allclose(np.sort(values[kept])[::-1], exact[:rank], rtol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    balancer = make(name)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(balancer))
    assert type(copy) is type(balancer)
    assert copy.get_config() == balancer.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_one_task_is_an_error(name):
    with pytest.raises(ModelError, match=r"was given 1 task\.") as raised:
        make(name).combine(np.ones((1, 3), "float32"))
    assert raised.value.expected == "At least two tasks whose gradients can be balanced."
    assert raised.value.fix == "Take the gradient balancer out of the model, or add a task."


def test_another_number_of_tasks_is_an_error():
    balancer = ProjectConflicting(name="projection")
    balancer.combine(np.ones((2, 3), "float32"))
    with pytest.raises(ModelError) as raised:
        balancer.combine(np.ones((3, 3), "float32"))
    assert raised.value.found == (
        "The gradient balancer projection was built for 2 tasks and then for 3."
    )


@pytest.mark.parametrize("name", ["mgda", "cagrad", "upgrad"])
def test_thirteen_tasks_are_an_error(name):
    with pytest.raises(ModelError, match="there are 13 tasks") as raised:
        combine(name, np.eye(13))
    assert "pcgrad" in raised.value.fix


def test_eight_tasks():
    gradients = np.random.default_rng(0).normal(size=(8, 40)) + 0.3
    combined = combine("mgda", gradients)
    assert combined @ combined - (gradients @ combined).min() <= 1e-5 * combined @ combined


@pytest.mark.parametrize(
    ("make_wrong", "found"),
    [
        (lambda: ConflictAverse(radius=-1.0), "The radius of ConflictAverse is -1.0."),
        (lambda: GradientVaccine(momentum=2.0), "The momentum of GradientVaccine is 2.0."),
        (lambda: GradientSignDropout(leak=1.5), "The leak of GradientSignDropout is 1.5."),
        (lambda: NashBargaining(max_norm=-0.1), "The max_norm of NashBargaining is -0.1."),
        (
            lambda: GradientNormalisation(asymmetry=-1.0),
            "The asymmetry of GradientNormalisation is -1.0.",
        ),
        (
            lambda: GradientNormalisation(learning_rate=0.0),
            "The learning_rate of GradientNormalisation is 0.0.",
        ),
        (
            lambda: UnconflictingProjection(regularization=0.0),
            "The regularization of UnconflictingProjection is 0.0.",
        ),
    ],
)
def test_bad_ranges(make_wrong, found):
    with pytest.raises(ModelError) as raised:
        make_wrong()
    assert raised.value.found == found


def test_all_methods_are_registered():
    expected = {
        "aligned_mtl": AlignedGradients,
        "cagrad": ConflictAverse,
        "graddrop": GradientSignDropout,
        "gradnorm": GradientNormalisation,
        "gradvac": GradientVaccine,
        "imtl_g": ImpartialGradients,
        "mgda": MultipleGradientDescent,
        "nash_mtl": NashBargaining,
        "pcgrad": ProjectConflicting,
        "upgrad": UnconflictingProjection,
    }
    assert {name: GRADIENT_BALANCERS.get(name).cls for name in expected} == expected

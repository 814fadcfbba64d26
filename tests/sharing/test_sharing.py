"""What holds for every sharing layer."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.balancing.pcgrad import ProjectConflicting
from mtframework.registry import SHARING, load_builtin_parts
from mtframework.sharing.cgc import CGC
from mtframework.sharing.cross_stitch import CrossStitch
from mtframework.sharing.mmoe import MMoE
from mtframework.sharing.ple import PLE
from mtframework.sharing.private import PrivateTowers
from mtframework.sharing.shared_bottom import SharedBottom
from mtframework.sharing.sharing import Sharing
from tests.conftest import make_tasks, make_towers
from tests.sharing.conftest import gradients, numbers, randomise

TASKS = ["rating", "find", "buy"]
MADE = {
    "shared_bottom": lambda: SharedBottom([6, 4]),
    "mmoe": lambda: MMoE(3, [6, 4], gate_units=[5]),
    "cgc": lambda: CGC(2, 2, [6, 4], gate_units=[5]),
    "ple": lambda: PLE(3, 2, 2, [6, 4]),
    "cross_stitch": lambda: CrossStitch([6, 4], own_share=0.6),
    "private_towers": lambda: PrivateTowers([6, 4]),
}
GATED = ["mmoe", "cgc", "ple"]


def built(name, units=3):
    layer = MADE[name]()
    layer.build(dict.fromkeys(TASKS, (None, units)))
    randomise(layer)
    return layer


def same(x, tasks=TASKS):
    return dict.fromkeys(tasks, ops.convert_to_tensor(x))


def copies(x, tasks=TASKS):
    return {task: ops.convert_to_tensor(x.copy()) for task in tasks}


def count_passes(layer, monkeypatch):
    """Returns a list that grows by the tasks of each pass."""
    passes, represent = [], layer.represent

    def counted(representation, tasks, training=None):
        passes.append(list(tasks))
        return represent(representation, tasks, training)

    monkeypatch.setattr(layer, "represent", counted)
    return passes


def test_every_registered_layer_is_tested_here():
    load_builtin_parts()
    assert {part.name for part in SHARING} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_gives_each_task_output_units(name, x):
    outputs = built(name)(same(x))
    assert list(outputs) == TASKS
    assert [tuple(each.shape) for each in outputs.values()] == [(5, 4)] * 3
    assert built(name).output_units == 4


@pytest.mark.parametrize("name", MADE)
def test_one_tensor_takes_one_pass(name, x, monkeypatch):
    layer = built(name)
    passes = count_passes(layer, monkeypatch)
    layer(same(x), training=True)
    assert passes == [TASKS]


@pytest.mark.parametrize("name", MADE)
def test_copies_take_one_pass_each(name, x, monkeypatch):
    layer = built(name)
    passes = count_passes(layer, monkeypatch)
    layer(copies(x), training=True)
    assert passes == [["rating"], ["find"], ["buy"]]


@pytest.mark.parametrize("name", MADE)
def test_copies_give_the_same_numbers(name, x):
    layer = built(name)
    shared, apart = layer(same(x)), layer(copies(x))
    for task in TASKS:
        np.testing.assert_allclose(numbers(apart[task]), numbers(shared[task]), atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_a_copy_gets_the_gradient_of_its_task_alone(name, x):
    layer = built(name)
    held = {task: keras.Variable(x, name=task) for task in TASKS}
    weights = {task: 1.0 + number for number, task in enumerate(TASKS)}

    def loss(inputs, tasks=TASKS):
        outputs = layer(inputs)
        return sum(weights[task] * ops.sum(ops.square(outputs[task])) for task in tasks)

    def apart():
        return loss({task: ops.convert_to_tensor(held[task]) for task in TASKS})

    found = gradients(apart, list(held.values()))
    one = keras.Variable(x)
    for task, gradient in zip(TASKS, found, strict=True):
        (alone,) = gradients(lambda task=task: loss(same(one), [task]), [one])
        assert np.abs(alone).max() > 0
        np.testing.assert_allclose(gradient, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MADE)
def test_the_tasks_asked_for_are_the_ones_computed(name, x):
    layer = built(name)
    everything = layer(same(x))
    some = layer(same(x, ["buy", "rating"]))
    assert list(some) == ["buy", "rating"]
    for task, output in some.items():
        np.testing.assert_allclose(numbers(output), numbers(everything[task]), atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_config_makes_an_equal_layer(name, x):
    layer = built(name)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    again.build(dict.fromkeys(TASKS, (None, 3)))
    assert [v.shape for v in again.weights] == [v.shape for v in layer.weights]


@pytest.mark.parametrize("name", MADE)
def test_mixed_precision_computes_in_half_and_keeps_one_pass(name, x, monkeypatch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = built(name)
        passes = count_passes(layer, monkeypatch)
        outputs = layer(same(x), training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert passes == [TASKS]
    assert {keras.backend.standardize_dtype(v.dtype) for v in layer.weights} == {"float32"}
    for output in outputs.values():
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    layer.observe()


@pytest.mark.parametrize("name", MADE)
def test_a_model_saves_loads_and_predicts_the_same(name, shop, tmp_path):
    keras.utils.set_random_seed(1)
    model = mtf.MultiTaskModel(make_towers(), make_tasks(), sharing=MADE[name]())
    model.adapt(shop)
    randomise(model.sharing)
    model.compile()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rows = model.encode(shop.test)
    before, after = model.predict(rows, verbose=0), loaded.predict(rows, verbose=0)
    for task in TASKS:
        np.testing.assert_allclose(after[task], before[task], rtol=1e-6)


@pytest.mark.parametrize("name", GATED)
@pytest.mark.parametrize("balancer", [None, ProjectConflicting])
def test_a_model_reports_gate_use(name, balancer, shop):
    keras.utils.set_random_seed(1)
    model = mtf.MultiTaskModel(
        make_towers(),
        make_tasks(),
        sharing=MADE[name](),
        gradient_balancer=balancer and balancer(),
    )
    model.adapt(shop)
    model.compile()
    columns = (model.feature_columns, model.label_columns, model.sample_weight_columns)
    batches = mtf.Batches(shop.encode(shop.train), *columns, batch_size=100)
    history = model.fit(batches, epochs=1, verbose=0).history
    shares = {key: value[0] for key, value in history.items() if key.startswith("gate/")}
    num_gates = 3 if name == "ple" else 1
    for task in TASKS:
        of_task = [share for key, share in shares.items() if key.startswith(f"gate/{task}/")]
        assert sum(of_task) == pytest.approx(num_gates, abs=1e-4)
        assert all(0 < share < 1 for share in of_task)


@pytest.mark.parametrize("name", MADE)
def test_one_task_is_enough(name, x):
    layer = MADE[name]()
    layer.build({"rating": (None, 3)})
    assert tuple(layer(same(x, ["rating"]))["rating"].shape) == (5, 4)


def test_the_contract_names_what_is_missing(x):
    class Nothing(Sharing):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing has no represent\(\)"):
        Nothing()(same(x))


REFUSED = [
    (lambda: SharedBottom([]), "SharedBottom has hidden_units = []", "At least one number"),
    (lambda: PrivateTowers(()), "PrivateTowers has hidden_units = ()", "At least one number"),
    (lambda: CrossStitch([]), "CrossStitch has hidden_units = []", "At least one number"),
    (lambda: CrossStitch([4], 1.5), "has own_share = 1.5", "A number from 0 to 1."),
    (lambda: MMoE(0), "MMoE has num_experts = 0", "A gate needs experts"),
    (lambda: MMoE(True), "has num_experts = True", "A whole number of at least 1."),
    (lambda: MMoE(2.0), "has num_experts = 2.0", "A whole number of at least 1."),
    (lambda: MMoE(2, []), "MMoE has expert_units = []", "At least one number"),
    (lambda: MMoE(2, [4, 0]), "has expert_units = [4, 0]", "Whole numbers of at least 1."),
    (lambda: MMoE(2, 64), "has expert_units = 64", "Write expert_units = [64]."),
    (lambda: MMoE(2, "64"), "has expert_units = '64'", "A list of whole numbers."),
    (lambda: MMoE(2, [4], [-1]), "has gate_units = [-1]", "Correct gate_units."),
    (lambda: MMoE(2, [4], [], 1.0), "has gate_dropout = 1.0", "from 0 to below 1"),
    (lambda: MMoE(2, [4], [], "a"), "has gate_dropout = 'a'", "from 0 to below 1"),
    (lambda: CGC(0, 1), "CGC has num_shared_experts = 0", "use PrivateTowers to share"),
    (lambda: CGC(1, 0), "CGC has num_task_experts = 0", "use MMoE, where all are shared"),
    (lambda: PLE(num_levels=0), "PLE has num_levels = 0", "A whole number of at least 1."),
    (lambda: PLE(2, 1, 1, []), "PLE has expert_units = []", "At least one number"),
]


@pytest.mark.parametrize(("make", "found", "also"), REFUSED, ids=[each[1] for each in REFUSED])
def test_what_makes_no_sense_is_refused(make, found, also):
    with pytest.raises(mtf.MtframeworkError) as caught:
        make()
    assert found in str(caught.value)
    assert also in str(caught.value)

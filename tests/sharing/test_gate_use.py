import numpy as np
import pytest

from mtframework.sharing.gate_use import GateUse


def shares(use):
    return {name: float(share) for name, share in use.statistics.result().items()}


def test_means_are_over_rows_not_over_batches():
    use = GateUse({"watch": ["expert_0", "expert_1"]})
    use.record("watch", np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    use.observe()
    use.record("watch", np.array([[0.0, 1.0]]))
    use.observe()
    assert shares(use) == {"gate/watch/expert_0": 0.75, "gate/watch/expert_1": 0.25}


def test_each_of_several_gates_sums_to_one():
    use = GateUse({"watch": ["level_0/a", "level_0/b", "level_1/a", "level_1/b"]}, num_gates=2)
    use.record("watch", np.array([[0.25, 0.75, 0.5, 0.5], [0.25, 0.75, 1.0, 0.0]]))
    use.observe()
    assert shares(use) == {
        "gate/watch/level_0/a": 0.25,
        "gate/watch/level_0/b": 0.75,
        "gate/watch/level_1/a": 0.75,
        "gate/watch/level_1/b": 0.25,
    }


def test_a_reset_begins_anew():
    use = GateUse({"watch": ["expert_0"], "buy": ["expert_0"]})
    assert use.statistics.is_empty()
    assert shares(use) == {"gate/watch/expert_0": 0.0, "gate/buy/expert_0": 0.0}
    use.record("buy", np.ones((2, 1)))
    use.observe()
    assert not use.statistics.is_empty()
    assert shares(use)["gate/buy/expert_0"] == pytest.approx(1.0)
    use.statistics.reset_state()
    assert use.statistics.is_empty()

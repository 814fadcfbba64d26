import numpy as np
from keras import ops

from mtframework.sharing.shared_bottom import SharedBottom
from tests.sharing.conftest import numbers, randomise


def test_forward_by_hand(x):
    layer = SharedBottom([6, 4])
    layer.build({"a": (None, 3), "b": (None, 3)})
    randomise(layer)
    expected = x
    for dense in layer.dense_layers:
        expected = np.maximum(expected @ numbers(dense.kernel) + numbers(dense.bias), 0)
    outputs = layer(dict.fromkeys(["a", "b"], ops.convert_to_tensor(x)))
    np.testing.assert_allclose(numbers(outputs["a"]), expected, rtol=1e-4, atol=1e-5)
    assert outputs["a"] is outputs["b"]

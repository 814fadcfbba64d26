"""The inverse in blocks against NumPy's general one."""

import numpy as np
import pytest

from mtframework.evaluation.baselines.inverse import invert_in_place


@pytest.mark.parametrize("size", [1, 4, 5, 12, 13])
def test_inverse_in_blocks(size):
    root = np.random.default_rng(size).normal(size=(size, size))
    matrix = root @ root.T + np.eye(size)
    expected = np.linalg.inv(matrix)
    invert_in_place(matrix, block=4)
    np.testing.assert_allclose(matrix, expected, rtol=1e-10, atol=1e-12)


def test_inverse_in_float32():
    has = (np.random.default_rng(0).random((2000, 300)) < 0.1).astype("float64")
    gram = has.T @ has + 500 * np.eye(300)
    expected = np.linalg.inv(gram)
    matrix = gram.astype("float32")
    invert_in_place(matrix, block=64)
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_matrix_without_an_inverse_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        invert_in_place(np.ones((6, 6)), block=4)

import hashlib

import numpy as np
import pytest

from mtframework.data.movielens.tutorial_order import tensorflow_shuffle_order, tfds_order


def sha256(rows) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def test_rows_of_the_tutorial():
    rows = tfds_order(100_000)[tensorflow_shuffle_order(100_000)]
    assert sha256(rows[:80_000]) == (
        "b592e8d5b5c82fe2d38df889d68e93b884e48e1f3e09099e3bac3eec14fa354a"
    )
    assert sha256(rows[80_000:]) == (
        "5f80f4fbd87e41156809fc106a3616596498a1e41ce763d1a010c4529133ab5d"
    )


@pytest.mark.parametrize("num_rows", [1, 2, 3, 4, 5, 1001])
@pytest.mark.parametrize(("seed", "graph_seed"), [(42, 42), (7, 87654321)])
def test_equals_tensorflow(num_rows, seed, graph_seed):
    import tensorflow as tf

    tf.random.set_seed(graph_seed)
    shuffled = tf.data.Dataset.range(num_rows).shuffle(
        num_rows, seed=seed, reshuffle_each_iteration=False
    )
    expected = list(shuffled.as_numpy_iterator())
    np.testing.assert_array_equal(tensorflow_shuffle_order(num_rows, seed, graph_seed), expected)


def test_tfds_order_is_by_md5_of_split_and_row():
    digests = [hashlib.md5(f"test{row}".encode()).hexdigest() for row in range(50)]
    np.testing.assert_array_equal(tfds_order(50, "test"), np.argsort(digests))

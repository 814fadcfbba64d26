import keras
import numpy as np
import pytest
from keras import ops
from mtf_feedback.peers import over_rows_with, peers


def sets_of(query_ids, valid, max_peers):
    rows, are_peers = (ops.convert_to_numpy(each) for each in peers(query_ids, valid, max_peers))
    assert rows.shape == are_peers.shape == (len(query_ids), max_peers + 1)
    return [set(row[is_peer].tolist()) for row, is_peer in zip(rows, are_peers, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_peers_are_the_other_valid_rows_of_the_query(seed):
    draw = np.random.default_rng(seed)
    query_ids, valid = draw.integers(0, 6, 40), draw.random(40) < 0.7
    expected = [
        {j for j in range(40) if j != i and valid[i] and valid[j] and query_ids[i] == query_ids[j]}
        for i in range(40)
    ]
    assert sets_of(query_ids, ops.convert_to_tensor(valid), 40) == expected


def test_no_more_than_asked_for():
    found = sets_of(np.zeros(10, "int32"), None, 3)
    for row, peers_of_row in enumerate(found):
        assert peers_of_row == {0, 1, 2, 3} - {row}


def test_mean_is_that_of_the_rows_that_were_compared():
    losses = over_rows_with(
        np.array([True, False, True]), np.array([1.0, 0.0, 3.0]), np.array([1.0, 5.0, 3.0])
    )
    losses = ops.convert_to_numpy(losses)
    assert np.average(losses, weights=[1.0, 5.0, 3.0]) == pytest.approx((1 + 3 * 3) / 4)


def test_nothing_compared_is_zero():
    losses = over_rows_with(np.zeros(2, bool), np.zeros(2, "float32"), None)
    assert ops.convert_to_numpy(losses).tolist() == [0, 0]


def test_runs_compiled():
    if keras.backend.backend() == "jax":
        import jax

        _, are_peers = jax.jit(lambda ids: peers(ids, None, 2))(np.array([3, 3, 4]))
        assert are_peers.sum() == 2
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(
            lambda ids: peers(ids, None, 2), input_signature=[tf.TensorSpec([None], tf.int64)]
        )
        assert ops.convert_to_numpy(compiled(np.array([3, 3, 4]))[1]).sum() == 2

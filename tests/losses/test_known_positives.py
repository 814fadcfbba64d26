import numpy as np
from keras import ops

from mtframework.losses.known_positives import known_positives, number_ids


def test_other_positives_of_the_same_query_are_excluded():
    query_ids = [5, 9, 5, 5, 9]
    candidates = [0, 2, 1, 0, 3]
    positive = [True, True, False, True, True]
    excluded = known_positives(
        ops.convert_to_tensor(query_ids),
        ops.convert_to_tensor(np.array(candidates, "int32")),
        None,
        5,
        ops.convert_to_tensor(positive),
    )
    found = ops.convert_to_numpy(excluded(ops.convert_to_tensor(np.array([2, 3, 4], "int32"))))
    expected = [
        [True, False, False, False, False],  # query 5 at candidate 1: candidate 0 is known
        [False, False, False, False, False],  # at candidate 0: row 2 is no positive
        [False, False, True, False, False],  # query 9 at candidate 3: candidate 2 is known
    ]
    assert found.tolist() == expected


def test_columns_may_hold_any_candidates():
    excluded = known_positives(
        ops.convert_to_tensor([1, 1]),
        ops.convert_to_tensor(np.array([0, 1], "int32")),
        ops.convert_to_tensor(np.array([1, 1, 2, 0], "int32")),
        3,
    )
    found = ops.convert_to_numpy(excluded(ops.convert_to_tensor(np.array([0], "int32"))))
    assert found.tolist() == [[True, True, False, False]]


def test_ids_are_numbered_in_ascending_order():
    ids = ops.convert_to_tensor([30, -2, 30, 8, 8, 10**9])
    assert ops.convert_to_numpy(number_ids(ids)).tolist() == [2, 0, 2, 1, 1, 3]

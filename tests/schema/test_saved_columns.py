"""Columns in a NumPy archive."""

import numpy as np

from mtframework.schema.saved_columns import arrays_of, columns_with_unknown_ids, entries_of


def test_arrays_come_back_under_their_own_prefix(tmp_path):
    of_rows = {"a b": np.arange(3), "label:x": np.ones(2)}
    labels = {"x": np.zeros(4)}
    np.savez(
        tmp_path / "all.npz",
        size=np.array(3),
        **entries_of(of_rows),
        **entries_of(labels, "label:"),
    )
    with np.load(tmp_path / "all.npz") as saved:
        found, found_labels = arrays_of(saved), arrays_of(saved, "label:")
    assert list(found) == ["a b", "label:x"]
    np.testing.assert_array_equal(found["a b"], [0, 1, 2])
    assert list(found_labels) == ["x"]
    assert found_labels["x"].shape == (4,)


def test_ids_beyond_the_vocabulary_are_found():
    columns = {
        "city": np.array([0, 2]),
        "below": np.array([-1, 0]),
        "above": np.array([[1, 3]]),
        "none": np.array([], "int32"),
        "age": np.array([99.0]),
    }
    num_ids = {"city": 3, "below": 3, "above": 3, "none": 0}
    assert columns_with_unknown_ids(columns, num_ids) == ["below", "above"]

import numpy as np
import pytest

from mtframework.data.splits import hold_out_last_of_each, hold_out_latest, hold_out_random
from mtframework.errors import DataError


def assert_partition(kept, held_out, num_rows):
    assert kept.dtype == held_out.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(num_rows))


class TestRandom:
    @pytest.mark.parametrize(
        ("num_rows", "fraction", "expected"),
        [(10, 0.2, 2), (10, 0.0, 0), (10, 0.25, 3), (30, 0.1, 3), (2, 0.5, 1), (1, 0.0, 0)],
    )
    def test_sizes(self, num_rows, fraction, expected):
        kept, held_out = hold_out_random(num_rows, fraction)
        assert_partition(kept, held_out, num_rows)
        assert len(held_out) == expected

    def test_seed_alone_decides(self):
        first, again, other = (hold_out_random(1000, 0.5, seed)[1] for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert len(np.intersect1d(first, other)) == pytest.approx(250, abs=50)

    @pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
    def test_fraction_out_of_range(self, fraction):
        with pytest.raises(DataError) as raised:
            hold_out_random(10, fraction)
        assert str(raised.value) == (
            f"fraction is {fraction}.\n"
            "  expected: A number from 0 to below 1.\n"
            "  fix: Give a share such as 0.1."
        )

    def test_nothing_kept(self):
        with pytest.raises(DataError, match=r"Holding out 0\.5 of 1 rows keeps none\."):
            hold_out_random(1, 0.5)


class TestLatest:
    def test_by_time_and_row(self):
        kept, held_out = hold_out_latest([5, 9, 5, 1, 9], 0.4)
        np.testing.assert_array_equal(kept, [3, 0, 2])
        np.testing.assert_array_equal(held_out, [1, 4])

    def test_dates(self):
        times = np.array(["2024-05-01", "2023-05-01", "2025-05-01"], "datetime64[s]")
        kept, held_out = hold_out_latest(times, 1 / 3)
        np.testing.assert_array_equal(kept, [1, 0])
        np.testing.assert_array_equal(held_out, [2])

    @pytest.mark.parametrize(
        "times", [[1.0, np.nan, np.nan], np.array(["2024-05-01", "NaT", "NaT"], "datetime64[s]")]
    )
    def test_missing_time(self, times):
        with pytest.raises(DataError) as raised:
            hold_out_latest(times, 0.5)
        assert str(raised.value) == (
            "The timestamp of row 1 is missing, and of 2 of 3 rows.\n"
            "  expected: A timestamp in every row.\n"
            "  fix: Fill the missing timestamps or leave the rows out, or split at random."
        )


class TestLastOfEach:
    KEYS = np.array(["b", "a", "b", "c", "a", "b"])
    TIMES = np.array([3, 8, 9, 1, 8, 2])

    def test_last_of_each_key_that_has_two(self):
        kept, held_out = hold_out_last_of_each(self.KEYS, self.TIMES)
        # Of a's two rows at time 8 the later one; c has one row and keeps it.
        np.testing.assert_array_equal(held_out, [2, 4])
        np.testing.assert_array_equal(kept, [0, 1, 3, 5])

    def test_applied_twice_takes_the_row_before(self):
        kept, _ = hold_out_last_of_each(self.KEYS, self.TIMES)
        _, held_out = hold_out_last_of_each(self.KEYS[kept], self.TIMES[kept])
        np.testing.assert_array_equal(kept[held_out], [0])

    @pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (0.25, 25), (1.0, 100)])
    def test_share_of_the_keys(self, fraction, expected):
        keys = np.repeat(np.arange(100), 3)
        kept, held_out = hold_out_last_of_each(keys, np.arange(300), fraction, seed=3)
        assert_partition(kept, held_out, 300)
        assert len(held_out) == expected
        assert set(held_out) <= set(range(2, 300, 3))

    def test_no_rows(self):
        kept, held_out = hold_out_last_of_each([], [])
        assert_partition(kept, held_out, 0)

    def test_fraction_out_of_range(self):
        with pytest.raises(DataError, match=r"expected: A number from 0 to 1\."):
            hold_out_last_of_each(self.KEYS, self.TIMES, 1.5)

    def test_unequal_lengths(self):
        with pytest.raises(DataError, match=r"There are 6 keys and 5 timestamps\."):
            hold_out_last_of_each(self.KEYS, self.TIMES[:5])

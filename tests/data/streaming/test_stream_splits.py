import numpy as np
import pytest

from mtframework.data.streaming.stream_splits import (
    TEST,
    TRAIN,
    VALIDATION,
    LatestShares,
    RandomShares,
    Whole,
    latest_seconds,
)


@pytest.mark.parametrize("seed", range(5))
def test_random_shares_are_independent_of_the_rows(seed):
    rows = np.arange(100_000)
    shares = RandomShares(0.2, 0.25, seed)
    parts = {split: shares(split, rows, None) for split in (TRAIN, VALIDATION, TEST)}
    assert (sum(part.astype(int) for part in parts.values()) == 1).all()
    for split, share in ((TRAIN, 0.6), (VALIDATION, 0.2), (TEST, 0.2)):
        bound = 4 * np.sqrt(share * (1 - share) / len(rows))
        assert abs(parts[split].mean() - share) < bound
        assert abs(np.corrcoef(parts[split][1:], parts[split][:-1])[0, 1]) < 4 / np.sqrt(len(rows))
    # A block has the answer of the whole.
    np.testing.assert_array_equal(shares(TEST, rows[700:800], None), parts[TEST][700:800])


def test_latest_shares():
    times = np.array([5, 9, 7, 3])
    shares = LatestShares(test_from=9, validation_from=7)
    assert shares(TEST, times, times).tolist() == [False, True, False, False]
    assert shares(VALIDATION, times, times).tolist() == [False, False, True, False]
    assert shares(TRAIN, times, times).tolist() == [True, False, False, True]


def test_whole():
    assert Whole(TEST)(TEST, np.arange(2), None).tolist() == [True, True]
    assert Whole(TEST)(TRAIN, np.arange(2), None).tolist() == [False, False]


@pytest.mark.parametrize("span", [5, 1000, 3_000_000])
def test_the_latest_seconds_are_those_of_a_sort(span):
    draw = np.random.default_rng(span)
    blocks = [1_700_000_000 + draw.integers(0, span, size) for size in (700, 1, 299)]
    times = np.sort(np.concatenate(blocks))
    shares = [0.0, 0.001, 0.1, 0.333, 0.999]
    found = latest_seconds(lambda: iter(blocks), shares)
    assert found[0] > times[-1]
    for share, second in zip(shares[1:], found[1:], strict=True):
        assert second == times[-int(np.ceil(round(share * 1000, 6)))]

"""Which split a row belongs to, where no more than a block of rows is known at once."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NEVER = 2**63 - 1
_SECONDS_IN_BIN = 1 << 16


@dataclass(frozen=True)
class RandomShares:
    """Draws a number for each row, from the seed and which row it is.

    Args:
        test: The share of the rows to test on.
        validation: The share of the others to validate on.
        seed: The seed of the draw.

    Example:

    >>> splits = RandomShares(test=0.5, validation=0.0, seed=0)
    >>> int(splits(TEST, np.arange(1000), None).sum())
    517
    """

    test: float
    validation: float
    seed: int

    def __call__(self, split: str, numbers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Returns which rows are in the split: `[num_rows]` bool."""
        in_test = _uniform(numbers, 2 * self.seed) < self.test
        in_validation = ~in_test & (_uniform(numbers, 2 * self.seed + 1) < self.validation)
        return {TEST: in_test, VALIDATION: in_validation}.get(split, ~in_test & ~in_validation)


@dataclass(frozen=True)
class LatestShares:
    """Holds out what happened from a moment on.

    Args:
        test_from: The first second to test on.
        validation_from: The first second to validate on.
    """

    test_from: int
    validation_from: int

    def __call__(self, split: str, numbers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Returns which rows are in the split: `[num_rows]` bool."""
        assert times is not None
        if split == TEST:
            return times >= self.test_from
        if split == VALIDATION:
            return (times >= self.validation_from) & (times < self.test_from)
        return times < min(self.validation_from, self.test_from)


@dataclass(frozen=True)
class LastRows:
    """Holds out the rows from a place on, in a log that stands in the order of time.

    Args:
        test_from: The number of the first row to test on.
        validation_from: The number of the first row to validate on.

    Example:

    >>> LastRows(test_from=3, validation_from=2)(TRAIN, np.arange(4), None)
    array([ True,  True, False, False])
    """

    test_from: int
    validation_from: int

    def __call__(self, split: str, numbers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Returns which rows are in the split: `[num_rows]` bool."""
        return LatestShares(self.test_from, self.validation_from)(split, numbers, numbers)


@dataclass(frozen=True)
class Whole:
    """All rows are in one split.

    Args:
        split: Which.
    """

    split: str

    def __call__(self, split: str, numbers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Returns which rows are in the split: `[num_rows]` bool."""
        return np.full(len(numbers), split == self.split)


@dataclass(frozen=True)
class Since:
    """Passes over what happened before a moment.

    Args:
        second: The first second that counts.
        assignment: Which split the rest belongs to.

    Example:

    >>> splits = Since(30, LatestShares(test_from=40, validation_from=40))
    >>> splits(TRAIN, np.arange(3), np.array([20, 30, 40]))
    array([False,  True, False])
    """

    second: int
    assignment: "RandomShares | LatestShares"

    def __call__(self, split: str, numbers: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Returns which rows are in the split: `[num_rows]` bool."""
        assert times is not None
        return self.assignment(split, numbers, times) & (times >= self.second)


Assignment = RandomShares | LatestShares | LastRows | Whole | Since


def latest_seconds(times: Callable[[], Iterable[np.ndarray]], shares: Sequence[float]) -> list[int]:
    """Returns the second from which on each share of the latest rows happened.

    Rows of one second stay together, so that a share may come out larger. The times are counted
    twice, by bins of 65,536 seconds and then within the bins that hold an answer, so that memory
    does not grow with the rows.

    Args:
        times: Returns all times again, block by block: int64 seconds from 0 to below 2^32.
        shares: The shares, from 0 to below 1.

    Example:

    >>> latest_seconds(lambda: [np.array([30, 10]), np.array([20, 40])], [0.25, 0.5])
    [40, 30]
    """
    coarse = np.zeros(1 << 16, "int64")
    for each in times():
        coarse += np.bincount(each // _SECONDS_IN_BIN, minlength=len(coarse))
    wanted = [share_of(int(coarse.sum()), share) for share in shares]
    bins = [_from_which_on(coarse, number) for number in wanted]
    fine = {each: np.zeros(_SECONDS_IN_BIN, "int64") for each, _ in filter(None, bins)}
    for each in times():
        of_bin = each // _SECONDS_IN_BIN
        for place, counts in fine.items():
            counts += np.bincount(
                each[of_bin == place] % _SECONDS_IN_BIN, minlength=_SECONDS_IN_BIN
            )
    answers = []
    for found in bins:
        second = _NEVER
        if found is not None:
            place, missing = found
            within = _from_which_on(fine[place], missing)
            assert within is not None
            second = place * _SECONDS_IN_BIN + within[0]
        answers.append(second)
    return answers


def share_of(num_rows: int, share: float) -> int:
    """Returns how many rows a share of them is, rounded up.

    >>> share_of(30, 0.1)
    3
    """
    return math.ceil(round(share * num_rows, 6))  # 0.1 * 30 is 3.0000000000000004


def _from_which_on(counts: np.ndarray, wanted: int) -> tuple[int, int] | None:
    """Returns the last place from which on `wanted` are counted, and how many of them it brings."""
    if not wanted:
        return None
    from_here = np.cumsum(counts[::-1])[::-1]
    place = int(np.flatnonzero(from_here >= wanted)[-1])
    return place, wanted - int(from_here[place] - counts[place])


def _uniform(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Returns a number from 0 to below 1 for each row (splitmix64; Steele et al. 2014)."""
    mixed = numbers.astype("uint64") + np.uint64(seed * 0x632BE59BD9B4E019 % 2**64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) / 2.0**53

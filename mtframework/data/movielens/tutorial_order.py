"""The row order of TensorFlow's MovieLens tutorial, in NumPy alone.

The tutorial reads `movielens/100k-ratings` with TFDS, calls `tf.random.set_seed(42)`, shuffles with
`shuffle(100_000, seed=42, reshuffle_each_iteration=False)` and takes 80,000 rows to train and
20,000 to test. To compare with its published numbers, the same rows must be used. The two functions
here give that order with neither TensorFlow nor TFDS.
"""

import hashlib

import numpy as np


def tfds_order(num_rows: int, split: str = "train") -> np.ndarray:
    """Returns the order in which TFDS yields rows that were numbered while it read them.

    While it prepares a data set, TFDS sorts its examples by the md5 of the split's name followed by
    the example's key, here the row number. The order holds for data sets of one shard.

    Args:
        num_rows: The number of rows.
        split: TFDS's name of the split.

    Returns:
        `[num_rows]`, int64: position `p` of the split holds row `order[p]` of the file.

    Example:

    >>> tfds_order(4)
    array([0, 3, 1, 2])
    """
    salt = hashlib.md5(split.encode(), usedforsecurity=False)

    def sort_key(row: int) -> bytes:
        salted = salt.copy()
        salted.update(b"%d" % row)
        return salted.digest()

    return np.array(sorted(range(num_rows), key=sort_key), dtype=np.int64)


def tensorflow_shuffle_order(num_rows: int, seed: int = 42, graph_seed: int = 42) -> np.ndarray:
    """Returns the order that `tf.data.Dataset.shuffle` makes of rows that all fit in its buffer.

    Args:
        num_rows: The number of rows, no larger than the buffer.
        seed: The argument `seed` of `shuffle`, from 1 to 2³¹ − 2, as the next one.
        graph_seed: The argument of `tf.random.set_seed`; 87654321 where it was not called.

    Returns:
        `[num_rows]`, int64: the shuffled data set yields row `order[p]` at position `p`.

    Example:

    >>> tensorflow_shuffle_order(5)
    array([3, 0, 1, 2, 4])
    """
    draws = _philox_uint32(graph_seed, seed, num_rows).tolist()
    buffer = list(range(num_rows))
    order = np.empty(num_rows, np.int64)
    # The rows not yet drawn are buffer[position:]; a drawn row's place goes to the first of them.
    for position in range(num_rows):
        drawn = position + draws[position] % (num_rows - position)
        order[position] = buffer[drawn]
        buffer[drawn] = buffer[position]
    return order


def _philox_uint32(seed_low: int, seed_high: int, count: int) -> np.ndarray:
    """Returns the first numbers of `tensorflow::random::PhiloxRandom(seed_low, seed_high)`.

    Philox 4x32 of 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    NumPy's own Philox is the 4x64 variant and gives other numbers.
    """
    low_bits = np.uint64(0xFFFFFFFF)
    word = np.uint64(32)
    multipliers = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    counter = [
        np.arange(count // 4 + 1, dtype=np.uint64),
        np.zeros(count // 4 + 1, np.uint64),
        np.full(count // 4 + 1, seed_high & 0xFFFFFFFF, np.uint64),
        np.full(count // 4 + 1, (seed_high >> 32) & 0xFFFFFFFF, np.uint64),
    ]
    keys = [seed_low & 0xFFFFFFFF, (seed_low >> 32) & 0xFFFFFFFF]
    for _ in range(10):
        first = multipliers[0] * counter[0]
        second = multipliers[1] * counter[2]
        counter = [
            (second >> word) ^ counter[1] ^ np.uint64(keys[0]),
            second & low_bits,
            (first >> word) ^ counter[3] ^ np.uint64(keys[1]),
            first & low_bits,
        ]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(counter, axis=1).reshape(-1)[:count]

"""Counts the candidates that score above a threshold, or equal to it, exactly, on all cores."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product

import numpy as np
from threadpoolctl import ThreadpoolController

# One product of this size stays in a core's own cache and is still efficient.
_QUERIES_PER_BLOCK = 256
_CANDIDATES_PER_BLOCK = 1024
# So many blocks each way are one piece of work: preparing it and its doubtful scores pay off.
_BLOCKS_OF_QUERIES = 4
_BLOCKS_OF_CANDIDATES = 2
# Pairs whose score is computed one by one are taken so many at a time.
_PAIRS_PER_BLOCK = 1 << 16
# So many ones are added in a byte; it would hold 255.
_ROWS_PER_BYTE = 64
# Candidates up to this length, and not below its inverse, are scaled in float32; no threshold that
# is scaled is larger than the other, and their product fits as well.
_LONGEST, _LARGEST = 1e12, 1e25

# The number of BLAS threads is the process's: two counts at a time would restore each other's.
_blas = threading.Lock()


def compare_all(queries, candidates, positives, thresholds) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many candidates score above each query's threshold, and how many equal to it.

    The comparison is part of the product: queries and candidates are brought to the length 1 and
    get one more column, so that their product is the distance from the threshold in units of what
    rounding can do at most. Above 1 a score is higher, below -1 it is not, whatever the order in
    which its products were summed up; in between, float64 decides.

    The cores take whole blocks, with BLAS held to one thread each, so that the comparisons run on
    all of them too.

    Args:
        queries: `[num_queries, dim]` float32.
        candidates: `[num_candidates, dim]` float32.
        positives: The row of each query's positive, `[num_queries]` ints. Candidates with the same
            embedding tie with it.
        thresholds: The exact scores of the positives, `[num_queries]` float64.

    Returns:
        Two arrays `[num_queries]` int64: the higher ones, and the equal ones, the positive itself
        among them.
    """
    scaled = _scaled_queries(queries, thresholds)
    prints = _fingerprints(candidates[positives])
    of_queries = _QUERIES_PER_BLOCK * _BLOCKS_OF_QUERIES
    of_candidates = _CANDIDATES_PER_BLOCK * _BLOCKS_OF_CANDIDATES

    def share(worker: int, workers: int) -> np.ndarray:
        counts = np.zeros((2, len(queries)), "int64")
        pieces = product(
            range(0, len(candidates), of_candidates), range(0, len(queries), of_queries)
        )
        for first, start in islice(pieces, worker, None, workers):
            some = slice(start, start + of_queries)
            block = candidates[first : first + of_candidates]
            certain, rows, columns = _count_block(scaled[some], block, prints[some])
            gaps = pair_scores(queries[some], block, rows, columns) - thresholds[some][rows]
            counts[:, some] += certain
            counts[0, some] += np.bincount(rows[gaps > 0], minlength=certain.shape[1])
            counts[1, some] += np.bincount(rows[gaps == 0], minlength=certain.shape[1])
        return counts

    with _blas:
        blas = ThreadpoolController().select(user_api="blas")
        # Where threadpoolctl does not know the library, or how many threads it has, its own do.
        workers = max([1, *(each.num_threads or 1 for each in blas.lib_controllers)])
        with blas.limit(limits=1), ThreadPoolExecutor(workers) as pool:
            shares = list(pool.map(share, range(workers), [workers] * workers))
    higher, equal = np.sum(shares, axis=0)
    # A query of zeros scores all candidates alike.
    return higher, np.where(queries.any(1), equal, len(candidates))


def compare_pairs(queries, candidates, thresholds, rows, columns) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many of the pairs score above their query's threshold, and how many equal to it.

    Both are `[num_queries]` int64.
    """
    counts = np.zeros((2, len(queries)), "int64")
    longest = np.sqrt(_squares(candidates).max(initial=0.0))
    dim = queries.shape[1]
    # Products below float32's least normal number may be lost as a whole.
    margins = np.sqrt(_squares(queries)) * longest * _rounding(dim) + dim * 2.0**-126
    for start in range(0, len(rows), _PAIRS_PER_BLOCK):
        some = rows[start : start + _PAIRS_PER_BLOCK]
        others = columns[start : start + _PAIRS_PER_BLOCK]
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = np.einsum("ij,ij->i", queries[some], candidates[others]) - thresholds[some]
        # What float32 cannot hold is not told apart either.
        doubtful = ~((np.abs(gaps) > margins[some]) & np.isfinite(gaps))
        exact = pair_scores(queries, candidates, some[doubtful], others[doubtful])
        gaps[doubtful] = exact - thresholds[some[doubtful]]
        counts[0] += np.bincount(some[gaps > 0], minlength=len(queries))
        counts[1] += np.bincount(some[gaps == 0], minlength=len(queries))
    return counts[0], counts[1]


def pair_scores(queries, candidates, rows, columns) -> np.ndarray:
    """Returns the float64 scores of pairs; equal embeddings get equal scores, bit for bit."""
    scores = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS_PER_BLOCK):
        some = slice(start, start + _PAIRS_PER_BLOCK)
        of_queries = queries[rows[some]].astype("float64")
        scores[some] = np.einsum(
            "ij,ij->i", of_queries, candidates[columns[some]].astype("float64")
        )
    return scores


def _count_block(scaled, block, prints) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how many are certain, `[2, num_queries]` higher and equal, and the pairs in doubt."""
    counts = np.zeros((2, len(scaled)), "int64")
    rows, columns = [np.zeros(0, "int64")], [np.zeros(0, "int64")]
    width = min(_QUERIES_PER_BLOCK, len(scaled))
    size = min(_CANDIDATES_PER_BLOCK, len(block)) * width
    buffers = [np.empty(size, dtype) for dtype in ("float32", "bool", "bool")]
    for first in range(0, len(block), _CANDIDATES_PER_BLOCK):
        some = _scaled_candidates(block[first : first + _CANDIDATES_PER_BLOCK])
        for start in range(0, len(scaled), width):
            those = scaled[start : start + width]
            shape = len(some), len(those)
            gaps, higher, doubtful = (each[: np.prod(shape)].reshape(shape) for each in buffers)
            # Candidates by queries: BLAS takes a fifth less than the other way round.
            np.matmul(some, those.T, out=gaps)
            np.greater(gaps, np.float32(1), out=higher)
            np.greater_equal(gaps, np.float32(-1), out=doubtful)
            np.not_equal(higher, doubtful, out=doubtful)
            counts[0, start : start + width] += _sum_of_rows(higher)
            if np.count_nonzero(doubtful) > len(some):
                # Most of them tie: the positive's embedding is that of many candidates.
                own = block[first : first + _CANDIDATES_PER_BLOCK]
                same = doubtful & (_fingerprints(own)[:, None] == prints[start : start + width])
                counts[1, start : start + width] += _sum_of_rows(same)
                doubtful &= ~same
            of_candidates, of_queries = np.divmod(np.flatnonzero(doubtful), len(those))
            rows.append(of_queries + start)
            columns.append(of_candidates + first)
    return counts, np.concatenate(rows), np.concatenate(columns)


def _sum_of_rows(flags) -> np.ndarray:
    """Returns the sum along the first axis, counted in bytes as far as they hold it."""
    even = len(flags) // _ROWS_PER_BYTE * _ROWS_PER_BYTE
    groups = flags[:even].view("uint8").reshape(_ROWS_PER_BYTE, -1)
    sums = np.add.reduce(groups, axis=0, dtype="uint8").reshape(-1, flags.shape[1])
    return sums.sum(0, dtype="int64") + flags[even:].sum(0, dtype="int64")


def _rounding(dim: int) -> float:
    """Returns how far a float32 score may be from the exact one, as a share of both lengths.

    A sum of n products is off by at most `n · 2⁻²⁴` of the sum of their sizes, and each factor by
    `2⁻²⁴`. The threshold is one more product, as large as the others together. The rest leaves
    room for products of these errors, up to thousands of dimensions.
    """
    return (dim + 8) * 2.0**-23


def _scaled_queries(queries, thresholds) -> np.ndarray:
    """Returns `[num_queries, dim + 1]` float32: directions and thresholds, in roundings."""
    units = np.sqrt(_squares(queries)) * _rounding(queries.shape[1])
    scaled = np.zeros((len(queries), queries.shape[1] + 1), "float32")
    # A query of zeros scores 0 without any rounding: nothing is higher, nothing in doubt.
    scaled[:, -1] = -_LARGEST
    some = units > 0
    scaled[some, :-1] = queries[some] / units[some, None]
    scaled[some, -1] = np.clip(-thresholds[some] / units[some], -_LARGEST, _LARGEST)
    return scaled


def _scaled_candidates(candidates) -> np.ndarray:
    """Returns `[num_candidates, dim + 1]` float32: directions, and what scales a threshold.

    Of zeros, the threshold's sign decides. Where float32 cannot hold the square of the length,
    all columns are 0, so that every score is in doubt.
    """
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.vecdot(candidates, candidates))
    lengths[~candidates.any(1)] = 1
    held = (lengths > 1 / _LONGEST) & (lengths < _LONGEST)
    factors = np.divide(1, lengths, out=np.zeros_like(lengths), where=held)
    scaled = np.empty((len(candidates), candidates.shape[1] + 1), "float32")
    np.multiply(candidates, factors[:, None], out=scaled[:, :-1])
    scaled[:, -1] = factors
    return scaled


def _squares(embeddings) -> np.ndarray:
    return np.einsum("ij,ij->i", embeddings, embeddings, dtype="float64")


def _fingerprints(embeddings) -> np.ndarray:
    """Returns a number for each embedding, the same for equal ones, `[num]` uint64."""
    factors = np.random.default_rng(0).integers(0, 1 << 63, embeddings.shape[1], "uint64") * 2 + 1
    prints = np.empty(len(embeddings), "uint64")
    for start in range(0, len(embeddings), _PAIRS_PER_BLOCK):
        some = slice(start, start + _PAIRS_PER_BLOCK)
        prints[some] = embeddings[some].view("uint32").astype("uint64") @ factors
    return prints

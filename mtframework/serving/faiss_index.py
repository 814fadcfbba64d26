"""The candidates with the largest inner products, most of them, found in a part of all."""

import math

import numpy as np

from mtframework.errors import ModelError

# So many vectors a list place the lists: fewer make faiss warn, more cost minutes and gain little.
_LEAST_VECTORS_A_LIST, _MOST_VECTORS_A_LIST = 39, 64


class FaissIndex:
    """Searches those of some 4·√N lists of candidates whose centres are nearest to the query.

    Args:
        embeddings: `[num_candidates, dim]` float32.
        share_probed: The share of the lists that is searched, from 0 to 1. More finds more of the
            best, in more time.

    Raises:
        ModelError: faiss is not installed.

    Source: Johnson, Douze & Jégou 2019, "Billion-scale similarity search with GPUs".
    """

    def __init__(self, embeddings: np.ndarray, share_probed: float = 0.05):
        try:
            import faiss
        except ImportError as error:
            raise ModelError(
                f"faiss cannot be imported: {error}.",
                "faiss, for approximate search.",
                'Run pip install "mtframework[ann]", or search exactly, which is the default.',
            ) from error
        num, dim = embeddings.shape
        num_lists = max(1, min(round(4 * math.sqrt(num)), num // _LEAST_VECTORS_A_LIST))
        metric = faiss.METRIC_INNER_PRODUCT
        self._index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, num_lists, metric)
        self._index.nprobe = max(1, math.ceil(share_probed * num_lists))
        self._index.cp.max_points_per_centroid = _MOST_VECTORS_A_LIST
        self._index.train(np.ascontiguousarray(embeddings))
        self._index.add(np.ascontiguousarray(embeddings))

    def add(self, embeddings: np.ndarray) -> None:
        """Adds candidates, whose rows follow on those that are there."""
        self._index.add(np.ascontiguousarray(embeddings))

    def search(
        self, queries: np.ndarray, num: int, excluded: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns what `ExactIndex.search` does, of the candidates that were looked at."""
        size = self._index.ntotal
        # As many more as any query is not to be shown, which are taken out of what was found.
        most = np.bincount(excluded[0], minlength=1).max()
        scores, rows = self._index.search(np.ascontiguousarray(queries), min(size, num + int(most)))
        pairs = np.arange(len(queries))[:, None] * size + rows
        lost = (rows < 0) | np.isin(pairs, excluded[0] * size + excluded[1])
        kept = np.argsort(lost, axis=1, kind="stable")[:, :num]
        rows, scores = (np.take_along_axis(each, kept, 1) for each in (rows, scores))
        lost = np.take_along_axis(lost, kept, 1)
        return np.where(lost, 0, rows), np.where(lost, -np.inf, scores).astype("float32")

"""Recommendations by several tasks: retrieve, filter, rank, fuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from keras import ops

from mtframework.arguments import check_count
from mtframework.errors import ModelError
from mtframework.metrics.finite import check_not_diverged
from mtframework.model.compiled import Compiled
from mtframework.model.embedded_rows import embeddings_of
from mtframework.model.known_columns import encode_known
from mtframework.model.model import MultiTaskModel
from mtframework.model.pair_scores import query_and_candidate_towers, score_pairs, scores_of
from mtframework.model.recommend import (
    as_of_now,
    best_products,
    check_k,
    query_blocks,
    request_blocks,
    scoring_task,
    several_numbers,
    top,
)
from mtframework.model.requests import request_columns
from mtframework.model.same_order import warn_of_same_order
from mtframework.serving.candidate_filter import allowed_candidates
from mtframework.serving.candidates import Candidates
from mtframework.serving.exact_index import ExactIndex
from mtframework.serving.faiss_index import FaissIndex
from mtframework.serving.fusion import Fusion
from mtframework.tasks.views import candidate_of, query_of

_INDEXES = {"exact": ExactIndex, "faiss": FaissIndex}


@dataclass(frozen=True)
class Recommendations:
    """Candidates for each of several queries, best first.

    Args:
        ids: The candidates, `[num_queries, k]` strings, `""` where fewer are left.
        score: What they are sorted by, `[num_queries, k]` float32, -inf where fewer are left.
        scores: Every task's score of them, `{task: [num_queries, k]}` float32; `"task/part"` of a
            task that predicts several numbers.
    """

    ids: np.ndarray
    score: np.ndarray
    scores: dict[str, np.ndarray]


class Recommender:
    """Recommends candidates by what several tasks say of them.

    1. **Retrieve**: the candidates that the first retrieval task scores highest; all of the
       catalogue where there is no such task.
    2. **Filter**: without what the query has seen and what the caller excludes.
    3. **Rank**: each of the fusion's tasks scores what is left.
    4. **Fuse**: the candidates are sorted by the weighted sum of these scores.

    Without a fusion they are sorted by one task, as `MultiTaskModel.recommend` does it: the first
    retrieval task, else the first.

    Args:
        model: A trained model.
        fusion: The weights of the tasks' scores; `Run.load_fusion` gives those of a run.
        num_retrieved: How many candidates are ranked, where a task retrieves; `k` where that is
            more. What the fusion wants and retrieval does not find among so many is lost.
        index: How to retrieve: `"exact"` computes every inner product, `"faiss"` (extra `ann`)
            those of the nearest lists of candidates, for catalogues above a million; `recall` says
            what that costs.

    Raises:
        ModelError: The fusion has a task that the model does not have, or the model has no tower
            of candidates alone, or a weight that is not finite.

    Example:

    >>> schema = mtf.Schema(
    ...     (
    ...         mtf.Column("reader", "categorical", "query"),
    ...         mtf.Column("book", "categorical", "candidate"),
    ...         mtf.Column("stars", "numeric", "label"),
    ...     ),
    ...     query_key="reader",
    ...     candidate_key="book",
    ... )
    >>> rows = {"reader": ["Ann", "Bob"], "book": ["Emma", "Ulysses"], "stars": [5.0, 3.0]}
    >>> catalogue = {"book": ["Emma", "Middlemarch", "Ulysses"]}
    >>> model = mtf.MultiTaskModel(
    ...     towers=[mtf.Tower("reader", ["reader"]), mtf.Tower("book", ["book"])],
    ...     tasks=[
    ...         mtf.Retrieval("read", query="reader", candidate="book"),
    ...         mtf.Ranking("rating", label="stars"),
    ...     ],
    ... )
    >>> model.adapt(mtf.Dataset(schema, rows, rows, catalogue))
    >>> recommender = mtf.Recommender(model, mtf.Fusion({"read": 1.0, "rating": 0.5}))
    >>> found = recommender.recommend({"reader": ["Ann"]}, k=2, exclude=[["Ulysses"]])
    >>> found.ids
    array([['Middlemarch', '']], dtype='<U11')
    >>> sorted(found.scores)
    ['rating', 'read']
    """

    def __init__(
        self,
        model: MultiTaskModel,
        fusion: Fusion | None = None,
        num_retrieved: int = 500,
        index: Literal["exact", "faiss"] = "exact",
    ):
        model.encode({})  # raises where it is not trained
        _check_weights(model)
        first = scoring_task(model, None)
        self.model = model
        self.fusion = fusion or Fusion({first.name: 1.0})
        self.is_fused = fusion is not None
        self.fusion.check(model)
        self.num_retrieved = check_count("The recommender", "num_retrieved", num_retrieved)
        self.query_towers, candidate_towers = query_and_candidate_towers(model)
        self.candidates = Candidates(model, candidate_towers)
        self._embed = self._compiled_towers()
        self._scores: dict[tuple[str, ...], Compiled] = {}
        self.seen_by = first.name
        self.retrieval = first if first.retrieves else None
        self.index = None
        if index not in _INDEXES:
            raise ModelError(
                f"The recommender has index = {index!r}.", 'One of "exact", "faiss".', "Correct it."
            )
        if self.retrieval is not None:
            self.index = _INDEXES[index](self._found_among(self.candidates.embeddings))

    @classmethod
    def by_task(cls, model: MultiTaskModel, task: str) -> "Recommender":
        """Returns one that sorts the whole catalogue by one task, whichever it is.

        Raises:
            ModelError: There is no such task.
        """
        scoring_task(model, task)
        recommender = cls(model, Fusion({task: 1.0}), num_retrieved=model.catalogue.size)
        recommender.is_fused, recommender.seen_by = False, task
        return recommender

    def recommend(
        self,
        queries: Mapping[str, Any],
        k: int = 10,
        exclude_seen: bool = True,
        exclude: Sequence[Sequence] | None = None,
        fusion: Fusion | None = None,
        only: Mapping[str, Any] | None = None,
    ) -> Recommendations:
        """Returns each query's `k` best candidates.

        Args:
            queries: The raw columns that describe the queries: `{name: [num_queries]}`. Of queries
                that training met, the key is enough: their other columns are those of their latest
                training row. A query never seen in training gets what the out-of-vocabulary
                embedding gives; one without a timestamp asks now.
            k: How many.
            exclude_seen: Whether to leave out what the query has seen in the training rows, as the
                first retrieval task, or the one that sorts, has it (see `Retrieval.seen`).
            exclude: For each query a list of candidates to leave out; unknown ones are passed over.
            fusion: How to fuse the scores this time, in place of the recommender's fusion.
            only: Conditions that candidates of the catalogue must meet, by column, such as
                `{"year": {"from": 1990}, "genre": ["Comedy", "Drama"]}`; see
                `allowed_candidates`. They are applied before ranking, to every candidate.

        Raises:
            ModelError: `k` is below 1 or above the number of candidates, or a column is missing, or
                a score is not finite, or the fusion has a task that the model does not have.
            DataError: A value or condition is not of its column's kind, or `exclude` is not a list
                a query.
        """
        if fusion is not None:
            fusion.check(self.model)
        allowed = None
        if only:
            allowed = np.zeros(self.candidates.size, bool)  # of those added later nothing is known
            allowed[: self.model.catalogue.size] = allowed_candidates(self.model, only)
        hidden = None if exclude is None else (exclude, self.candidates.rows)
        request = request_blocks(
            self.model, queries, k, self.candidates.size, exclude_seen, self.seen_by, hidden
        )
        with self.model.lock:
            blocks = [
                self._recommend(encoded, k, excluded, fusion or self.fusion, allowed)
                for encoded, excluded in request
            ]
        return Recommendations(
            np.concatenate([each.ids for each in blocks]),
            np.concatenate([each.score for each in blocks]),
            {
                name: np.concatenate([each.scores[name] for each in blocks])
                for name in blocks[0].scores
            },
        )

    def add_candidates(self, columns: Mapping[str, Any]) -> None:
        """Adds candidates that came after the training, known by their features.

        Args:
            columns: Raw columns: the candidate key and whatever the candidate towers read.

        Raises:
            ModelError: A candidate tower reads the id alone.
            DataError: A column is missing, or a candidate is there already.
        """
        added = self.candidates.add(columns)
        if self.index is not None and self.retrieval is not None:
            self.index.add(self._found_among(added))

    def recall(self, queries: Mapping[str, Any], k: int = 100) -> float:
        """Returns the share of the exactly best `k` that the index finds, mean over the queries.

        Args:
            queries: The raw columns that describe the queries.
            k: How many.
        """
        if self.index is None or self.retrieval is None:
            return 1.0
        check_k(k, self.candidates.size)
        asked = as_of_now(self.model, request_columns(self.model, queries))
        towers = self.embed_queries(encode_known(self.model, asked))
        of_queries = ops.convert_to_numpy(query_of(self.retrieval, towers))
        exact = ExactIndex(self._found_among(self.candidates.embeddings))
        nothing = np.zeros(0, "int64"), np.zeros(0, "int64")
        num_found = 0
        for start, stop in query_blocks(len(of_queries), self.candidates.size):
            block = of_queries[start:stop]
            best, _ = exact.search(block, k, nothing)
            found, scores = self.index.search(block, k, nothing)
            found = np.where(np.isneginf(scores), -1, found)
            num_found += sum(len(np.intersect1d(*each)) for each in zip(best, found, strict=True))
        return num_found / max(len(of_queries) * k, 1)

    def embed_queries(self, encoded: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the embeddings of encoded queries by tower, `[num_queries, dim]` float32.

        Beside them, as `"tower/task"`, are the retrievals' views of the query.

        Raises:
            ModelError: A column is missing, or an embedding is not finite.
        """
        columns: dict[str, np.ndarray] = {}
        for tower in self.query_towers:  # raises here, since Keras rewrites the errors of its calls
            columns |= self.model.tower_columns(tower, encoded)
        return embeddings_of(columns, self._embed.run)

    def _compiled_towers(self) -> Compiled:
        model = self.model
        # What a tower says of all queries at once it computes once; of a request's own events it
        # cannot know before.
        precomputed = {
            name: table
            for name in self.query_towers
            if not model.towers[name].history_columns
            and (table := model.towers[name].precompute()) is not None
        }
        return Compiled(
            model,
            lambda columns: model.with_query_views(model.embed(self.query_towers, columns)),
            precomputed,
        )

    def _found_among(self, embeddings: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the candidates' embeddings as the task that retrieves has them."""
        if self.retrieval is None:
            raise ValueError("no task retrieves")
        return ops.convert_to_numpy(candidate_of(self.retrieval, embeddings))

    def _recommend(
        self,
        encoded: Mapping[str, np.ndarray],
        k: int,
        excluded: tuple[np.ndarray, np.ndarray],
        fusion: Fusion,
        allowed: np.ndarray | None,
    ) -> Recommendations:
        of_queries = self.embed_queries(encoded)
        scores: dict[str, np.ndarray] = {}
        if self.retrieval is not None and self.index is not None:
            asked = ops.convert_to_numpy(query_of(self.retrieval, of_queries))
            rows, found = self._retrieve(self.retrieval, self.index, asked, k, excluded, allowed)
            is_left = ~np.isneginf(found)
            scores[self.retrieval.name] = np.where(is_left, found, 0.0)
        else:
            num_queries = len(of_queries[self.query_towers[0]])
            is_left = np.ones((num_queries, self.candidates.size), bool)
            is_left[excluded] = False
            if allowed is not None:
                is_left &= allowed
            rows = np.broadcast_to(np.arange(self.candidates.size), is_left.shape)
        ranking = [task for task in fusion.weights if task not in scores]
        scores.update(self._rank(ranking, of_queries, rows))
        for task in fusion.weights:
            if task not in scores:
                raise several_numbers(task, scores)
        fused = fusion.score(scores)
        check_not_diverged("queries' scores", np.where(is_left, fused, 0.0))
        if rows.shape[1] == self.candidates.size:
            of_catalogue = np.empty_like(fused)
            np.put_along_axis(of_catalogue, rows, fused, 1)
            warn_of_same_order(", ".join(fusion.weights), of_catalogue)
        fused = np.where(is_left, fused, -np.inf).astype("float32")

        best = top(fused, k)
        rows, fused = (np.take_along_axis(each, best, 1) for each in (rows, fused))
        scores = {task: np.take_along_axis(each, best, 1) for task, each in scores.items()}
        others = [task for task in self.model.tasks if task not in scores]
        scores.update(self._rank(others, of_queries, rows))
        is_left = ~np.isneginf(fused)
        return Recommendations(
            np.where(is_left, self.candidates.names[rows], ""),
            fused,
            {task: np.where(is_left, each, -np.inf) for task, each in scores.items()},
        )

    def _retrieve(
        self,
        task: Any,
        index: Any,
        queries: np.ndarray,
        k: int,
        excluded: tuple[np.ndarray, np.ndarray],
        allowed: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows and scores of each query's best candidates, as an index does."""
        num = min(max(k, self.num_retrieved), self.candidates.size)
        if allowed is None:
            return index.search(queries, num, excluded)
        # Exactly, among those alone: an index of all would find too few of a small share.
        within = np.flatnonzero(allowed)
        if not len(within):
            nothing = np.zeros((len(queries), num), "int64")
            return nothing, np.full(nothing.shape, -np.inf, "float32")
        position = np.full(self.candidates.size, -1)
        position[within] = np.arange(len(within))
        owners, hidden = excluded[0], position[excluded[1]]
        kept = hidden >= 0
        rows, scores = best_products(
            queries,
            self.candidates.embeddings[task.candidate][within],
            min(num, len(within)),
            (owners[kept], hidden[kept]),
        )
        lacking = ((0, 0), (0, num - rows.shape[1]))
        return np.pad(within[rows], lacking), np.pad(scores, lacking, constant_values=-np.inf)

    def _rank(
        self, tasks: Sequence[str], of_queries: Mapping[str, np.ndarray], rows: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns some tasks' scores of each query's candidates: `{task: [num_queries, num]}`."""
        if not tasks:
            return {}
        query_rows = np.repeat(np.arange(rows.shape[0]), rows.shape[1])
        names = tuple(tasks)
        if names not in self._scores:
            self._scores[names] = Compiled(self.model, scores_of(self.model, names))
        scores = score_pairs(
            self._scores[names].run,
            of_queries,
            self.candidates.embeddings,
            query_rows,
            rows.ravel(),
        )
        return {task: each.reshape(rows.shape) for task, each in scores.items()}


def _check_weights(model: MultiTaskModel) -> None:
    """Raises a `ModelError` where a weight is not finite.

    Its scores need not tell: compiled by TensorFlow, what is not a number is 0 behind a relu.
    """
    for weight in model.trainable_variables:
        values = np.atleast_1d(ops.convert_to_numpy(weight))
        check_not_diverged(f'rows of the weight "{weight.path}"', values.reshape(len(values), -1))

"""A tower that knows a query by the candidates it has, each as its own tower embeds it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from mtframework.arguments import check_count, check_share
from mtframework.errors import quoted_list
from mtframework.part import Policy
from mtframework.registry import register_tower
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.schema import Schema
from mtframework.towers.base_tower import BaseTower
from mtframework.towers.history_keys import check_key_names, check_keys, tied_tower
from mtframework.towers.interactions import Interactions, interactions_of


@register_tower("tied_history_tower")
class TiedHistoryTower(BaseTower):
    """Adds up what a query has, in the embeddings that the candidate tower gives.

        embedding = Σ over kinds k of scale_k / √n_k · Σ over j in the history of k of c_j

    `c_j` is the embedding of candidate j by the tower `tied_to`, `n_k` how long the history is, and
    `scale_k` is learned. With a `Retrieval` over the two towers, the score of a candidate is how
    much it resembles what the query has: a low-rank form of neighbourhood models (FISM; Kabbur et
    al. 2013). It has no embedding of the query itself. The history of a kind is those training
    rows of the query, each candidate once, whose label of that name is above 0.

    **In training a history lacks the row's own candidate** (leave one out), so that what is to be
    predicted is never among what it is predicted from. A kind in `keeps` keeps it: what comes
    before the feedback in question, as carts before purchases. A query is then recommended what
    lies in its cart, where training rows show that this is what people buy. The history of such a
    kind is not divided by √n_k, so that each thing in a full cart counts as much as the only one.

    A step embeds the whole catalogue and adds up all histories, once.

    Args:
        name: The tower's name, by which tasks read it. In a Gin file, the scope.
        history: The data set's candidate key, by which interactions are known.
        key: The data set's query key, by which histories are known.
        tied_to: The candidate tower.
        kinds: Labels, each a kind of interaction with a history of its own; `()` for one history of
            all training rows.
        keeps: Those of the kinds that keep the row's own candidate in training.
        embedding_dim: The size of the embedding, which is the candidate tower's.
        dropout: The share of the embedding that is dropped in training, from 0 up to 1.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> tower = TiedHistoryTower("user", "movie", "user_id", tied_to="film", embedding_dim=4)
    >>> film = mtf.Tower("film", ["movie"], embedding_dim=4)
    >>> tower.use_towers({"user": tower, "film": film})
    >>> film.build({"movie": 5})
    >>> tower.build({"user_id": 3, "movie": 5})
    >>> users, movies = np.array([1, 1, 2]), np.array([4, 2, 2])
    >>> catalogue = {"movie": np.arange(1, 5)}
    >>> tower.use_catalogue(Catalogue.learn("movie", catalogue, users, movies, num_query_ids=3))
    >>> tuple(tower({"user_id": np.array([1, 2])}).shape)
    (2, 4)
    """

    def __init__(
        self,
        name: str | None = None,
        history: str = "",
        key: str = "",
        tied_to: str = "",
        kinds: Sequence[str] = (),
        keeps: Sequence[str] = (),
        embedding_dim: int = 32,
        dropout: float = 0.0,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_key_names(self, history=history, key=key)
        if not isinstance(tied_to, str) or not tied_to:
            raise self.wrong("tied_to", tied_to, "The name of the candidate tower.")
        for argument, value in (("kinds", kinds), ("keeps", keeps)):
            if isinstance(value, str) or not all(isinstance(each, str) for each in value):
                raise self.wrong(argument, value, "A list of labels.")
        for each in keeps:
            if each not in kinds:
                raise self.wrong("keeps", list(keeps), f"Some of the kinds: {quoted_list(kinds)}.")
        owner = f'The tower "{self.name}"'
        self.history = history
        self.key = key
        self.tied_to = tied_to
        self.kinds = self.history_labels = tuple(kinds)
        self.keeps = tuple(keeps)
        self.embedding_dim = check_count(owner, "embedding_dim", embedding_dim)
        self.dropout_rate = check_share(owner, "dropout", dropout, below_one=True)
        self.training_columns = (history,)  # what to leave out
        self.is_deterministic = False  # two rows of one query leave out different candidates
        self.dropout = self.dropout_layer(dropout)
        self._tied: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.key,)

    def use_towers(self, towers: Mapping[str, BaseTower]) -> None:
        self._tied = tied_tower(self, towers, self.tied_to, self.history)

    def check(self, schema: Schema) -> None:
        check_keys(self, schema, key=self.key, history=self.history)
        for each in self.kinds:
            if schema[each].kind != "numeric":
                raise self.wrong("kinds", list(self.kinds), "Numeric columns.")

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        self.scales = self.add_weight((max(len(self.kinds), 1),), "ones", name="scales")

    def use_catalogue(self, catalogue: Catalogue) -> None:
        self._catalogue = dict(catalogue.columns)
        num_ids = int(catalogue.columns[self.history].max(initial=0)) + 1
        self._row_of_id = np.maximum(catalogue.row_of_each_id(num_ids), 0)
        self.num_queries = len(catalogue.seen_offsets) - 1
        queries = np.repeat(np.arange(self.num_queries), np.diff(catalogue.seen_offsets))
        labels = [catalogue.seen_labels[kind] for kind in self.kinds]
        masks = [each > 0 for each in labels] or [np.ones(len(queries), bool)]
        self.histories: list[Interactions | None] = []
        for mask in masks:
            of_kind = queries[mask]
            offsets = np.searchsorted(of_kind, np.arange(self.num_queries + 1))
            candidates, nothing = catalogue.seen_rows[mask], np.zeros(len(of_kind), "float32")
            pairs = (offsets, of_kind, candidates, nothing, catalogue.size)
            self.histories.append(interactions_of(*pairs) if len(of_kind) else None)

    def call(self, features, training=None):
        queries = ops.cast(features[self.key], "int32")
        if self.precomputed is None:
            embedding = self._pool(queries, features[self.history] if training else None, training)
        else:
            embedding = ops.take(self.precomputed, queries, axis=0)
        return embedding if self.dropout is None else self.dropout(embedding, training=training)

    def precompute(self):
        everyone = ops.arange(self.num_queries, dtype="int32")
        return ops.convert_to_numpy(self._pool(everyone, None, False))

    def get_config(self):
        return {
            **super().get_config(),
            "history": self.history,
            "key": self.key,
            "tied_to": self.tied_to,
            "kinds": list(self.kinds),
            "keeps": list(self.keeps),
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout_rate,
        }

    def _pool(self, queries, own, training):
        """Returns what the histories of some queries amount to, `[batch, embedding_dim]`.

        Args:
            queries: `[batch]` int32.
            own: The candidates to leave out, `[batch]` ids; None for none.
            training: Whether it is part of a training step.
        """
        tied = self._tied()
        table = tied({name: self._catalogue[name] for name in tied.columns}, training=training)
        ones = ops.ones_like(table[:, :1])
        if own is not None:
            own = ops.take(ops.convert_to_tensor(self._row_of_id), own)
        total = ops.zeros((ops.shape(queries)[0], self.embedding_dim), table.dtype)
        for number, history in enumerate(self.histories):
            if history is None:
                continue
            is_kept = number < len(self.kinds) and self.kinds[number] in self.keeps
            left_out = None if own is None or is_kept else (own, history.of_pairs(queries, own)[0])
            vector = _sum(history, queries, left_out, table)
            if not is_kept:
                count = ops.maximum(_sum(history, queries, left_out, ones), 1.0)
                vector = vector / ops.sqrt(count)
            total = total + ops.cast(self.scales[number], table.dtype) * vector
        return total


def _sum(history: Interactions, queries, left_out, table):
    """Returns each row's sum over its history, less what is left out."""
    sums = ops.take(history.sum(table), queries, axis=0)
    if left_out is None:
        return sums
    candidates, is_there = left_out
    own = ops.take(table, candidates, axis=0)
    return sums - ops.expand_dims(ops.cast(is_there, table.dtype), -1) * own

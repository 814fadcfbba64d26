"""A tower that knows a query by what it has interacted with."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from keras import ops

from mtframework.arguments import check_choice
from mtframework.features.encoder import features_from_config
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_tower
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.towers.base_tower import BaseTower
from mtframework.towers.history_keys import check_key_names, check_keys
from mtframework.towers.interactions import Interactions, interactions_of
from mtframework.towers.tower import Tower

POOLINGS = ("sum", "mean", "sqrtn", "attention")


@register_tower("history_tower")
class HistoryTower(BaseTower):
    """Adds up the candidates that a query has interacted with, and what is known of it beside.

        embedding = tower(features) + pool over j in the history of (P_j + (label_j − mean) · S_j)

    P and S are embeddings of candidates, of this tower alone (SVD++ and asymmetric SVD; Koren
    2008, "Factorization meets the neighborhood"); S is there only with a `label`. The history is
    the query's training rows, each candidate once.

    **In training it holds every interaction but the row's own candidate** (leave one out), so that
    what is to be predicted is never among what it is predicted from. Otherwise it holds all of
    them; so metrics on the training rows themselves, computed outside training, are too good.

    A step adds up all histories once, whatever the batch, and then takes each row's own candidate
    out: it costs time and memory for (number of interactions) · `embedding_dim` numbers, or, of
    up to eight million pairs of a query and a candidate that met in one of a hundred cases or more,
    one matrix product.

    Args:
        name: The tower's name, by which tasks read it. In a Gin file, the scope.
        history: The data set's candidate key, by which interactions are known.
        key: The data set's query key, by which histories are known.
        features: What to read beside the history, as `Tower` does; may be none.
        pooling: How the n vectors become one: `"sum"`, `"mean"`, `"sqrtn"` (the sum divided by
            √n, which lets long histories say more) or `"attention"` (a mean with the learned
            weights `softmax(4 tanh(P_j · v))`).
        label: The column that tells how an interaction was, for example a rating; an interaction
            without it counts as an average one. None for the interactions alone.
        embedding_dim: The size of the embedding.
        hidden_units: The sizes of the dense layers that the features go through.
        dropout: The share of the embedding that is dropped in training, from 0 up to 1.
        l2: The weight of the penalty on the features' embeddings, as in `Tower`.
        combiner: How the features' vectors become one, as in `Tower`.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> tower = HistoryTower("user", history="movie", key="user_id", embedding_dim=4)
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
        features: Sequence[str | Feature] = (),
        pooling: Literal["sum", "mean", "sqrtn", "attention"] = "sqrtn",
        label: str | None = None,
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        l2: float = 0.0,
        combiner: Literal["concatenate", "sum"] = "concatenate",
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_key_names(self, history=history, key=key)
        self.history = history
        self.training_columns = (history,)  # what to leave out
        self.is_deterministic = False  # two rows of one query leave out different candidates
        self.key = key
        self.pooling = check_choice(f'The tower "{self.name}"', "pooling", pooling, POOLINGS)
        self.history_label = label
        self.history_labels = () if label is None else (label,)
        self.embedding_dim = embedding_dim
        self.hidden_units = tuple(hidden_units)
        self.dropout_rate = dropout
        self.l2 = l2
        self.combiner = combiner
        self.profile = None
        if features or isinstance(features, (str, Feature)):  # Tower says what is wrong with these
            self.profile = Tower(
                f"{self.name}_profile",
                features,
                embedding_dim,
                self.hidden_units,
                key,
                l2=l2,
                combiner=combiner,
                dtype=self.dtype_policy,
            )
        self.dropout = self.dropout_layer(dropout)

    @property
    def columns(self) -> tuple[str, ...]:
        features = () if self.profile is None else self.profile.columns
        return tuple(dict.fromkeys((self.key, *features)))

    @property
    def features(self) -> tuple[str | Feature, ...]:
        """What is read beside the history."""
        return () if self.profile is None else self.profile.features

    @property
    def feature_layers(self) -> Sequence[Feature]:
        return () if self.profile is None else self.profile.feature_layers

    def weights_by_id(self):
        weights = super().weights_by_id()
        of_history = [self.interactions, *([self.deviations] if self.history_label else [])]
        return {**weights, self.history: [*weights.get(self.history, []), *of_history]}

    def check(self, schema: Schema) -> None:
        check_keys(self, schema, key=self.key, history=self.history)
        if self.history_label is not None and schema[self.history_label].kind != "numeric":
            raise self.wrong("label", self.history_label, "A numeric column.")
        if self.profile is not None:
            self.profile.check(schema)

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        if self.profile is not None:
            self.profile.build({name: num_ids[name] for name in self.profile.columns})
        shape = (num_ids[self.history], self.embedding_dim)
        self.interactions = self.add_weight(shape, "uniform", name="interactions")
        if self.history_label is not None:
            self.deviations = self.add_weight(shape, "uniform", name="deviations")
        if self.pooling == "attention":
            self.attention = self.add_weight(shape[1:], "zeros", name="attention")

    def adapt(
        self, columns: Mapping[str, np.ndarray], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        if self.profile is not None:
            self.profile.adapt(columns, vocabularies)

    def use_catalogue(self, catalogue: Catalogue) -> None:
        counts = np.diff(catalogue.seen_offsets)
        self.num_queries = len(counts)
        queries = np.repeat(np.arange(self.num_queries), counts)
        ids = catalogue.columns[self.history][catalogue.seen_rows]
        order = np.lexsort((ids, queries))  # ascending ids in a run, for the search in it
        deviations = np.zeros(len(ids), "float32")
        if self.history_label is not None:
            labels = catalogue.seen_labels[self.history_label][order]
            known = np.isfinite(labels)
            mean = labels[known].mean() if known.any() else 0.0
            deviations = np.where(known, labels - mean, 0.0)
        self.seen: Interactions | None = None
        if len(ids):
            num_candidates = self.interactions.shape[0]
            self.seen = interactions_of(
                catalogue.seen_offsets, queries[order], ids[order], deviations, num_candidates
            )

    def call(self, features, training=None):
        queries = ops.cast(features[self.key], "int32")
        if self.precomputed is None:
            embedding = self._pool(queries, features[self.history] if training else None)
        else:
            embedding = ops.take(self.precomputed, queries, axis=0)
        if self.profile is not None:
            embedding = embedding + self.profile(features, training=training)
        return embedding if self.dropout is None else self.dropout(embedding, training=training)

    def precompute(self):
        everyone = ops.arange(self.num_queries, dtype="int32")
        return ops.convert_to_numpy(self._pool(everyone, None))

    def penalty(self, features):
        return 0.0 if self.profile is None else self.profile.penalty(features)

    def get_config(self):
        return {
            **super().get_config(),
            "history": self.history,
            "key": self.key,
            "features": [] if self.profile is None else self.profile.get_config()["features"],
            "pooling": self.pooling,
            "label": self.history_label,
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout_rate,
            "l2": self.l2,
            "combiner": self.combiner,
        }

    @classmethod
    def from_config(cls, config):
        features = features_from_config(config["features"])
        return super().from_config({**config, "features": features})

    def _pool(self, queries, left_out):
        """Returns the pooled histories, `[batch, embedding_dim]`."""
        if self.seen is None:
            return ops.zeros((ops.shape(queries)[0], self.embedding_dim), self.compute_dtype)
        table = ops.convert_to_tensor(self.interactions)
        by_label = None if self.history_label is None else ops.convert_to_tensor(self.deviations)
        weights = ops.ones_like(table[:, :1])
        if self.pooling == "attention":
            # Bounded, so that a history less its heaviest part is still exact in float32.
            of_each = ops.exp(4 * ops.tanh(ops.matmul(table, self.attention)))
            weights = ops.expand_dims(of_each, -1)
            table = table * weights
            by_label = None if by_label is None else by_label * weights
        own = None
        if left_out is not None:
            own = ops.cast(left_out, "int32")
            own = (own, *self.seen.of_pairs(queries, own))
        vector = _sum(self.seen, queries, own, table, by_label)
        if self.pooling == "sum":
            return vector
        weight = _sum(self.seen, queries, own, weights)
        # What is left of a history of one is rounding error over rounding error, without a bound.
        weight = ops.maximum(weight, 1.0 if self.pooling != "attention" else _LEAST_WEIGHT)
        return vector / (ops.sqrt(weight) if self.pooling == "sqrtn" else weight)


def _sum(seen: Interactions, queries, own, table, by_label=None):
    """Returns each row's sum over its history, less what is its own."""
    sums = ops.take(seen.sum(table, by_label), queries, axis=0)
    if own is None:
        return sums
    candidates, is_there, deviations = own
    sums = sums - _scaled(is_there, ops.take(table, candidates, axis=0))
    if by_label is None:
        return sums
    return sums - _scaled(deviations, ops.take(by_label, candidates, axis=0))


def _scaled(factors, vectors):
    return ops.expand_dims(ops.cast(factors, vectors.dtype), -1) * vectors


# Half of the smallest weight that attention gives.
_LEAST_WEIGHT = float(np.exp(-4) / 2)

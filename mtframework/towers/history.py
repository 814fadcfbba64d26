"""A tower that knows a query by what it has interacted with."""

from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import numpy as np
from keras import ops

from mtframework.errors import did_you_mean, quoted_list
from mtframework.features.catalogue import Catalogue
from mtframework.features.encoder import features_from_config
from mtframework.features.feature import Feature
from mtframework.features.schema import Schema
from mtframework.features.vocabulary import Vocabulary
from mtframework.registry import register_tower
from mtframework.towers.base_tower import BaseTower
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
    out: it costs time and memory for (number of interactions) · `embedding_dim` numbers.

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
    ):
        super().__init__(name=name)
        for argument, value in (("history", history), ("key", key)):
            if not isinstance(value, str) or not value:
                raise self._wrong(
                    argument, value, f"The column that is the data set's {_ROLES[argument]} key."
                )
        if pooling not in POOLINGS:
            hint = did_you_mean(str(pooling), POOLINGS)
            raise self._wrong("pooling", pooling, f"One of {quoted_list(POOLINGS)}.{hint}")
        self.history = history
        self.training_columns = (history,)  # what to leave out
        self.is_deterministic = False  # two rows of one query leave out different candidates
        self.key = key
        self.pooling = pooling
        self.history_label = label
        self.embedding_dim = embedding_dim
        self.hidden_units = tuple(hidden_units)
        self.dropout_rate = dropout
        self.l2 = l2
        self.profile = None
        if features or isinstance(features, (str, Feature)):  # Tower says what is wrong with these
            self.profile = Tower(
                f"{self.name}_profile", features, embedding_dim, self.hidden_units, key, l2=l2
            )
        self.dropout = keras.layers.Dropout(dropout, name="dropout") if dropout else None

    @property
    def columns(self) -> tuple[str, ...]:
        features = () if self.profile is None else self.profile.columns
        return tuple(dict.fromkeys((self.key, *features)))

    @property
    def feature_layers(self) -> Sequence[Feature]:
        return () if self.profile is None else self.profile.feature_layers

    def weights_by_id(self):
        weights = super().weights_by_id()
        of_history = [self.interactions, *([self.deviations] if self.history_label else [])]
        return {**weights, self.history: [*weights.get(self.history, []), *of_history]}

    def check(self, schema: Schema) -> None:
        for argument, column, wanted in (
            ("key", self.key, schema.query_key),
            ("history", self.history, schema.candidate_key),
        ):
            if column != wanted:
                schema[column]
                raise self._wrong(
                    argument, column, f'"{wanted}", the data set\'s {_ROLES[argument]} key.'
                )
        if self.history_label is not None and schema[self.history_label].kind != "numeric":
            raise self._wrong("label", self.history_label, "A numeric column.")
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
        queries = np.repeat(np.arange(len(counts)), counts)
        ids = catalogue.columns[self.history][catalogue.seen_rows]
        order = np.lexsort((ids, queries))  # ascending ids in a run, for the search in it
        self.offsets = catalogue.seen_offsets.astype("int32")
        self.queries = queries[order].astype("int32")
        self.candidates = ids[order].astype("int32")
        self.longest = int(counts.max(initial=0))
        if self.history_label is not None:
            labels = catalogue.seen_labels[self.history_label][order]
            known = np.isfinite(labels)
            mean = labels[known].mean() if known.any() else 0.0
            self.label_deviations = np.where(known, labels - mean, 0.0).astype("float32")

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
        everyone = ops.arange(len(self.offsets) - 1, dtype="int32")
        return ops.convert_to_numpy(self._pool(everyone, None))

    def penalty(self, features):
        return 0.0 if self.profile is None else self.profile.penalty(features)

    def get_config(self):
        return {
            "name": self.name,
            "history": self.history,
            "key": self.key,
            "features": [] if self.profile is None else self.profile.get_config()["features"],
            "pooling": self.pooling,
            "label": self.history_label,
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout_rate,
            "l2": self.l2,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "features": features_from_config(config["features"])})

    def _pool(self, queries, left_out):
        """Returns the pooled histories, `[batch, embedding_dim]`."""
        if not len(self.candidates):
            return ops.zeros((ops.shape(queries)[0], self.embedding_dim), self.compute_dtype)
        vectors, weights = self._weighted_vectors()
        own = None
        if left_out is not None:
            own = self._find(queries, ops.cast(left_out, "int32"))
        vector = self._sum(vectors, queries, own)
        if self.pooling == "sum":
            return vector
        weight = ops.expand_dims(self._sum(weights, queries, own), -1)
        # What is left of a history of one is rounding error over rounding error, without a bound.
        weight = ops.maximum(weight, 1.0 if self.pooling != "attention" else _LEAST_WEIGHT)
        return vector / (ops.sqrt(weight) if self.pooling == "sqrtn" else weight)

    def _weighted_vectors(self):
        """Returns each interaction's vector, times its weight, and the weights."""
        candidates = ops.convert_to_tensor(self.candidates)
        vectors = ops.take(self.interactions, candidates, axis=0)
        if self.pooling == "attention":
            # Bounded, so that a history less its heaviest part is still exact in float32.
            of_each = ops.exp(4 * ops.tanh(ops.matmul(self.interactions, self.attention)))
            weights = ops.take(of_each, candidates)
        else:
            weights = ops.ones((len(self.candidates),), vectors.dtype)
        if self.history_label is not None:
            deviations = ops.cast(ops.convert_to_tensor(self.label_deviations), vectors.dtype)
            by_label = ops.take(self.deviations, candidates, axis=0)
            vectors = vectors + ops.expand_dims(deviations, -1) * by_label
        if self.pooling == "attention":
            vectors = vectors * ops.expand_dims(weights, -1)
        return vectors, weights

    def _sum(self, of_each, queries, own):
        """Returns each row's sum over its history, less what is its own."""
        runs, num_runs = ops.convert_to_tensor(self.queries), len(self.offsets) - 1
        sums = ops.take(ops.segment_sum(of_each, runs, num_runs), queries, axis=0)
        if own is None:
            return sums
        place, is_there = own
        is_there = ops.reshape(is_there, (-1, *[1] * (len(of_each.shape) - 1)))
        return sums - ops.where(is_there, ops.take(of_each, place, axis=0), 0.0)

    def _find(self, queries, candidates):
        """Returns where each candidate is in its query's history, and whether it is there."""
        entries, offsets = (
            ops.convert_to_tensor(self.candidates),
            ops.convert_to_tensor(self.offsets),
        )
        low, end = ops.take(offsets, queries), ops.take(offsets, queries + 1)
        high, last = end, len(self.candidates) - 1
        for _ in range(self.longest.bit_length()):  # halves what is left of a run
            middle = (low + high) // 2
            is_below = ops.logical_and(
                low < high, ops.take(entries, ops.minimum(middle, last)) < candidates
            )
            low, high = ops.where(is_below, middle + 1, low), ops.where(is_below, high, middle)
        place = ops.minimum(low, last)
        return place, ops.logical_and(low < end, ops.equal(ops.take(entries, place), candidates))


_ROLES = {"key": "query", "history": "candidate"}

# Half of the smallest weight that attention gives.
_LEAST_WEIGHT = float(np.exp(-4) / 2)

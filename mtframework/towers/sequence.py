"""A tower that knows a query by what it did, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_count, check_share
from mtframework.embeddings.table import Table
from mtframework.features.encoder import FeatureEncoder, columns_of, features_from_config
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_tower
from mtframework.schema.events import LAST, LENGTHS, STARTS, Events, in_history
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.towers.base_tower import BaseTower
from mtframework.towers.encoders.encoder import Encoder
from mtframework.towers.encoders.transformer import Transformer
from mtframework.towers.event_numbers import EventNumbers
from mtframework.towers.history_keys import check_key_names, check_keys, tied_tower
from mtframework.towers.tower import Tower

_GAP_BUCKETS = 33  # 0 for a history's first event, then powers of two of seconds


@register_tower("sequence_tower")
class SequenceTower(BaseTower):
    """Reads a query's events before the row, in order, and what is known of the query beside.

        event_j   = candidate_j + W · (its features) + gap_j
        embedding = tower(features) + encoder(event_1, …, event_n)_n

    The events are the query's rows before the row in question, the last `max_length` of them, with
    their candidates and whatever columns of theirs `event_features` names, labels among them. What
    a row may know follows from how the data are split (see `mtframework.data.histories`); a row
    never knows itself. A query without an event has a learned vector in the encoder's place.

    In training the histories of a batch are packed, one after another, without padding, and one
    pass serves all rows of a query that are in the batch. When serving, a history comes with the
    request, or is what the model keeps of a query that training met.

    Args:
        name: The tower's name, by which tasks read it. In a Gin file, the scope.
        history: The data set's candidate key, by which events are known.
        key: The data set's query key.
        encoder: What reads the events; None for a `Transformer`.
        features: What to read of the query beside its events, as `Tower` does; may be none.
        event_features: Columns of the events to read beside their candidates, and features of
            them: what kind of event it was, how it was rated, the context. A number that is
            missing counts as an average one.
        times: The timestamp column, where the time between events counts: its logarithm in
            seconds chooses a vector that is added to the event, and the encoder may read it.
        max_length: How many events a history holds at most, the latest ones.
        tied_to: The candidate tower that gives the events' candidates their vectors; None for a
            table of this tower's own. Tied vectors suit deep encoders, own ones a mean.
        embedding_dim: The size of the embedding.
        hidden_units: The sizes of the dense layers that the query's features go through.
        dropout: The share of the events' vectors that is dropped in training, from 0 up to 1.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> tower = SequenceTower("user", history="movie", key="user_id", embedding_dim=4)
    >>> tower.history_columns
    ('movie',)
    """

    def __init__(
        self,
        name: str | None = None,
        history: str = "",
        key: str = "",
        encoder: Encoder | None = None,
        features: Sequence[str | Feature] = (),
        event_features: Sequence[str | Feature] = (),
        times: str | None = None,
        max_length: int = 50,
        tied_to: str | None = None,
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_key_names(self, history=history, key=key)
        owner = f'The tower "{self.name}"'
        if encoder is not None and not isinstance(encoder, Encoder):
            raise self.wrong("encoder", encoder, "An encoder, such as @Transformer() in Gin.")
        self.history = history
        self.key = key
        self.encoder = encoder or Transformer(dtype=self.dtype_policy)
        self.times = times
        if self.encoder.reads_times and times is None:
            raise self.wrong(
                "times", None, f"The timestamp column, which {type(self.encoder).__name__} reads."
            )
        self.max_length = check_count(owner, "max_length", max_length)
        self.tied_to = tied_to
        self.embedding_dim = check_count(owner, "embedding_dim", embedding_dim)
        self.hidden_units = tuple(hidden_units)
        self.dropout_rate = check_share(owner, "dropout", dropout, below_one=True)
        self.is_deterministic = False
        self.event_features = tuple(event_features)
        self.profile = None
        if features or isinstance(features, (str, Feature)):  # Tower says what is wrong with these
            self.profile = Tower(
                f"{self.name}_profile",
                features,
                embedding_dim,
                self.hidden_units,
                key,
                dtype=self.dtype_policy,
            )
        self.dropout = self.dropout_layer(dropout)
        self._tied: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        features = () if self.profile is None else self.profile.columns
        return tuple(dict.fromkeys((self.key, *features)))

    @property
    def history_columns(self) -> tuple[str, ...]:
        tied = () if self._tied is None else self._tied().columns
        times = () if self.times is None else (self.times,)
        of_events = [name for each in self.event_features for name in columns_of(each)]
        return tuple(dict.fromkeys((self.history, *tied, *of_events, *times)))

    @property
    def feature_layers(self) -> Sequence[Feature]:
        return () if self.profile is None else self.profile.feature_layers

    def weights_by_id(self):
        weights = super().weights_by_id()
        if self.tied_to is not None:
            return weights
        table = self.candidates.embeddings
        return {**weights, self.history: [*weights.get(self.history, []), table]}

    def use_towers(self, towers: Mapping[str, BaseTower]) -> None:
        if self.tied_to is not None:
            self._tied = tied_tower(self, towers, self.tied_to, self.history)

    def check(self, schema: Schema) -> None:
        check_keys(self, schema, key=self.key, history=self.history)
        for column in self.history_columns:
            schema[column]
        if self.times is not None and schema[self.times].role != "timestamp":
            raise self.wrong("times", self.times, "The data set's timestamp column.")
        for each in self.event_features:
            columns = [schema[name] for name in columns_of(each)]
            for column in columns:
                if (
                    column.role in ("timestamp", "weight")
                    or column.kind == "vector"
                    or column.name == self.history
                ):
                    raise self.wrong(
                        "event_features",
                        column.name,
                        "Columns of events beside their candidates, labels among them, but no "
                        "vectors; a time goes into times.",
                    )
            if isinstance(each, Feature):
                each.check_columns(columns)
        if self.profile is not None:
            self.profile.check(schema)

    def build(self, num_ids: Mapping[str, int | None]) -> None:
        if self.profile is not None:
            self.profile.build({name: num_ids[name] for name in self.profile.columns})
        dim = self.embedding_dim
        size = num_ids[self.history]
        assert size is not None
        if self.tied_to is None:
            self.candidates = Table(size, dim, name="candidates")
            self.candidates.build((None,))
        read = [
            EventNumbers(each) if isinstance(each, str) and num_ids[each] is None else each
            for each in self.event_features
        ]
        self.event_encoder = None
        if read:
            self.event_encoder = FeatureEncoder(read, dim, name="event_features")
            self.event_encoder.build(num_ids)
            self.projection = keras.layers.Dense(dim, use_bias=False, name="event_projection")
            self.projection.build((None, self.event_encoder.units))
        if self.times is not None:
            self.gaps = self.add_weight((_GAP_BUCKETS, dim), "uniform", name="gaps")
        self.encoder.build(dim, self.max_length)
        self.without_events = self.add_weight((dim,), "uniform", name="without_events")

    def adapt(
        self, columns: Mapping[str, np.ndarray], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        if self.profile is not None:
            self.profile.adapt(columns, vocabularies)
        if self.event_encoder is not None:
            self.event_encoder.adapt(columns, vocabularies)

    def use_events(self, events: Events) -> None:
        self._known_events = events

    def call(self, features, training=None):
        if self.precomputed is None:
            embedding = self._encode(features, training)
        else:
            embedding = ops.take(self.precomputed, ops.cast(features[self.key], "int32"), axis=0)
        if self.profile is not None:
            embedding = embedding + self.profile(features, training=training)
        return embedding

    def precompute(self):
        ids = np.arange(len(self._known_events.offsets) - 1)
        blocks = []
        for start in range(0, len(ids), 4096):
            histories = self._known_events.latest(ids[start : start + 4096], self.max_length)
            blocks.append(ops.convert_to_numpy(self._encode(histories, False)))
        return np.concatenate(blocks)

    def get_config(self):
        def features_of(features):
            serialize = keras.saving.serialize_keras_object
            return [each if isinstance(each, str) else serialize(each) for each in features]

        return {
            **super().get_config(),
            "history": self.history,
            "key": self.key,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "features": [] if self.profile is None else self.profile.get_config()["features"],
            "event_features": features_of(self.event_features),
            "times": self.times,
            "max_length": self.max_length,
            "tied_to": self.tied_to,
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout_rate,
        }

    @classmethod
    def from_config(cls, config):
        made = {
            "encoder": keras.saving.deserialize_keras_object(config["encoder"]),
            "features": features_from_config(config["features"]),
            "event_features": features_from_config(config["event_features"]),
        }
        return super().from_config({**config, **made})

    def _encode(self, features, training):
        """Returns what the encoder says of each row's query, `[batch, embedding_dim]`."""
        columns, starts, last = _packed(features, self.history_columns)
        events = self._events(columns, starts, training)
        times = None if self.times is None else columns[self.times]
        encoded = self.encoder(events, starts, times=times, training=training)
        found = ops.take(encoded, ops.maximum(last, 0), axis=0)
        without = ops.cast(self.without_events, found.dtype)
        return ops.where(ops.expand_dims(last >= 0, -1), found, without)

    def _events(self, columns, starts, training):
        """Returns the events' vectors, `[num_events, embedding_dim]`."""
        if self._tied is None:
            events = self.candidates(columns[self.history])
        else:
            tied = self._tied()
            events = tied({name: columns[name] for name in tied.columns}, training=training)
        if self.event_encoder is not None:
            events = events + self.projection(self.event_encoder(columns))
        if self.times is not None:
            gaps = ops.take(self.gaps, _gap_buckets(columns[self.times], starts), axis=0)
            events = events + ops.cast(gaps, events.dtype)
        return events if self.dropout is None else self.dropout(events, training=training)


def _packed(features, names: Sequence[str]):
    """Returns the columns of packed events, where their histories start, and each row's last one.

    Histories that stand side by side, `[batch, max_length]`, are packed as they are: what is behind
    the last event is not known to it.
    """
    columns = {name: features[in_history(name)] for name in names}
    if LENGTHS not in features:
        starts, last = (ops.cast(features[name], "int32") for name in (STARTS, LAST))
        return columns, starts, last
    lengths = ops.cast(features[LENGTHS], "int32")
    width = columns[names[0]].shape[1]
    columns = {
        name: ops.reshape(values, (-1, *values.shape[2:])) for name, values in columns.items()
    }
    first = ops.arange(ops.shape(lengths)[0], dtype="int32") * width
    starts = ops.repeat(first, width, axis=0)
    return columns, starts, ops.where(lengths > 0, first + lengths - 1, -1)


def _gap_buckets(times, starts):
    """Returns which vector the time since the event before chooses, `[num_events]` int32."""
    times = ops.cast(times, "int32")
    before = ops.concatenate([times[:1], times[:-1]], axis=0)
    seconds = ops.cast(ops.maximum(times - before, 0), "float32")
    buckets = 1 + ops.cast(ops.floor(ops.log2(seconds + 1)), "int32")
    is_first = ops.cast(starts, "int32") == ops.arange(ops.shape(starts)[0], dtype="int32")
    return ops.where(is_first, 0, ops.minimum(buckets, _GAP_BUCKETS - 1))

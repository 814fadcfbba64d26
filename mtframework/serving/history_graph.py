"""The histories of a request, as a graph of plain TensorFlow."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mtframework.model.histories import HISTORY
from mtframework.schema.events import LENGTHS, in_history

Encode = Callable[[Iterable[str], Mapping[str, Any]], dict[str, Any]]


class HistoryGraph:
    """What queries did: what the request says, else what the model knows of them.

    Args:
        model: A model with a tower that reads histories.
        encode: Encodes columns, `[num_rows]` each, by the names of `inputs`.
        inputs: By which name each column goes into a signature.
    """

    def __init__(self, model, encode: Encode, inputs: Mapping[str, str]):
        import tensorflow as tf

        def fixed(values):
            return tf.Variable(values, trainable=False)

        self.model, self.encode, self.inputs = model, encode, inputs
        self.key = model.schema.candidate_key
        self.offsets = fixed(model.events.offsets.astype("int64"))
        self.events = {name: fixed(model.events.columns[name]) for name in model.history_columns}
        # What the catalogue knows of a candidate need not be said of an event.
        roles = {name: model.schema[name].role for name in model.history_columns}
        self.of_catalogue = {
            name: fixed(model.catalogue.columns[name])
            for name, role in roles.items()
            if role == "candidate" and name != self.key
        }
        self.row_of_id = fixed(model.catalogue.row_of_each_id(model.vocabularies[self.key].size))
        self.names = {
            name: HISTORY if name == self.key else f"{HISTORY}_{inputs[name]}"
            for name in model.history_columns
            if name not in self.of_catalogue
        }

    @property
    def variables(self) -> list[Any]:
        """What the graph reads."""
        return [self.offsets, self.row_of_id, *self.events.values(), *self.of_catalogue.values()]

    def specs(self) -> dict[str, Any]:
        """Returns the inputs: `[num_rows, any]` each, an empty candidate where no event is."""
        import tensorflow as tf

        def kind(column):
            if column.kind != "numeric":
                return tf.string
            return tf.int64 if column.role == "timestamp" else tf.float32

        return {
            name: tf.TensorSpec([None, None], kind(self.model.schema[column]), name)
            for column, name in self.names.items()
        }

    def of(self, inputs: Mapping[str, Any], encoded: Mapping[str, Any]) -> dict[str, Any]:
        """Returns each row's history as a batch holds it, `[num_rows, max_length, ...]`.

        A row without an event in the request has those that the model knows of its query.

        Args:
            inputs: The inputs of a signature.
            encoded: Its encoded columns, the query key among them.
        """
        import tensorflow as tf

        known, num_known = self._known(encoded[self.model.schema.query_key])
        given, num_given = self._given(inputs)
        is_given = num_given > 0
        found = {LENGTHS: tf.cast(tf.where(is_given, num_given, num_known), tf.int32)}
        for name, values in known.items():
            shape = tf.concat([tf.shape(is_given), tf.ones(tf.rank(values) - 1, tf.int32)], 0)
            found[in_history(name)] = tf.where(tf.reshape(is_given, shape), given[name], values)
        return found

    def _known(self, ids) -> tuple[dict[str, Any], Any]:
        import tensorflow as tf

        ends = tf.gather(self.offsets, ids + 1)
        counts = tf.minimum(ends - tf.gather(self.offsets, ids), self.model.max_length)
        counts = tf.where(ids > 0, counts, 0)
        before = tf.cumsum(counts, exclusive=True)
        places = tf.repeat(ends - counts - before, counts) + tf.range(tf.reduce_sum(counts))
        return {
            name: self._side_by_side(tf.gather(values, places), counts)
            for name, values in self.events.items()
        }, counts

    def _given(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        import tensorflow as tf

        is_event = tf.strings.strip(inputs[HISTORY]) != ""
        counts = tf.minimum(tf.math.count_nonzero(is_event, 1), self.model.max_length)
        last = slice(-self.model.max_length, None)
        checks, flat = [], {}
        for column, name in self.names.items():
            message = f"{name} has another shape than {HISTORY}: one value for each event."
            same = tf.reduce_all(tf.shape(inputs[name]) == tf.shape(is_event))
            checks.append(tf.debugging.Assert(same, [message]))
            with tf.control_dependencies(checks):
                rows = tf.ragged.boolean_mask(inputs[name], is_event)[:, last]
            flat[self.inputs[column]] = rows.flat_values
        encoded = self.encode(self.names, flat)
        rows = tf.gather(self.row_of_id, encoded[self.key])
        for name, values in self.of_catalogue.items():
            found = tf.gather(values, tf.maximum(rows, 0))
            shape = tf.concat([tf.shape(rows), tf.ones(tf.rank(found) - 1, tf.int32)], 0)
            is_known = tf.reshape(rows >= 0, shape)
            encoded[name] = tf.where(is_known, found, tf.zeros_like(found))
        return {name: self._side_by_side(each, counts) for name, each in encoded.items()}, counts

    def _side_by_side(self, values, counts):
        """Returns values of events, row after row, with zeros behind each row's last one."""
        import tensorflow as tf

        make: Any = tf.RaggedTensor
        ragged = make.from_row_lengths(values, counts)
        return ragged.to_tensor(shape=[None, self.model.max_length, *values.shape[1:]])

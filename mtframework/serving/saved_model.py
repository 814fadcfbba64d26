"""A recommender's arithmetic as graphs of plain TensorFlow."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtframework.errors import ModelError
from mtframework.model.histories import HISTORY
from mtframework.model.pair_scores import flat_scores
from mtframework.schema.events import LENGTHS, in_history
from mtframework.schema.multi_valued import SEPARATOR
from mtframework.serving.dense_histories import (
    places_of_latest,
    places_of_packed,
    values_at,
)
from mtframework.serving.known_queries import query_columns
from mtframework.serving.recommender import Recommender
from mtframework.tasks.views import candidate_of, query_of

# So many scores of a query and a candidate, and so many pairs before the heads, are in memory.
_SCORES_AT_ONCE = 1 << 24
_PAIRS_AT_ONCE = 1 << 16
_REQUEST = ("k", "exclude", "exclude_seen")


def write_saved_model(recommender: Recommender, path: Path) -> None:
    """Writes the two signatures that `export` documents, and what they read."""
    import tensorflow as tf

    graph = _Graph(recommender)
    signatures = graph.signatures()
    # Keras's layers stay out of it: whoever loads them needs Keras.
    root: Any = tf.Module()
    root.parts = [
        *(variable.value for variable in recommender.model.variables),
        *graph.tables.values(),
        graph.row_of_name,
        graph.names,
        graph.seen_offsets,
        graph.seen_rows,
        *graph.events.values(),
        *graph.of_events.values(),
        *graph.positions,
        *graph.embeddings.values(),
        *graph.precomputed.values(),
    ]
    tf.saved_model.save(root, str(path), signatures=signatures)


class _Graph:
    """The two signatures, and the variables and tables that they read."""

    def __init__(self, recommender: Recommender):
        import tensorflow as tf

        def fixed(values):
            return tf.Variable(values, trainable=False)

        self.recommender, self.model = recommender, recommender.model
        model, candidates = self.model, recommender.candidates
        self.query_columns = query_columns(model)
        columns = dict.fromkeys(
            (*self.query_columns, *model.feature_columns, *model.history_columns)
        )
        self.inputs = _input_names(columns, model.history_columns)
        self.tables = {
            name: _table(model.vocabularies[name].known_values, 1, 0)
            for name in columns
            if name in model.vocabularies
        }
        self.row_of_name = _table(candidates.names, 0, -1)
        self.names = fixed(tf.constant(candidates.names.tolist(), tf.string))
        query_ids = np.arange(model.vocabularies[model.schema.query_key].size)
        offsets, rows = model.catalogue.seen_of(query_ids, recommender.seen_by)
        self.seen_offsets = fixed(offsets.astype("int64"))
        self.seen_rows = fixed(rows.astype("int64"))
        self.embeddings = {name: fixed(each) for name, each in candidates.embeddings.items()}
        # What queries did, and what the catalogue knows of the candidates of events.
        self.events = {name: fixed(model.events.columns[name]) for name in model.history_columns}
        key = model.schema.candidate_key
        self.of_events = {
            name: fixed(model.catalogue.columns[name])
            for name in model.history_columns
            if model.schema[name].role == "candidate" and name != key
        }
        self.positions: tuple[Any, ...] = ()
        if model.max_length:
            of_candidates = model.catalogue.row_of_each_id(model.vocabularies[key].size)
            self.positions = (fixed(model.events.offsets), fixed(of_candidates))
        self.history_inputs = {
            name: HISTORY if name == key else f"{HISTORY}_{self.inputs[name]}"
            for name in model.history_columns
            if name not in self.of_events
        }
        computed = {
            name: tower.precompute() for name, tower in model.towers.items() if not tower.max_length
        }
        self.precomputed = {
            name: fixed(each) for name, each in computed.items() if each is not None
        }

    def signatures(self) -> dict[str, Any]:
        """Returns the signatures by name, for `tf.saved_model.save`."""
        towers = [self.model.towers[name] for name in self.precomputed]
        try:
            for tower, computed in zip(towers, self.precomputed.values(), strict=True):
                tower.precomputed = computed
            return self._traced()
        finally:
            for tower in towers:
                tower.precomputed = None

    def _traced(self) -> dict[str, Any]:
        import tensorflow as tf

        request = {
            "k": tf.TensorSpec([], tf.int32, "k"),
            "exclude": tf.TensorSpec([None, None], tf.string, "exclude"),
            "exclude_seen": tf.TensorSpec([], tf.bool, "exclude_seen"),
        }
        recommend = tf.function(self.recommend, autograph=False)
        score = tf.function(self.score, autograph=False)
        return {
            "recommend": recommend.get_concrete_function(
                **self._specs(self.query_columns), **self._history_specs(), **request
            ),
            "score": score.get_concrete_function(
                **self._specs(self.model.feature_columns), **self._history_specs()
            ),
        }

    def recommend(self, k, exclude, exclude_seen, **inputs):
        """Does what `Recommender.recommend` does, for so many queries at once as memory bounds."""
        import tensorflow as tf

        num_queries, size = (
            tf.shape(next(iter(inputs.values())))[0],
            self.recommender.candidates.size,
        )
        width = tf.shape(exclude)[1]
        exclude = tf.broadcast_to(exclude, tf.stack([num_queries, width]))
        num_ranked: Any = size
        if self.recommender.retrieval is not None:
            num_ranked = tf.minimum(tf.maximum(k, self.recommender.num_retrieved), size)
        at_once = tf.minimum(_SCORES_AT_ONCE // size, _PAIRS_AT_ONCE // tf.maximum(num_ranked, 1))
        at_once = tf.maximum(at_once, 1)
        recommend = tf.function(self._recommend, autograph=False)  # traced once, called twice

        def block(start):
            part = slice(start, start + at_once)
            columns = {name: each[part] for name, each in inputs.items()}
            return recommend(k, exclude[part], exclude_seen, **columns)

        # The first block is there also where nobody asks, and has the outputs' types.
        first = block(0)

        def more(start, outputs):
            found = block(start)
            return start + at_once, {
                name: tf.concat([each, found[name]], 0) for name, each in outputs.items()
            }

        _, outputs = tf.while_loop(
            lambda start, outputs: start < num_queries,
            more,
            (at_once, first),
            shape_invariants=(
                tf.TensorShape([]),
                {name: tf.TensorShape([None, None]) for name in first},
            ),
            parallel_iterations=1,  # else ten blocks may be in memory at once
        )
        return outputs

    def _recommend(self, k, exclude, exclude_seen, **inputs):
        import tensorflow as tf

        encoded = self._encode(self.query_columns, inputs)
        encoded |= self._histories(inputs, encoded)
        of_queries = self.model.with_query_views(
            self.model.embed(self.recommender.query_towers, encoded)
        )
        query_ids = encoded[self.model.schema.query_key]
        num_queries, size = tf.shape(query_ids)[0], self.recommender.candidates.size
        message = f"k is not from 1 to {size}, the number of candidates."
        valid_k = tf.debugging.Assert((k >= 1) & (k <= size), [message, k])
        with tf.control_dependencies([valid_k]):
            k = tf.identity(k)
        # What a request says was done is seen as well.
        also = inputs.get(HISTORY)
        hidden = self._hidden(query_ids, num_queries, exclude, exclude_seen, also)
        retrieval, fusion = self.recommender.retrieval, self.recommender.fusion
        scores = {}
        if retrieval is not None:
            product = tf.matmul(
                tf.cast(query_of(retrieval, of_queries), tf.float32),
                candidate_of(retrieval, self.embeddings),
                transpose_b=True,
            )
            found = tf.tensor_scatter_nd_update(
                product, hidden, tf.fill(tf.shape(hidden)[:1], -np.inf)
            )
            num = tf.minimum(tf.maximum(k, self.recommender.num_retrieved), size)
            found, rows = tf.math.top_k(found, num)
            is_left = ~tf.math.is_inf(found)
            scores[retrieval.name] = tf.where(is_left, found, 0.0)
        else:
            shape = tf.stack([num_queries, size])
            is_left = tf.tensor_scatter_nd_update(
                tf.fill(shape, True), hidden, tf.fill(tf.shape(hidden)[:1], False)
            )
            rows = tf.broadcast_to(tf.range(size), shape)
        ranking = [task for task in fusion.weights if task not in scores]
        scores |= self._rank(ranking, of_queries, rows)
        fused = tf.where(is_left, fusion.score(scores), -np.inf)

        fused, best = tf.math.top_k(fused, k)
        rows = tf.gather(rows, best, batch_dims=1)
        scores = {task: tf.gather(each, best, batch_dims=1) for task, each in scores.items()}
        scores |= self._rank(
            [each for each in self.model.tasks if each not in scores], of_queries, rows
        )
        is_left = ~tf.math.is_inf(fused)
        of_tasks = {
            f"score/{task}": tf.where(is_left, each, -np.inf) for task, each in scores.items()
        }
        ids = tf.where(is_left, tf.gather(self.names, rows), "")
        return _with_valid_names({"ids": ids, "score": fused, **of_tasks})

    def score(self, **inputs):
        """Does what `MultiTaskModel.predict` does."""
        encoded = self._encode(self.model.feature_columns, inputs)
        encoded |= self._histories(inputs, encoded)
        predictions = self.model.predict_tasks(self.model.embed(self.model.towers, encoded))
        return _with_valid_names(flat_scores(self.model.all_scores(predictions)))

    def _specs(self, columns: Iterable[str]) -> dict[str, Any]:
        import tensorflow as tf

        specs = {}
        for column in columns:
            described = self.model.schema[column]
            number = tf.int64 if described.role == "timestamp" else tf.float32
            kind = tf.string if described.has_ids else number
            name = self.inputs[column]
            shape = [None] if described.size is None else [None, described.size]
            specs[name] = tf.TensorSpec(shape, kind, name)
        return specs

    def _history_specs(self) -> dict[str, Any]:
        import tensorflow as tf

        specs = self._specs(self.history_inputs)
        return {
            name: tf.TensorSpec([None, None], specs[self.inputs[column]].dtype, name)
            for column, name in self.history_inputs.items()
        }

    def _histories(self, inputs: Mapping[str, Any], encoded: Mapping[str, Any]) -> dict[str, Any]:
        """Does what `histories_of_request` does; an empty history is that which is known."""
        import tensorflow as tf

        if not self.history_inputs:
            return {}
        model, (offsets, of_candidates) = self.model, self.positions
        is_event = tf.strings.strip(inputs[HISTORY]) != ""
        flat = {}
        for column, name in self.history_inputs.items():
            message = f"{name} has another shape than {HISTORY}: one value for each event."
            same = tf.reduce_all(tf.shape(inputs[name]) == tf.shape(is_event))
            with tf.control_dependencies([tf.debugging.Assert(same, [message])]):
                flat[self.inputs[column]] = tf.reshape(inputs[name], [-1])
        given = self._encode(self.history_inputs, flat)
        rows = tf.gather(of_candidates, given[model.schema.candidate_key])
        for name, values in self.of_events.items():
            nothing = tf.zeros_like(values[:1])
            given[name] = tf.gather(tf.concat([nothing, values], 0), rows + 1)
        max_length, ids = model.max_length, encoded[model.schema.query_key]
        asked, num_asked = places_of_packed(is_event, max_length)
        known, num_known = places_of_latest(offsets, ids, max_length)
        is_asked = num_asked > 0
        found = {LENGTHS: tf.where(is_asked, num_asked, num_known)}
        for name, values in given.items():
            here = values_at(values, asked, num_asked)
            there = values_at(self.events[name], known, num_known)
            of_values = tf.reshape(is_asked, [-1] + [1] * (len(values.shape)))
            found[in_history(name)] = tf.where(of_values, here, there)
        return found

    def _encode(self, columns: Iterable[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Does what `encode_columns` does."""
        import tensorflow as tf

        encoded = {}
        for column in columns:
            values, described = inputs[self.inputs[column]], self.model.schema[column]
            if described.role == "label":
                encoded[column] = values  # which may be missing
            elif described.kind == "categorical":
                encoded[column] = tf.cast(_look_up(self.tables[column], values), tf.int32)
            elif described.kind == "multi_categorical":
                lists = tf.strings.split(values, SEPARATOR)
                lists = tf.ragged.boolean_mask(lists, lists != "")
                ids = tf.ragged.map_flat_values(_look_up, self.tables[column], lists).to_tensor()
                # At least one place a row, as the model has it.
                missing: Any = tf.maximum(1 - tf.shape(ids)[1], 0)
                encoded[column] = tf.cast(tf.pad(ids, [[0, 0], [0, missing]]), tf.int32)
            elif described.role == "timestamp":
                message = f'The timestamp "{column}" is not in seconds since 1970, before 2038.'
                valid = tf.reduce_all(tf.abs(values) < 2**31)
                with tf.control_dependencies([tf.debugging.Assert(valid, [message])]):
                    encoded[column] = tf.cast(values, tf.int32)
            else:
                message = f'The feature "{column}" is not finite.'
                encoded[column] = tf.debugging.check_numerics(values, message)
        return encoded

    def _hidden(self, query_ids, num_queries, exclude, exclude_seen, also=None):
        """Returns the pairs of a query and a candidate that are not to be shown, `[num, 2]`."""
        import tensorflow as tf

        starts = tf.gather(self.seen_offsets, query_ids)
        counts = tf.gather(self.seen_offsets, query_ids + 1) - starts
        counts = tf.where(exclude_seen, counts, 0)
        owners = tf.repeat(tf.range(num_queries), counts)
        before = tf.cumsum(counts, exclusive=True)
        places = tf.repeat(starts - before, counts) + tf.range(tf.reduce_sum(counts))
        seen = tf.stack([tf.cast(owners, tf.int64), tf.gather(self.seen_rows, places)], 1)
        rows = _look_up(self.row_of_name, exclude)
        rows = tf.broadcast_to(rows, tf.stack([num_queries, tf.shape(exclude)[1]]))
        if also is not None:
            rows = tf.concat(
                [rows, tf.where(exclude_seen, _look_up(self.row_of_name, also), -1)], 1
            )
        known = tf.where(rows >= 0)
        excluded = tf.stack([known[:, 0], tf.gather_nd(rows, known)], 1)
        return tf.concat([seen, excluded], 0)

    def _rank(self, tasks, of_queries, rows):
        """Does what `score_pairs` does, of each query's candidates, `[num_queries, num]`."""
        import tensorflow as tf

        if not tasks:
            return {}
        query_rows = tf.repeat(tf.range(tf.shape(rows)[0]), tf.shape(rows)[1])
        flat = tf.reshape(rows, [-1])
        embeddings = {
            **{name: tf.gather(each, query_rows) for name, each in of_queries.items()},
            **{name: tf.gather(each, flat) for name, each in self.embeddings.items()},
        }
        needed = dict.fromkeys(link for task in tasks for link in self.model.lineages[task])
        predictions = self.model.predict_tasks(embeddings, tuple(needed))
        scores = flat_scores({task: self.model.score(task, predictions) for task in tasks})
        return {
            task: tf.reshape(tf.cast(each, tf.float32), tf.shape(rows))
            for task, each in scores.items()
        }


def _table(texts: np.ndarray, first: int, unknown: int):
    """Returns a lookup of texts, of which the first one has the number `first`."""
    import tensorflow as tf

    numbers = tf.range(first, first + len(texts), dtype=tf.int64)
    keys = tf.constant(texts.tolist(), tf.string)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, numbers), unknown)


def _input_names(columns: Iterable[str], of_events: Sequence[str]) -> dict[str, str]:
    """Returns by which name each column goes into a signature.

    Args:
        columns: The columns.
        of_events: Those of them that are also asked of the events in a history.
    """
    # The arguments of a signature are Python's: letters, digits and underscores.
    names = {column: re.sub(r"[./>-]", "_", _valid_name(column)) for column in columns}
    taken = [*names.values(), *_REQUEST, *(f"{HISTORY}_{names[column]}" for column in of_events)]
    taken += [HISTORY] if of_events else []
    for column, name in names.items():
        if taken.count(name) > 1:
            raise ModelError(
                f'The column "{column}" would be the input "{name}", and so would another.',
                f"Names that differ in letters and digits, none of them {', '.join(_REQUEST)}.",
                "Rename the column, and train again.",
            )
    return names


def _with_valid_names(outputs: Mapping[str, Any]) -> dict[str, Any]:
    valid = {name: _valid_name(name) for name in outputs}
    for name, code in valid.items():
        others = [each for each, other in valid.items() if other == code and each != name]
        if others:
            raise ModelError(
                f'The outputs "{name}" and "{others[0]}" would both be called "{code}".',
                "Names of tasks and classes that differ in letters and digits.",
                "Rename one of the two, and train again.",
            )
    return {valid[name]: each for name, each in outputs.items()}


def _valid_name(name: str) -> str:
    """Returns a name as TensorFlow allows it; other letters become their codes.

    >>> _valid_name("score/shop 1"), _valid_name("_größe")
    ('score/shop_1', 'x_gruf6udfe')
    """
    coded = "".join(each if each.isascii() else f"u{ord(each):x}" for each in name)
    valid = re.sub(r"[^A-Za-z0-9_./>-]", "_", coded)
    return valid if re.match(r"[A-Za-z0-9.]", valid) else f"x{valid}"


def _look_up(table: Any, texts: Any) -> Any:
    """Returns the numbers of texts as they stand, or else without white space around them."""
    import tensorflow as tf

    numbers = table.lookup(texts)
    unknown = tf.equal(numbers, table.default_value)
    return tf.where(unknown, table.lookup(tf.strings.strip(texts)), numbers)

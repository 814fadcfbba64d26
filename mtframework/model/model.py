"""The model: tasks over shared towers, and one weighted loss."""

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.junction import Junction
from mtframework.balancing.loss_balancer import LossBalancer, check_loss_weights
from mtframework.balancing.static_weights import StaticWeights
from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.metrics.task_report import TaskReport
from mtframework.model.assets import Assets
from mtframework.model.composition import (
    check_columns,
    check_composition,
    check_rows,
    check_starts,
    checked_part,
    lineage_of,
    parts_by_name,
)
from mtframework.model.doors import (
    check_features,
    one_row_of,
)
from mtframework.model.frozen_layers import freeze
from mtframework.model.histories import (
    HISTORY,
    RECENT,
    histories_of_request,
    history_length,
    names_in_batch,
)
from mtframework.model.losses import TOWERS, total_loss
from mtframework.model.recommend import recommend
from mtframework.model.representations import represent, with_query_views
from mtframework.model.results import measured, with_shares
from mtframework.model.saved_config import config_of, model_of
from mtframework.model.seeds import draw_anew
from mtframework.model.trainable_model import TrainableModel
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.columns import columns_of
from mtframework.schema.encoding import encode_columns
from mtframework.schema.events import Events
from mtframework.schema.known_queries import KnownQueries
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.sharing.sharing import Sharing
from mtframework.tasks.task import Task
from mtframework.tasks.views import as_seen_by, view_name
from mtframework.towers.base_tower import BaseTower


@keras.saving.register_keras_serializable(package="mtframework")
class MultiTaskModel(TrainableModel):
    """Trains any number of tasks over shared towers.

    The loss of a task is the weighted mean over the rows that count, zero where none does:

        loss[task] = Σᵢ weight[i] · example_loss[i] / Σᵢ weight[i]

    and the total is what the loss balancer makes of `loss_weight[task] · loss[task]`, by default
    their sum. A missing label is NaN, None or the task's `missing_label`; such a row counts for
    the other tasks alone.

    Call `adapt(dataset)` once before training: the model learns its vocabularies, catalogue and
    candidate frequencies there, and saves them with its weights.

    Batches are `(features, labels, sample_weights)`, each a dict by column name
    (`mtframework.Batches` makes them). The output is `{task: predictions}` and, under `"towers"`,
    the embeddings by tower name.

    Args:
        towers: What turns columns into embeddings. Names must differ.
        tasks: The objectives. Names must differ.
        sharing: What stands between the towers' embeddings and the heads; None hands the
            concatenated embeddings to every head.
        loss_balancer: What combines the weighted losses; None sums them.
        gradient_balancer: What combines the tasks' gradients at the embeddings of the batch's rows;
            None sums them. With a sharing layer it costs one pass of that layer for each task. It
            does not see the gradients of candidates beyond the batch, those of
            `negatives="catalogue"` and of uniform negatives.
        name: The model's name.

    Example:

    >>> model = mtf.MultiTaskModel(
    ...     towers=[mtf.Tower("user", ["user_id"]), mtf.Tower("movie", ["movie_title"])],
    ...     tasks=[
    ...         mtf.Ranking("rating", label="user_rating", loss_weight=0.2, hidden_units=[64]),
    ...         mtf.Retrieval("watch", query="user", candidate="movie"),
    ...     ],
    ... )
    >>> model.feature_columns
    ('user_id', 'movie_title')
    """

    # What adapt learns, or load_assets reads.
    schema: Schema
    vocabularies: dict[str, Vocabulary]
    catalogue: Catalogue
    queries: KnownQueries
    events: Events
    trained_until: int | None
    """The last second since 1970 of the training rows; None where they have no times."""

    def __init__(
        self,
        towers: Sequence[BaseTower],
        tasks: Sequence[Task],
        sharing: Sharing | None = None,
        loss_balancer: LossBalancer | None = None,
        gradient_balancer: GradientBalancer | None = None,
        name: str = "multi_task_model",
    ):
        super().__init__(name=name)
        # Keras on JAX takes a model's variables out of it while it predicts.
        self.lock = threading.RLock()
        self.towers = parts_by_name("tower", "towers", towers)
        self.tasks = parts_by_name("task", "tasks", tasks)
        check_composition(self.towers, self.tasks)
        for tower in self.towers.values():
            tower.use_towers(self.towers)
        self.max_length = history_length(self.towers)
        self.lineages = {name: lineage_of(name, self.tasks) for name in self.tasks}
        check_starts(self.tasks)
        check_loss_weights({name: task.loss_weight for name, task in self.tasks.items()})
        self.sharing = checked_part("sharing", sharing, Sharing)
        self.loss_balancer = (
            checked_part("loss_balancer", loss_balancer, LossBalancer) or StaticWeights()
        )
        self.loss_balancer.build(tuple(self.tasks))  # needs no data: a task it lacks shows now
        self.gradient_balancer = checked_part(
            "gradient_balancer", gradient_balancer, GradientBalancer
        )
        # Measuring needs a copy for each task, and behind a sharing layer a copy is not free.
        measures = len(self.tasks) > 1 and (sharing is None or gradient_balancer is not None)
        self.junction = (
            Junction(list(self.tasks), gradient_balancer, name="junction")
            if measures or gradient_balancer is not None
            else None
        )
        self.seed_generator = keras.random.SeedGenerator()
        for task in self.tasks.values():
            task.model = weakref.ref(self)
        self.reports = {
            name: TaskReport(name, task.make_metrics(), task.loss_weight)
            for name, task in self.tasks.items()
        }

    @cached_property
    def feature_columns(self) -> tuple[str, ...]:
        """The columns that a batch's features hold."""
        return _distinct(
            column
            for tower in self.towers.values()
            for column in (*tower.columns, *tower.training_columns)
        )

    @property
    def history_columns(self) -> tuple[str, ...]:
        """The columns of a query's events that towers read, the candidate key first."""
        return _distinct(
            column for tower in self.towers.values() for column in tower.history_columns
        )

    @property
    def request_columns(self) -> tuple[str, ...]:
        """The columns that a request may have, beside the query key: features and histories."""
        return (*self.feature_columns, *((HISTORY, RECENT) if self.max_length else ()))

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns that a batch's labels hold."""
        return _distinct(task.label for task in self.tasks.values())

    @property
    def sample_weight_columns(self) -> tuple[str, ...]:
        """The columns that a batch's sample weights hold."""
        return _distinct(task.sample_weight for task in self.tasks.values())

    def adapt(self, dataset, needs_labels: bool = True) -> None:
        """Learns vocabularies, catalogue, frequencies and seen candidates from training rows.

        Args:
            dataset: An `mtframework.Dataset`.
            needs_labels: Whether every task must have a training row that counts. A model that goes
                on from a trained one need not: what a task has learned, it keeps.

        Raises:
            DataError: A tower or a task names a column that the data set lacks.
            ModelError: A label is missing in every training row, or is not what its task reads.
        """
        if self.is_adapted:
            raise ModelError(
                "adapt was called on a model that is already adapted.",
                "One call, before training.",
                "Make a new model for another data set.",
            )
        check_columns(self.towers, self.tasks, dataset.schema)
        columns = dataset.encoded_split("train")
        for task in self.tasks.values():
            check_rows(task, columns, needs_labels)
        self._know(Assets.learn(self, dataset, columns))
        if not self.built:
            draw_anew(self)
            self._build(self._num_ids())
        elif self._built_of != self._num_ids():
            raise ModelError(
                "The data have different numbers of ids than the model was built for.",
                f"The sizes of its configuration: {self._built_of}.",
                "Make a new model for another data set.",
            )
        if self.compiled:
            self._prepare_optimizer()
        for tower in self.towers.values():
            tower.adapt(columns, self.vocabularies)
        self._tell_towers()
        ids = {name: columns[tower.key] for name, tower in self.towers.items()}
        for task in self.tasks.values():
            task.adapt(columns, ids)

    def encode(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns raw columns as the model reads them: ids (int32) and numbers (float32).

        Columns that no tower reads are left out. A category never seen in training becomes id 0.
        Where a tower reads histories, each row has the one that `"history"` says, a list of
        candidates a row, else the events that training met of its query; those of `"recent"` come
        behind them. See `mtframework.model.histories`.

        Raises:
            DataError: A value is not of its column's kind, or a number is not finite.
        """
        self._require_adapted()
        columns = columns_of(columns)
        read = {name: columns[name] for name in self.feature_columns if name in columns}
        encoded = encode_columns(read, self.schema, self.vocabularies)
        return {**encoded, **histories_of_request(self, columns, encoded)}

    def call(self, features, training=None):
        """Returns `{task: predictions}` and, under `"towers"`, `{tower: [batch, dim]}`.

        Where a retrieval task has an embedding of the query of its own, that stands beside those of
        the towers, as `"tower/task"`.
        """
        towers = self.embed(self.towers, features, training)
        copies = dict.fromkeys(self.tasks, towers)
        if training and self.junction is not None:
            copies = self.junction(towers, training=True)
        predictions, copies = self._predict_from(copies, self.tasks, training)
        if training:
            seen = {name: as_seen_by(task, copies[name]) for name, task in self.tasks.items()}
            return {**predictions, TOWERS: seen}
        views = {name: each for copy in copies.values() for name, each in copy.items()}
        return {**predictions, TOWERS: views}

    def compute_loss(
        self, x: Any = None, y=None, y_pred: Any = None, sample_weight=None, training=True
    ):
        """Returns the total of the tasks' weighted losses, a scalar, and updates their reports."""
        return total_loss(self, x, y or {}, y_pred, sample_weight or {}, training)

    def predict_on_batch(self, x) -> dict[str, Any]:
        """Returns what `predict` does, of one batch of encoded columns."""
        self._require_adapted()
        check_features(self, x)
        with self.lock:
            outputs = super().predict_on_batch(x)
        return keras.tree.map_structure(ops.convert_to_numpy, self.all_scores(outputs))

    def predict(self, x, **kwargs) -> dict[str, Any]:
        """Returns each task's scores as NumPy arrays, `{task: [num_rows]}`.

        Of a task with a parent, `{task}` is the probability of the whole chain, and
        `{task}_given_{parent}` the conditional one.

        Args:
            x: Encoded columns (see `encode`) or `Batches`.
            **kwargs: As `keras.Model.predict` takes them.
        """
        return self.predict_and_embed(x, **kwargs)[0]

    def predict_and_embed(self, x, **kwargs) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Returns each task's scores, and `{tower: [num_rows, dim]}`, as NumPy arrays."""
        self._require_adapted()
        check_features(self, x)
        if isinstance(x, Mapping) and not any(len(each) for each in x.values()):
            # Keras cannot predict nothing, and on JAX would not predict any more afterwards.
            found = self.predict_and_embed(one_row_of(x), **kwargs)
            return keras.tree.map_structure(lambda each: each[:0], found)
        with self.lock:
            outputs = super().predict(x, **kwargs)
        scores = self.all_scores(outputs)
        return keras.tree.map_structure(ops.convert_to_numpy, scores), outputs[TOWERS]

    def all_scores(self, predictions: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what `predict` does, of the tasks' predictions."""
        scores = {}
        for name, task in self.tasks.items():
            scores[name] = self.score(name, predictions)
            if task.parent is not None:
                scores[f"{name}_given_{task.parent}"] = task.scores(predictions[name])
        return scores

    def score(self, name: str, predictions: Mapping[str, Any]):
        """Returns one task's scores; of a chain, the product of those of its links."""
        score = self.tasks[name].scores(predictions[name])
        for parent in self.lineages[name][:-1]:
            score = score * self.tasks[parent].scores(predictions[parent])
        return score

    def recommend(
        self,
        queries: Mapping[str, Any],
        k: int = 10,
        exclude_seen: bool = True,
        task: str | None = None,
    ) -> dict[str, np.ndarray]:
        """Returns each query's `k` best candidates of the whole catalogue.

        Args:
            queries: The raw columns that describe the queries: `{name: [num_queries]}`. Of queries
                that training met, the key is enough: their other columns are those of their latest
                training row. A query never seen in training gets what the out-of-vocabulary
                embedding gives; one without a timestamp asks now.
            k: How many.
            exclude_seen: Whether to leave out what the query has seen in the training rows, as the
                task has it (see `Retrieval.seen`).
            task: Whose scores to sort by. Left out, the first retrieval task, else the first.

        Returns:
            The candidate key's column, `[num_queries, k]` strings, and `"score"`,
            `[num_queries, k]` float32, best first. Where a query has fewer than `k` unseen
            candidates, the rest are `""` and -inf.

        Raises:
            ModelError: `k` is below 1 or above the size of the catalogue, or there is no such
                task, or a column is missing, or a score is not finite.
        """
        self._require_adapted()
        return recommend(self, queries, k, exclude_seen, task)

    def get_metrics_result(self):
        """Returns the metrics, and each task's share of the total loss."""
        return with_shares(self.tasks, super().get_metrics_result())

    def _get_metrics_result_or_logs(self, logs):
        # Keras calls this hook once an epoch, outside any graph: the place to leave out what
        # was not measured, such as the metrics of a task that had no row that counts, whose zeros
        # would read as results.
        results = super()._get_metrics_result_or_logs(logs)
        return measured(self, results)

    def get_config(self):
        return config_of(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return model_of(cls, config, custom_objects)

    def get_build_config(self):
        return {"num_ids": dict(self._built_of)} if self.built else None

    def build_from_config(self, config):
        self._build(config["num_ids"])

    def save_assets(self, directory: str) -> None:
        """Writes the schema, the vocabularies and the catalogue; Keras calls this."""
        self._require_adapted()
        known = (getattr(self, field.name) for field in fields(Assets))
        Assets(*known).write(Path(directory))

    def load_assets(self, directory: str) -> None:
        """Reads what `save_assets` wrote; Keras calls this."""
        self._know(Assets.read(Path(directory), self._built_of))
        self._tell_towers()

    def is_candidate_tower(self, name: str) -> bool:
        """Returns whether a tower reads nothing but columns that describe candidates."""
        candidate_columns = self.schema.names("candidate")
        return all(column in candidate_columns for column in self.towers[name].columns)

    def tower_columns(
        self, name: str, features: Mapping[str, Any], training: bool | None = False
    ) -> dict[str, Any]:
        """Returns those of encoded features that a tower reads.

        Raises:
            ModelError: One of them is missing.
        """
        tower = self.towers[name]
        wanted = (*tower.columns, *(tower.training_columns if training else ()))
        if tower.history_columns and tower.precomputed is None:
            wanted = (*wanted, *names_in_batch(tower.history_columns, features))
        for column in wanted:
            if column not in features:
                raise ModelError(
                    f'The features lack the column "{column}" of the tower "{name}".'
                    f"{did_you_mean(column, features)}",
                    f"The columns {quoted_list(wanted)}.",
                    "Add the column to the features.",
                )
        return {column: features[column] for column in wanted}

    def embed(
        self, names: Iterable[str], features: Mapping[str, Any], training: bool | None = False
    ) -> dict[str, Any]:
        """Returns the embeddings of some towers, `{tower: [batch, dim]}`, of encoded features."""
        embeddings = {}
        for name in names:
            tower = self.towers[name]
            columns = self.tower_columns(name, features, training)
            embeddings[name] = tower(columns, training=training)
            for task in self.tasks.values():
                if task.candidate == name and task.has_candidate_bias:
                    biases = task.candidate_biases(features[tower.key])
                    biases = ops.cast(biases, embeddings[name].dtype)
                    embeddings[view_name(name, task.name)] = biases
        return embeddings

    def with_query_views(self, embeddings: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the embeddings and, as `"tower/task"`, the retrievals' views of the query.

        Args:
            embeddings: The embeddings by query tower, `[num_queries, dim]`.
        """
        names = [name for name, task in self.tasks.items() if task.views_query]
        if not names:
            return dict(embeddings)
        copies = dict.fromkeys(self.tasks, embeddings)
        readers = [name for name, task in self.tasks.items() if task.reads_representation]
        representations = represent(self, copies, readers, False)
        extended = with_query_views(self, copies, names, representations, False)
        return {view: each for name in names for view, each in extended[name].items()}

    def predict_tasks(
        self,
        embeddings: Mapping[str, Any],
        names: Sequence[str] | None = None,
        training: bool | None = False,
    ) -> dict[str, Any]:
        """Returns `{task: predictions}` of some tasks (all by default), given all embeddings."""
        names = tuple(names or self.tasks)
        return self._predict_from(dict.fromkeys(self.tasks, embeddings), names, training)[0]

    def _predict_from(
        self, copies: Mapping[str, Mapping[str, Any]], names: Iterable[str], training: bool | None
    ) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        """Returns `{task: predictions}`, given each task's copy of the embeddings; and the copies.

        In what is returned, the copies hold the tasks' views of the query.
        """
        names = tuple(names)
        representations = represent(self, copies, names, training)
        copies = with_query_views(self, copies, names, representations, training)
        predictions = {}
        for name in names:
            task = self.tasks[name]
            inputs = {
                TOWERS: as_seen_by(task, copies[name]),
                "representation": representations.get(name),
            }
            predictions[name] = task(inputs, training=training)
        return predictions, copies

    def _know(self, assets: Assets) -> None:
        for field in fields(assets):
            setattr(self, field.name, getattr(assets, field.name))
        for task in self.tasks.values():
            if task.label_kind == "categorical":
                task.use_classes(self.vocabularies[str(task.label)].known_values.tolist())

    def _tell_towers(self) -> None:
        for tower in self.towers.values():
            tower.use_catalogue(self.catalogue)
            tower.use_events(self.events)

    def _num_ids(self) -> dict[str, int | None]:
        classes = [task.label for task in self.tasks.values() if task.label_kind == "categorical"]
        return {
            name: self.vocabularies[name].size
            if name in self.vocabularies
            else self.schema[name].size
            for name in _distinct((*self.feature_columns, *self.history_columns, *classes))
        }

    def _build(self, num_ids: Mapping[str, int | None]) -> None:
        for tower in self.towers.values():
            read = (*tower.columns, *tower.training_columns, *tower.history_columns)
            tower.build({name: num_ids[name] for name in read})
        shapes = {name: (None, tower.embedding_dim) for name, tower in self.towers.items()}
        units = sum(tower.embedding_dim for tower in self.towers.values())
        key_ids = {name: num_ids[tower.key] for name, tower in self.towers.items()}
        widths = dict.fromkeys(self.tasks, units)
        if self.sharing is not None:
            self.sharing.build(dict.fromkeys(self.tasks, (None, units)))
            widths = dict.fromkeys(self.tasks, self.sharing.output_units)
        for name, task in self.tasks.items():
            representation = (None, widths[name])
            task.build(
                {
                    TOWERS: shapes,
                    "representation": representation,
                    "num_ids": key_ids,
                    "num_classes": (num_ids.get(task.label or "") or 1) - 1,
                    "is_shared": self.sharing is not None,
                }
            )
        if self.junction is not None:
            self.junction.build()
        for layer in self._flatten_layers():
            if not layer.trainable:
                freeze(layer)  # with the layers and weights that it has by now
        self._built_of = dict(num_ids)
        self.built = True


def _distinct(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))

"""The model: tasks over shared towers, and one weighted loss."""

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
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
from mtframework.losses.reduction import reduce_losses
from mtframework.metrics.task_report import TaskReport
from mtframework.model.assets import read_assets, write_assets
from mtframework.model.doors import (
    PolicyScope,
    check_features,
    check_labels,
    check_weights,
    one_row_of,
)
from mtframework.model.idle_parts import keep_idle_parts
from mtframework.model.recommend import recommend
from mtframework.model.seeds import draw_anew
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.columns import columns_of
from mtframework.schema.encoding import encode_columns
from mtframework.schema.schema import Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.sharing.sharing import Sharing
from mtframework.tasks.task import Task
from mtframework.towers.base_tower import BaseTower

TOWERS = "towers"
"""The key of the model's output that holds the embeddings; no task can have this name."""


@keras.saving.register_keras_serializable(package="mtframework")
class MultiTaskModel(keras.Model):
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
        self.towers = _by_name("tower", "towers", towers)
        self.tasks = _by_name("task", "tasks", tasks)
        self._check_composition()
        self.lineages = {name: _lineage(name, self.tasks) for name in self.tasks}
        check_loss_weights({name: task.loss_weight for name, task in self.tasks.items()})
        self.sharing = _check_part("sharing", sharing, Sharing)
        self.loss_balancer = (
            _check_part("loss_balancer", loss_balancer, LossBalancer) or StaticWeights()
        )
        self.loss_balancer.build(tuple(self.tasks))  # needs no data: a task it lacks shows now
        self.gradient_balancer = _check_part(
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
            name: TaskReport(name, task.make_metrics()) for name, task in self.tasks.items()
        }

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The columns that a batch's features hold."""
        return _distinct(
            column
            for tower in self.towers.values()
            for column in (*tower.columns, *tower.training_columns)
        )

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
                "adapt was called on a model that is adapted already.",
                "One call, before training.",
                "Make a new model for another data set.",
            )
        schema = dataset.schema
        for tower in self.towers.values():
            tower.check(schema)
        for name in (*self.label_columns, *self.sample_weight_columns):
            if schema[name].kind != "numeric":
                raise ModelError(
                    f'The column "{name}" is categorical, and a task reads it as label or weight.',
                    "A numeric column.",
                    "Name another column, or turn its values into numbers before.",
                )
        for task in self.tasks.values():
            if task.retrieves:
                _check_key(task, self.towers[task.query], "query", schema.query_key)
                _check_key(task, self.towers[task.candidate], "candidate", schema.candidate_key)
        columns = dataset.encoded_split("train")
        for task in self.tasks.values():
            _check_rows(task, columns, needs_labels)
        self.schema = schema
        self.vocabularies = dict(dataset.vocabularies)
        self.catalogue = Catalogue.learn(
            schema.candidate_key,
            dataset.encode(dataset.catalogue),
            columns[schema.query_key],
            columns[schema.candidate_key],
            self.vocabularies[schema.query_key].size,
            {
                tower.history_label: columns[tower.history_label]
                for tower in self.towers.values()
                if tower.history_label is not None
            },
        )
        if not self.built:
            draw_anew(self)
            self._build(self._num_ids())
        elif self._built_of != self._num_ids():
            raise ModelError(
                "The data have other numbers of ids than the model was built for.",
                f"The sizes of its configuration: {self._built_of}.",
                "Make a new model for another data set.",
            )
        if self.compiled:
            self._prepare_optimizer()
        for tower in self.towers.values():
            tower.adapt(columns, self.vocabularies)
            tower.use_catalogue(self.catalogue)
        ids = {name: columns[tower.key] for name, tower in self.towers.items()}
        for task in self.tasks.values():
            task.adapt(columns, ids)

    @property
    def is_adapted(self) -> bool:
        """Whether the model knows its vocabularies and catalogue: by `adapt`, or from a file."""
        return hasattr(self, "catalogue")

    def encode(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns raw columns as the model reads them: ids (int32) and numbers (float32).

        Columns that no tower reads are left out. A category that training never met becomes id 0.

        Raises:
            DataError: A value is not of its column's kind, or a number is not finite.
        """
        self._require_adapted()
        columns = columns_of(columns)
        read = {name: columns[name] for name in self.feature_columns if name in columns}
        return encode_columns(read, self.schema, self.vocabularies)

    def call(self, features, training=None):
        """Returns `{task: predictions}` and, under `"towers"`, `{tower: [batch, dim]}`."""
        towers = self.embed(self.towers, features, training)
        copies = dict.fromkeys(self.tasks, towers)
        if training and self.junction is not None:
            copies = self.junction(towers, training=True)
        predictions = self._predict_from(copies, self.tasks, training)
        return {**predictions, TOWERS: copies if training else towers}

    def compute_loss(
        self, x: Any = None, y=None, y_pred: Any = None, sample_weight=None, training=True
    ):
        """Returns the total of the tasks' weighted losses, a scalar, and updates their reports."""
        labels, sample_weight = y or {}, sample_weight or {}
        inputs = {
            "ids": {name: x[tower.key] for name, tower in self.towers.items()},
            "num_ids": self._num_ids_of_pure_towers(training),
            **self._catalogue_inputs(training),
        }
        num_rows = ops.shape(x[self.feature_columns[0]])[0]
        embeddings = y_pred[TOWERS] if training else dict.fromkeys(self.tasks, y_pred[TOWERS])
        losses, present, weights = {}, {}, {}
        for name, task in self.tasks.items():
            valid, task_labels = _split_missing(task, labels)
            weights[name] = _row_weights(task, valid, sample_weight, num_rows)
            rows = {
                TOWERS: embeddings[name],
                "valid": valid,
                "row_weights": weights[name],
                "parents": [y_pred[parent] for parent in self.lineages[name][:-1]],
            }
            if task.num_sampled_candidates:
                rows.update(self._sample_candidates(task, training))
            example_losses = task.example_losses(task_labels, y_pred[name], {**inputs, **rows})
            if isinstance(example_losses, tuple):
                example_losses, measured = example_losses
            else:
                measured = self.score(name, y_pred)
            losses[name] = reduce_losses(
                ops.cast(example_losses, "float32"), weights[name], task.reduction
            )
            # A task that is switched off is as good as absent to whatever balances losses.
            present[name] = ops.logical_and(ops.sum(weights[name]) > 0, task.loss_weight > 0)
            # Weights are for the loss: in metrics every row that counts, counts once.
            self.reports[name].update_metrics(
                task.metric_labels(task_labels), measured, ops.cast(weights[name] > 0, "float32")
            )
        weighted = {name: task.loss_weight * losses[name] for name, task in self.tasks.items()}
        total, balance = self.loss_balancer.weigh(weighted, present, training)
        for name, task in self.tasks.items():
            self.reports[name].update_loss(
                losses[name], ops.sum(weights[name]), balance[name] * task.loss_weight
            )
        if training and self.junction is not None:
            total = total + self.junction.observe(losses, present)
        if training and self.sharing is not None:
            self.sharing.observe()
        penalties = [tower.penalty(x) for tower in self.towers.values()] if training else []
        for penalty in (*self.losses, *penalties):
            total = total + ops.cast(ops.sum(penalty), "float32")
        return total

    def compile(
        self,
        optimizer="adam",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Configures training as `keras.Model.compile` does; the tasks bring losses and metrics.

        Raises:
            ModelError: `loss`, `loss_weights`, `metrics` or `weighted_metrics` is given.
        """
        given = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        for argument, value in given.items():
            if value is not None:
                raise ModelError(
                    f"compile was given {argument}.",
                    "None: each task has its loss, its loss_weight and its metrics.",
                    "Leave it out here, and set it on the tasks.",
                )
        super().compile(optimizer=optimizer, **kwargs)
        if self.built:
            self._prepare_optimizer()

    def fit(self, x=None, y=None, *, class_weight=None, sample_weight=None, **kwargs):
        """Trains as `keras.Model.fit` does, on `Batches` or encoded columns.

        Raises:
            ModelError: The columns are raw, or `class_weight` or one array of weights is given.
        """
        self._require_adapted()
        check_features(self, x)
        check_labels(self, y)
        check_weights(class_weight, sample_weight)
        return super().fit(x, y, sample_weight=sample_weight, **kwargs)

    def evaluate(self, x=None, y=None, *, sample_weight=None, **kwargs):
        """Returns losses and metrics as `keras.Model.evaluate` does, of encoded columns.

        `mtframework.evaluate` ranks the whole catalogue as well.
        """
        self._require_adapted()
        check_features(self, x)
        check_labels(self, y)
        check_weights(None, sample_weight)
        return super().evaluate(x, y, sample_weight=sample_weight, **kwargs)

    def predict_on_batch(self, x) -> dict[str, Any]:
        """Returns what `predict` does, of one batch of encoded columns."""
        self._require_adapted()
        check_features(self, x)
        with self.lock:
            outputs = super().predict_on_batch(x)
        return keras.tree.map_structure(ops.convert_to_numpy, self.all_scores(outputs))

    def export(self, filepath, **kwargs):
        """Is `mtframework.export`: a graph of Keras's own would read ids in place of values.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "export of Keras was called, which would write a graph that reads internal ids.",
            "A SavedModel that takes raw values and recommends.",
            f"Write mtframework.export(model, {str(filepath)!r}).",
        )

    def forget_compiled_steps(self) -> None:
        """Lets the next step be compiled anew, with what a task says by now."""
        if getattr(self, "train_function", None) is not None:
            self.make_train_function(force=True)
        if getattr(self, "test_function", None) is not None:
            self.make_test_function(force=True)

    def quantize(self, mode=None, **kwargs):
        """Is not supported: what Keras saves of a quantized model cannot be loaded again.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "quantize was called, and a quantized model could not be loaded again.",
            "A model in a floating-point dtype.",
            'Train under keras.config.set_dtype_policy("mixed_bfloat16") for less memory, or '
            "quantize what mtframework.export writes.",
        )

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

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
            queries: The raw columns that describe the queries: `{name: [num_queries]}`. A query
                that training never met gets what the out-of-vocabulary embedding gives; one
                without a timestamp asks now.
            k: How many.
            exclude_seen: Whether to leave out what the query has in the training rows.
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
        results = super().get_metrics_result()
        totals = {name: results.pop(f"{name}/total") for name in self.tasks}
        total = sum(totals.values())
        safe_total = ops.where(ops.equal(total, 0), 1.0, total)
        shares = {f"{name}/share": part / safe_total for name, part in totals.items()}
        return {**results, **shares}

    def _get_metrics_result_or_logs(self, logs):
        # Keras calls this hook once an epoch, outside any graph: the place to leave out what
        # was not measured, such as the metrics of a task that had no row that counts, whose zeros
        # would read as results.
        results = super()._get_metrics_result_or_logs(logs)
        empty = {name for name, report in self.reports.items() if report.is_empty()}
        gates = getattr(self.sharing, "gate_use", None)
        if gates is not None and gates.statistics.is_empty():
            empty.add("gate")
        if self.junction is not None:
            if self.junction.statistics.is_empty():
                empty |= {"gradient_cosine", "gradient_norm", "gradient_weight"}
            else:
                results = {**results, **self.junction.report()}  # with the epoch's last step
        undefined = {
            f"{name}/{metric.name}"
            for name, report in self.reports.items()
            for metric in report.task_metrics
            if hasattr(metric, "undefined") and np.isnan(results.get(f"{name}/{metric.name}", 0))
        }
        return {
            key: value
            for key, value in results.items()
            if key.split("/")[0] not in empty and key not in undefined
        }

    def build(self, input_shape):
        self._require_adapted()  # Keras builds a model at its first call, and adapt has built ours

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        policies = {path: part.dtype_policy for path, part in self._layers_by_path().items()}
        return {
            "towers": [serialize(tower) for tower in self.towers.values()],
            "tasks": [serialize(task) for task in self.tasks.values()],
            "sharing": self.sharing and serialize(self.sharing),
            "loss_balancer": serialize(self.loss_balancer),
            "gradient_balancer": self.gradient_balancer and serialize(self.gradient_balancer),
            "name": self.name,
            "policies": {path: serialize(policy) for path, policy in policies.items()},
            "frozen": [path for path, p in self._layers_by_path().items() if not p.trainable],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        policies, frozen = config.pop("policies", {}), config.pop("frozen", [])

        def made(path: str, part: Any) -> Any:
            with PolicyScope(policies.get(path)):  # of its inner layers, too
                return keras.saving.deserialize_keras_object(part, custom_objects)

        for parts in ("towers", "tasks"):
            config[parts] = [
                made(f"{parts}/{part['config']['name']}", part) for part in config[parts]
            ]
        for part in ("sharing", "loss_balancer", "gradient_balancer"):
            if config[part] is not None:
                config[part] = made(part, config[part])
        with PolicyScope(policies.get("")):
            model = cls(**config)
        for path in frozen:
            model._layers_by_path()[path].trainable = False
        return model

    def _layers_by_path(self) -> dict[str, keras.layers.Layer]:
        """Returns the model itself, by an empty path, and its parts that are layers."""
        layers: dict[str, Any] = {"": self, "sharing": self.sharing}
        layers |= {"loss_balancer": self.loss_balancer, "gradient_balancer": self.gradient_balancer}
        layers |= {f"towers/{name}": tower for name, tower in self.towers.items()}
        layers |= {f"tasks/{name}": task for name, task in self.tasks.items()}
        is_layer = keras.layers.Layer
        return {path: each for path, each in layers.items() if isinstance(each, is_layer)}

    def get_build_config(self):
        return {"num_ids": dict(self._built_of)} if self.built else None

    def build_from_config(self, config):
        self._build(config["num_ids"])

    def save_assets(self, directory: str) -> None:
        """Writes the schema, the vocabularies and the catalogue; Keras calls this."""
        self._require_adapted()
        write_assets(Path(directory), self.schema, self.vocabularies, self.catalogue)

    def load_assets(self, directory: str) -> None:
        """Reads what `save_assets` wrote; Keras calls this."""
        assets = read_assets(Path(directory), self._built_of)
        self.schema, self.vocabularies, self.catalogue = assets
        for tower in self.towers.values():
            tower.use_catalogue(self.catalogue)

    def is_candidate_tower(self, name: str) -> bool:
        """Returns whether a tower reads nothing but columns that describe candidates."""
        candidate_columns = self.schema.names("candidate")
        return all(column in candidate_columns for column in self.towers[name].columns)

    def embed(
        self, names: Iterable[str], features: Mapping[str, Any], training: bool | None = False
    ) -> dict[str, Any]:
        """Returns the embeddings of some towers, `{tower: [batch, dim]}`, of encoded features."""
        embeddings = {}
        for name in names:
            tower = self.towers[name]
            wanted = (*tower.columns, *(tower.training_columns if training else ()))
            for column in wanted:
                if column not in features:
                    raise ModelError(
                        f'The features lack the column "{column}" of the tower "{name}".'
                        f"{did_you_mean(column, features)}",
                        f"The columns {quoted_list(wanted)}.",
                        "Add the column to the features.",
                    )
            columns = {column: features[column] for column in wanted}
            embeddings[name] = tower(columns, training=training)
        return embeddings

    def predict_tasks(
        self,
        embeddings: Mapping[str, Any],
        names: Sequence[str] | None = None,
        training: bool | None = False,
    ) -> dict[str, Any]:
        """Returns `{task: predictions}` of some tasks (all by default), given all embeddings."""
        names = tuple(names or self.tasks)
        return self._predict_from(dict.fromkeys(self.tasks, embeddings), names, training)

    def _predict_from(
        self, copies: Mapping[str, Mapping[str, Any]], names: Iterable[str], training: bool | None
    ) -> dict[str, Any]:
        """Returns `{task: predictions}`, given each task's copy of the towers' embeddings."""
        representations = _concatenate_each(copies, tuple(self.towers))
        if self.sharing is not None:
            representations = self.sharing(representations, training=training)
        return {
            name: self.tasks[name](
                {TOWERS: dict(copies[name]), "representation": representations[name]},
                training=training,
            )
            for name in names
        }

    def _prepare_optimizer(self) -> None:
        self.optimizer.build(self.trainable_variables)
        keep_idle_parts(
            self.optimizer,
            [task.trainable_variables for task in self.tasks.values()],
            self.loss_balancer.trainable_variables,
        )

    def _require_adapted(self) -> None:
        if not self.is_adapted:
            raise ModelError(
                "The model was used before it knows its columns.",
                "A model that has learned its vocabularies and catalogue.",
                "Call model.adapt(dataset) first, or load a trained model.",
            )

    def _check_composition(self) -> None:
        if TOWERS in self.tasks:
            raise ModelError(
                f'A task is named "{TOWERS}", which is where the model puts its embeddings.',
                "Any other name.",
                "Rename the task.",
            )
        names = tuple(self.towers)
        read = {tower for task in self.tasks.values() for tower in task.reads(names)}
        for name in names:
            if name not in read:
                raise ModelError(
                    f'No task reads the tower "{name}".',
                    "Every tower is read by a task.",
                    f'Name "{name}" in a task, or take the tower out of the model.',
                )

    def _num_ids(self) -> dict[str, int | None]:
        return {
            name: self.vocabularies[name].size if name in self.vocabularies else None
            for name in self.feature_columns
        }

    def _build(self, num_ids: Mapping[str, int | None]) -> None:
        for tower in self.towers.values():
            read = (*tower.columns, *tower.training_columns)
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
            task.build({TOWERS: shapes, "representation": representation, "num_ids": key_ids})
        if self.junction is not None:
            self.junction.build()
        for part in self._layers_by_path().values():
            for layer in part._flatten_layers() if not part.trainable else ():
                layer.trainable = False  # with the weights that it has by now
        self._built_of = dict(num_ids)
        self.built = True

    def _num_ids_of_pure_towers(self, training: bool) -> dict[str, int]:
        # Candidate columns are functions of the candidate's id, and so is what a tower makes of
        # them, unless dropout makes it differ from row to row.
        return {
            name: self.vocabularies[tower.key].size
            for name, tower in self.towers.items()
            if self.is_candidate_tower(name)
            and tower.key == self.schema.candidate_key
            and (tower.is_deterministic or not training)
        }

    def _catalogue_inputs(self, training: bool) -> dict[str, Any]:
        towers = {task.candidate for task in self.tasks.values() if task.needs_catalogue}
        if not towers:
            return {}
        num_ids = self.vocabularies[self.catalogue.key].size
        return {
            "catalogue": self.embed(towers, self.catalogue.columns, training),
            "catalogue_rows": ops.convert_to_tensor(self.catalogue.row_of_each_id(num_ids)),
        }

    def _sample_candidates(self, task, training: bool) -> dict[str, Any]:
        """Returns uniformly drawn candidates of the catalogue: their ids and embeddings."""
        rows = keras.random.randint(
            (task.num_sampled_candidates,), 0, self.catalogue.size, seed=self.seed_generator
        )
        columns = {
            name: ops.take(ops.convert_to_tensor(values), rows, axis=0)
            for name, values in self.catalogue.columns.items()
        }
        embeddings = self.embed([task.candidate], columns, training)[task.candidate]
        ids = columns[self.towers[task.candidate].key]
        return {"sampled": (ids, embeddings), "num_candidates": self.catalogue.size}


def _by_name(kind: str, argument: str, parts: Any) -> dict[str, Any]:
    """Returns the parts by name, and says what is wrong where they are no list of layers."""
    example = f"{argument} = [{kind.title()}(...), ...], in Gin [@name/{kind.title()}(), ...]"
    if isinstance(parts, (str, keras.layers.Layer)) or not isinstance(parts, Iterable):
        raise ModelError(
            f"The model was given {argument} = {parts!r}.",
            f"A list of {kind}s.",
            f"Write {example}.",
        )
    by_name: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, keras.layers.Layer):
            called = f", the class {part.__name__} and no object of it" * isinstance(part, type)
            raise ModelError(
                f"The list {argument} holds {part!r}{called}.",
                f"A {kind}.",
                f"Write {example}; in Gin mind the parentheses.",
            )
        if part.name in by_name:
            raise ModelError(
                f'Two {kind}s are named "{part.name}".',
                f"A name of its own for every {kind}.",
                f"Rename one of the two {kind}s.",
            )
        by_name[part.name] = part
    if not by_name:
        raise ModelError(
            f"The list {argument} is empty.", f"One {kind} or more.", f"Write {example}."
        )
    return by_name


def _lineage(name: str, tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """Returns the tasks of a chain from its first link to this one."""
    lineage = [name]
    while (parent := tasks[lineage[0]].parent) is not None:
        child = lineage[0]
        if parent not in tasks:
            raise ModelError(
                f'The task "{child}" has parent = "{parent}", and there is no such task.'
                f"{did_you_mean(parent, tasks)}",
                f"One of {quoted_list(tasks)}.",
                f"Correct the parent of {child}, or add the task.",
            )
        if not tasks[parent].gives_probability:
            raise ModelError(
                f'The task "{child}" has parent = "{parent}", which is a '
                f"{type(tasks[parent]).__name__}.",
                "A BinaryFeedback, whose probability the chain multiplies with.",
                f"Correct the parent of {child}.",
            )
        if parent in lineage:
            raise ModelError(
                f"The parents go in a circle: {' -> '.join([parent, *lineage])}.",
                "A chain with a first link.",
                f"Take the parent out of one of these tasks, for example of {child}.",
            )
        lineage.insert(0, parent)
    return tuple(lineage)


def _check_part(argument: str, part: Any, kind: type) -> Any:
    """Returns the part, and says what is wrong where it is none of its kind."""
    if part is not None and not isinstance(part, kind):
        raise ModelError(
            f"The model was given {argument} = {part!r}.",
            f"A {kind.__name__}, or None.",
            f"Write {argument} = {kind.__name__}(...), in Gin @{kind.__name__}() with the "
            "parentheses, for one of those that mtframework list shows.",
        )
    return part


def _concatenate_each(
    copies: Mapping[str, Mapping[str, Any]], order: Sequence[str]
) -> dict[str, Any]:
    """Returns `{task: [batch, units]}`; tasks with one copy in common get one tensor in common."""
    made: dict[int, Any] = {}
    for towers in copies.values():
        parts = [towers[name] for name in order]  # dicts of tensors come back in any order
        if id(towers) not in made:
            made[id(towers)] = ops.concatenate(parts, -1) if len(parts) > 1 else parts[0]
    return {name: made[id(towers)] for name, towers in copies.items()}


def _distinct(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _check_key(task: Task, tower: BaseTower, argument: str, key: str) -> None:
    """Raises a `ModelError` where a retrieval's tower identifies its rows by another column."""
    if tower.key != key:
        raise ModelError(
            f'The {argument} tower "{tower.name}" of the task "{task.name}" has the key '
            f'"{tower.key}".',
            f'"{key}", by which the data set tells one {argument} from another.',
            f"Set {tower.name}/{type(tower).__name__}.key = '{key}', or put that feature first.",
        )


def _check_rows(task: Task, columns: Mapping[str, np.ndarray], needs_labels: bool) -> None:
    """Raises a `ModelError` where the training rows cannot teach the task."""
    if task.label is not None and needs_labels:
        labels = ops.convert_to_tensor(np.asarray(columns[task.label], "float32"))
        if not ops.convert_to_numpy(task.valid_rows(labels)).any():
            raise ModelError(
                f'No training row counts for the task "{task.name}": its label "{task.label}" is '
                "missing in every one, or below what makes a positive.",
                "At least one row with a label.",
                "Check the label's column, missing_label and positive_from.",
            )
    if task.sample_weight is not None:
        weights = np.asarray(columns[task.sample_weight], "float32")
        if not (np.isfinite(weights).all() and weights.min() >= 0):
            raise ModelError(
                f'The sample weight "{task.sample_weight}" of the task "{task.name}" holds '
                f"{weights[~(np.isfinite(weights) & (weights >= 0))][0]:g}.",
                "A finite number, zero or more, in every row.",
                "Correct the column.",
            )


def _split_missing(task: Task, labels: Mapping[str, Any]):
    """Returns which rows count (None for all), and the labels without missing values."""
    if task.label is None:
        return None, None
    if task.label not in labels:
        raise ModelError(
            f'The labels lack the column "{task.label}" of the task "{task.name}".'
            f"{did_you_mean(task.label, labels)}",
            f"One of {quoted_list(labels)}.",
            "Add the column to the batch's labels.",
        )
    column = ops.cast(labels[task.label], "float32")
    valid = task.valid_rows(column)
    return valid, ops.where(valid, column, task.label_placeholder)


def _row_weights(task: Task, valid, sample_weight: Mapping[str, Any], num_rows):
    """Returns the weight of each row, `[batch]` float32; zero where it does not count."""
    if task.sample_weight is None:
        weights = ops.ones((num_rows,), "float32")
    elif task.sample_weight in sample_weight:
        weights = ops.cast(sample_weight[task.sample_weight], "float32")
    else:
        raise ModelError(
            f'The sample weights lack the column "{task.sample_weight}" of the task "{task.name}".'
            f"{did_you_mean(task.sample_weight, sample_weight)}",
            f"The columns {quoted_list(sample_weight)} and this one.",
            "Add the column to the batch's sample weights.",
        )
    return weights if valid is None else ops.where(valid, weights, 0.0)

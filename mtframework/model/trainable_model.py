"""What Keras's own methods take and refuse of a model that reads encoded columns."""

from collections.abc import Mapping
from pathlib import Path

import keras

from mtframework.balancing.loss_balancer import LossBalancer
from mtframework.embeddings.backend import rows_of_backend
from mtframework.embeddings.embedding_optimizer import EmbeddingOptimizer
from mtframework.embeddings.row_wise_optimizer import RowWiseOptimizer
from mtframework.errors import ModelError
from mtframework.metrics.task_report import TaskReport
from mtframework.model.composition import checked_part
from mtframework.model.doors import (
    check_features,
    check_histories,
    check_labels,
    check_weights,
    is_of_numpy,
)
from mtframework.model.idle_parts import keep_idle_parts
from mtframework.model.moving_averages import take_averages_that_are_there
from mtframework.model.row_wise import with_row_wise_tables
from mtframework.schema.catalogue import Catalogue
from mtframework.tasks.task import Task


class TrainableModel(keras.Model):
    """Keras's methods of training, judging and saving, for a model of encoded columns.

    The base of `MultiTaskModel`, which adds what is computed. Raw values, arguments that would be
    dropped and files that could not be loaded again are refused here; the optimizer is made for the
    weights that train, large tables row by row.
    """

    tasks: Mapping[str, Task]
    reports: dict[str, TaskReport]
    loss_balancer: LossBalancer
    catalogue: Catalogue

    def __init__(self, name: str):
        super().__init__(name=name)
        self.embedding_optimizer: EmbeddingOptimizer | None = None
        self._optimized: tuple[int, ...] | None = None  # which weights the optimizer is of

    @property
    def is_adapted(self) -> bool:
        """Whether the model knows its vocabularies and catalogue: by `adapt`, or from a file."""
        return hasattr(self, "catalogue")

    def compile(
        self,
        optimizer="adam",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        *,
        embedding_optimizer: EmbeddingOptimizer | None = None,
        **kwargs,
    ):
        """Configures training as `keras.Model.compile` does; the tasks bring losses and metrics.

        Args:
            optimizer: As Keras takes it.
            loss: None, as are the next three.
            loss_weights: None.
            metrics: None.
            weighted_metrics: None.
            embedding_optimizer: How large embedding tables learn. None: row by row where a table
                has more than 100,000 rows and the optimizer has such a form.
            **kwargs: As Keras takes them.

        Raises:
            ModelError: `loss`, `loss_weights`, `metrics` or `weighted_metrics` is given, or the
                optimizer cannot move rows and `embedding_optimizer` says that it shall.
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
        self.embedding_optimizer = checked_part(
            "embedding_optimizer", embedding_optimizer, EmbeddingOptimizer
        )
        if self.built:
            self._prepare_optimizer()

    def fit(self, x=None, y=None, *, class_weight=None, sample_weight=None, **kwargs):
        """Trains as `keras.Model.fit` does, on `Batches` or encoded columns.

        Raises:
            ModelError: The columns are raw, or `class_weight` or one array of weights is given.
        """
        self._require_adapted()
        check_features(self, x)
        check_histories(self, x)
        check_labels(self, y)
        check_weights(class_weight, sample_weight)
        self._follow_frozen_parts()
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

    def __call__(self, features, *args, **kwargs):
        """Returns what `call` does, of encoded columns."""
        if self.is_adapted and is_of_numpy(features):
            check_features(self, features)
        return super().__call__(features, *args, **kwargs)

    def save(self, filepath, *args, **kwargs):
        """Writes a `.keras` file as `keras.Model.save` does.

        Raises:
            ModelError: The path is of HDF5, which would hold no vocabularies.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ModelError(
                f"The model was to be saved as {filepath}.",
                "A .keras file: one of HDF5 holds no vocabularies and no catalogue.",
                f"Write model.save({str(Path(filepath).with_suffix('.keras'))!r}).",
            )
        return super().save(filepath, *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, **kwargs):
        """Trains as `keras.Model.train_on_batch` does, on one batch of encoded columns."""
        self._require_adapted()
        check_features(self, x)
        check_histories(self, x)
        check_labels(self, y)
        check_weights(class_weight, sample_weight)
        self._follow_frozen_parts()
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """Returns what `evaluate` does, of one batch of encoded columns."""
        self._require_adapted()
        check_features(self, x)
        check_labels(self, y)
        check_weights(None, sample_weight)
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def set_loss_weight(self, task: str, loss_weight: float) -> None:
        """Lets the next step multiply a task's loss with another number; the task calls this."""
        if keras.backend.backend() == "jax":
            self.jax_state_sync()  # within fit, Keras keeps variables in a state of its own
        self.reports[task].set_loss_weight(loss_weight)

    def forget_compiled_steps(self) -> None:
        """Lets the next step be compiled again, with what a task says by now."""
        if getattr(self, "train_function", None) is not None:
            self.make_train_function(force=True)
        if getattr(self, "test_function", None) is not None:
            self.make_test_function(force=True)

    def get_compile_config(self):
        config = super().get_compile_config()
        if not self.compiled:
            return config
        tables = self.embedding_optimizer or EmbeddingOptimizer()
        return {**config, "embedding_optimizer": keras.saving.serialize_keras_object(tables)}

    def compile_from_config(self, config):
        # What was saved before there were row-wise updates has the slots of dense ones.
        config = {"embedding_optimizer": None, **keras.saving.deserialize_keras_object(config)}
        config["embedding_optimizer"] = config["embedding_optimizer"] or EmbeddingOptimizer(
            dense_up_to=None
        )
        self.compile(**config)

    def train_step(self, *arguments):
        """Makes a training step as Keras does; Keras calls this."""
        if not isinstance(self.optimizer, RowWiseOptimizer):
            return super().train_step(*arguments)
        return rows_of_backend().train_step(self, super().train_step, *arguments)

    def build(self, input_shape):
        self._require_adapted()  # Keras builds a model at its first call, and adapt has built ours

    def export(self, filepath, **kwargs):
        """Is `mtframework.export`: a graph of Keras's own would read ids in place of values.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "Keras's export was called, which would write a graph that reads internal ids.",
            "A SavedModel that takes raw values and recommends.",
            f"Write mtframework.export(model, {str(filepath)!r}).",
        )

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

    def _follow_frozen_parts(self) -> None:
        """Compiles again where other weights train by now, which Keras does not allow on JAX.

        Raises:
            ModelError: The optimizer has learned already.
        """
        trained = tuple(map(id, self.trainable_variables))
        if keras.backend.backend() != "jax" or self._optimized in (None, trained):
            return
        if int(self.optimizer.iterations):
            raise ModelError(
                "A part was frozen or thawed since the model was compiled, and it has trained.",
                "A step that moves what the optimizer was made for, as Keras has it on JAX.",
                "Call compile again, which starts the optimizer anew.",
            )
        self.compile_from_config(self.get_compile_config())

    def _prepare_optimizer(self) -> None:
        self._optimized = tuple(map(id, self.trainable_variables))
        self.optimizer = with_row_wise_tables(self)
        self.optimizer.build(self.trainable_variables)
        dense = getattr(self.optimizer, "dense", self.optimizer)
        take_averages_that_are_there(dense)
        keep_idle_parts(
            dense,
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

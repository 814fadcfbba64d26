"""An experiment: what a Gin file describes, as an object."""

from dataclasses import dataclass
from functools import partial

import keras

from mtframework.arguments import is_finite_number, is_whole_number, wrong_argument
from mtframework.data.dataset import DatasetSource
from mtframework.embeddings.embedding_optimizer import EmbeddingOptimizer
from mtframework.model.model import MultiTaskModel
from mtframework.serving.fusion import Fusion
from mtframework.training.distribution.distribution import Distribution
from mtframework.training.early_stopping import EarlyStopping

_wrong = partial(wrong_argument, "The experiment", place="Experiment")


@dataclass
class Experiment:
    """Data, model, optimizer and how long to train.

    Args:
        dataset: Where the rows come from: a registered data set, with `load()`.
        model: A new model.
        optimizer: A Keras optimizer.
        batch_size: How many rows a training step sees.
        epochs: How often every training row is seen.
        seed: What weights and the order of the rows follow from.
        early_stopping: When to stop earlier, and which epoch to keep; None keeps the last one.
        fusion: How the tasks' scores become the one that recommendations are sorted by; None for
            one task's. Training does not read it.
        checkpoint_minutes: After how many minutes within an epoch a checkpoint is written, beside
            those after each epoch.
        embedding_optimizer: How large embedding tables learn. None: row by row where a table has
            more than 100,000 rows and the optimizer has such a form.
        distribution: How training is spread over several devices and hosts; None for one device.

    Raises:
        ModelError: A number is out of range, or a part is missing or of the wrong type.
    """

    dataset: DatasetSource
    model: MultiTaskModel
    optimizer: keras.optimizers.Optimizer
    batch_size: int = 1024
    epochs: int = 1
    seed: int = 0
    early_stopping: EarlyStopping | None = None
    fusion: Fusion | None = None
    checkpoint_minutes: float = 10.0
    embedding_optimizer: EmbeddingOptimizer | None = None
    distribution: Distribution | None = None

    def __post_init__(self):
        for argument, example in (("dataset", "@MovieLens100K()"), ("optimizer", "@Adam()")):
            value = getattr(self, argument)
            attribute = {"dataset": "load", "optimizer": "apply_gradients"}[argument]
            if isinstance(value, type) or not hasattr(value, attribute):
                raise _wrong(argument, value, f"An object, such as {example} in Gin.")
        if not isinstance(self.model, MultiTaskModel):
            raise _wrong("model", self.model, "A model: @MultiTaskModel() in Gin.")
        for argument in ("batch_size", "epochs"):
            value = getattr(self, argument)
            if not is_whole_number(value) or value < 1:
                raise _wrong(argument, value, "A whole number of at least 1.")
        if not is_finite_number(self.checkpoint_minutes) or self.checkpoint_minutes < 0:
            raise _wrong("checkpoint_minutes", self.checkpoint_minutes, "A number of at least 0.")
        if not is_whole_number(self.seed) or not 0 <= self.seed < 2**32:
            raise _wrong("seed", self.seed, "A whole number from 0 to 2**32 - 1.")

        if self.early_stopping is not None:
            if not isinstance(self.early_stopping, EarlyStopping):
                raise _wrong(
                    "early_stopping", self.early_stopping, "None, or @EarlyStopping() in Gin."
                )
            self.early_stopping.check(self.model)
        if self.fusion is not None:
            if not isinstance(self.fusion, Fusion):
                raise _wrong("fusion", self.fusion, "None, or @Fusion() in Gin.")
            self.fusion.check(self.model)
        if self.embedding_optimizer is not None:
            if not isinstance(self.embedding_optimizer, EmbeddingOptimizer):
                raise _wrong(
                    "embedding_optimizer",
                    self.embedding_optimizer,
                    "None, or @EmbeddingOptimizer() in Gin.",
                )
            self.embedding_optimizer.describe(self.optimizer)
        if self.distribution is not None and not isinstance(self.distribution, Distribution):
            raise _wrong("distribution", self.distribution, "None, or @Distribution() in Gin.")

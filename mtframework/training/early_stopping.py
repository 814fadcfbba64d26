"""When to stop, and which epoch to keep, by several tasks at once."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import keras

from mtframework.arguments import is_finite_number, is_whole_number, wrong_argument
from mtframework.data.dataset import Dataset
from mtframework.errors import ModelError, did_you_mean, quoted_list
from mtframework.evaluation.evaluate import evaluate, metric_directions
from mtframework.model.model import MultiTaskModel
from mtframework.training.distribution.at_home import at_home
from mtframework.training.distribution.processes import told_by_first
from mtframework.training.run import Run

SMALLEST = 1e-9  # stands for a metric that is 0, whose logarithm is none

_wrong = partial(wrong_argument, "EarlyStopping", place="EarlyStopping")


@dataclass(frozen=True)
class EarlyStopping:
    """Keeps the best epoch on the validation rows, and stops once none has been better for a while.

    The metrics are those of `mtframework.evaluate`, over the whole catalogue. Of two epochs the
    one with the larger criterion is better,

        criterion = Σ weight[metric] · log(value[metric])

    so that with equal weights a gain of 1 % in one metric makes up for a loss of 1 % in another,
    whatever their scales. A metric that should be small has a negative weight.

    With `at_most` or `at_least`, an epoch that keeps these bounds is better than any that does
    not; of those that do not, the better one misses them by less (relatively, in sum).

    Args:
        metrics: The weight of each metric: `{"rating/rmse": -1.0, "watch/top_100": 1.0}`.
        at_most: Upper bounds: `{"rating/rmse": 0.92}`.
        at_least: Lower bounds.
        patience: After how many evaluations without a better epoch training stops.
        min_epochs: The epoch before which it does not stop.
        every: After how many epochs, each time, the validation rows are evaluated.
        min_gain: By how much the criterion must grow to count; 0.001 is 0.1 % of a metric of
            weight 1.

    Raises:
        ModelError: A number is out of its range, or no metric is named.

    Example:

    >>> stopping = EarlyStopping({"rating/rmse": -1.0, "watch/top_100": 1.0})
    >>> stopping.criterion({"rating/rmse": 0.5, "watch/top_100": 0.5})
    0.0
    """

    metrics: Mapping[str, float]
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    patience: int = 3
    min_epochs: int = 1
    every: int = 1
    min_gain: float = 0.0

    def __post_init__(self):
        if not isinstance(self.metrics, Mapping) or not self.metrics:
            raise _wrong("metrics", self.metrics, "A weight for each of one metric or more.")
        for argument in ("metrics", "at_most", "at_least"):
            numbers = getattr(self, argument)
            if not isinstance(numbers, Mapping) or not all(map(is_finite_number, numbers.values())):
                raise _wrong(argument, numbers, "A finite number for each metric.")
        if not all(self.metrics.values()):
            raise _wrong(
                "metrics",
                self.metrics,
                "Weights other than 0, negative for metrics where lower is better.",
            )
        for argument in ("patience", "min_epochs", "every"):
            value = getattr(self, argument)
            if not is_whole_number(value) or value < 1:
                raise _wrong(argument, value, "A whole number of at least 1.")
        if not is_finite_number(self.min_gain) or self.min_gain < 0:
            raise _wrong("min_gain", self.min_gain, "A finite number of at least 0.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric that is read."""
        return tuple(dict.fromkeys((*self.metrics, *self.at_most, *self.at_least)))

    @property
    def top_k(self) -> tuple[int, ...]:
        """The k of the top-k accuracies among the metrics."""
        found = (re.search(r"/top_(\d+)", name) for name in self.names)
        return tuple(sorted({int(each[1]) for each in found if each}))

    def check(self, model: MultiTaskModel) -> None:
        """Raises a `ModelError` where the model has no such metric, or a sign is the wrong one."""
        known = metric_directions(model, self.top_k)
        for name in self.names:
            if name not in known:
                raise ModelError(
                    f'early_stopping reads the metric "{name}".{did_you_mean(name, known)}',
                    f"One of {quoted_list(known)}.",
                    "Correct EarlyStopping.metrics, at_most or at_least.",
                )
        for name, weight in self.metrics.items():
            if (weight > 0) != known[name]:
                better, sign = ("high", "positive") if known[name] else ("low", "negative")
                raise ModelError(
                    f'EarlyStopping.metrics gives "{name}" the weight {weight:g}.',
                    f"A {sign} weight, since {better} values are better.",
                    f"Write {-weight:g}.",
                )

    def criterion(self, values: Mapping[str, float]) -> float:
        """Returns the weighted sum of the metrics' logarithms.

        Raises:
            ModelError: A metric was not measured, is negative or is not a number.
        """
        total = 0.0
        for name, weight in self.metrics.items():
            value = self._value(name, values)
            if value < 0:
                raise ModelError(
                    f'The metric "{name}" is {value:g}, which has no logarithm.',
                    "Metrics of zero or more.",
                    "Leave it out of EarlyStopping.metrics, or name it in at_most or at_least.",
                )
            total += weight * math.log(max(value, SMALLEST))
        return total

    def excess(self, values: Mapping[str, float]) -> float:
        """Returns by how much the bounds are missed, relative to each bound, in sum; 0 if kept."""
        missed = [
            (sign * (self._value(name, values) - bound)) / max(abs(bound), SMALLEST)
            for sign, bounds in ((1, self.at_most), (-1, self.at_least))
            for name, bound in bounds.items()
        ]
        return sum(max(each, 0.0) for each in missed)

    def _value(self, name: str, values: Mapping[str, float]) -> float:
        value = values.get(name, math.nan)
        if not math.isfinite(value):
            raise ModelError(
                f'The metric "{name}" cannot be computed on the validation rows: it is {value}.',
                "Validation rows that have the task's label.",
                "Hold out more rows, ask for a k within the catalogue, or leave the metric out of "
                "EarlyStopping.",
            )
        return value


class BestEpoch(keras.callbacks.Callback):
    """Evaluates the validation rows, stops training, and gives the model its best weights.

    The metrics go into the epoch's logs as `val_{task}/{metric}`, with `val_criterion`.

    Args:
        stopping: What makes an epoch better.
        dataset: Whose validation rows to read.
        run: Where to write the model of each better epoch; None writes nothing.
    """

    def __init__(self, stopping: EarlyStopping, dataset: Dataset, run: Run | None = None):
        super().__init__()
        self.stopping = stopping
        self.dataset = dataset
        self.run = run
        self.epoch = 0  # the best one, from 1
        self.logs: dict[str, float] = {}

    def on_train_begin(self, logs=None):
        self._evaluations_since_best = 0

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.stopping.every and epoch + 1 < self.params["epochs"]:
            return
        with at_home(self.model):
            self._judge(epoch, {} if logs is None else logs)

    def _judge(self, epoch, logs):
        metrics = evaluate(self.model, self.dataset, "validation", self.stopping.top_k)
        metrics = told_by_first(metrics)  # processors round differently, and all must agree
        criterion, excess = self.stopping.criterion(metrics), self.stopping.excess(metrics)
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        logs["val_criterion"] = criterion
        if self._is_better(criterion, excess):
            self._evaluations_since_best = 0
            self._best = criterion, excess
            self._weights = self.model.get_weights()
            self.epoch = epoch + 1
            self.logs = {name: float(value) for name, value in logs.items()}
            if self.run is not None:
                self.run.save_checkpoint(self.model)
            return
        self._evaluations_since_best += 1
        patient = self._evaluations_since_best < self.stopping.patience
        if not patient and epoch + 1 >= self.stopping.min_epochs:
            self.model.stop_training = True

    def give_best(self) -> None:
        """Gives the model the weights of its best epoch, where there is one."""
        if self.epoch:
            self.model.set_weights(self._weights)

    def _is_better(self, criterion: float, excess: float) -> bool:
        if not self.epoch:
            return True
        best_criterion, best_excess = self._best
        if excess or best_excess:
            return excess < best_excess
        return criterion > best_criterion + self.stopping.min_gain

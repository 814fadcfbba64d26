"""Several experiments, trained and judged alike."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mtframework.evaluation.evaluate import evaluate, metric_directions
from mtframework.training.train import Trained


@dataclass(frozen=True)
class Comparison:
    """The result of one experiment with one seed, or of a baseline.

    Args:
        experiment: The experiment's name, or the baseline's.
        seed: The seed; None of a baseline that draws nothing.
        metrics: What `evaluate` gave.
        fit_seconds: How long training took.
        evaluate_seconds: How long evaluating took.
        tasks: The tasks that it learned: those with a loss weight above zero.
        history: Each metric's value an epoch, `{name: [num_epochs]}`.
        lower_is_better: The metrics of which less is better.
    """

    experiment: str
    seed: int | None
    metrics: Mapping[str, float]
    fit_seconds: float
    evaluate_seconds: float
    tasks: Sequence[str] = ()
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lower_is_better: Sequence[str] = ()


def judge(experiment: str, seed: int, trained: Trained, split: str = "test") -> Comparison:
    """Evaluates a trained model on one split."""
    began = time.perf_counter()
    metrics = evaluate(trained.model, trained.dataset, split)
    seconds = time.perf_counter() - began
    return Comparison(
        experiment,
        seed,
        metrics,
        trained.fit_seconds,
        seconds,
        [name for name, task in trained.model.tasks.items() if task.loss_weight > 0],
        {name: [float(value) for value in each] for name, each in trained.history.items()},
        [name for name, higher in metric_directions(trained.model).items() if not higher],
    )

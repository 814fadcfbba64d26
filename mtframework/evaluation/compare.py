"""Several experiments, trained and judged alike."""

import time
from dataclasses import dataclass

from mtframework.evaluation.evaluate import evaluate
from mtframework.training.train import Trained


@dataclass(frozen=True)
class Comparison:
    """The result of one experiment with one seed.

    Args:
        experiment: The experiment's name.
        seed: The seed.
        metrics: What `evaluate` gave.
        fit_seconds: How long training took.
        evaluate_seconds: How long evaluating took.
    """

    experiment: str
    seed: int
    metrics: dict[str, float]
    fit_seconds: float
    evaluate_seconds: float


def judge(experiment: str, seed: int, trained: Trained, split: str = "test") -> Comparison:
    """Evaluates a trained model on one split."""
    began = time.perf_counter()
    metrics = evaluate(trained.model, trained.dataset, split)
    seconds = time.perf_counter() - began
    return Comparison(experiment, seed, metrics, trained.fit_seconds, seconds)

"""What the experiments share that train on several seeds."""

import argparse
import tempfile
import time

import jax
import keras
import numpy as np

import mtframework as mtf
from mtframework.training.train import batches_of


def parse_options(parser: argparse.ArgumentParser, seeds: int) -> argparse.Namespace:
    """Adds the options that every experiment has to its own, and returns what was given."""
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("An interval needs --seeds 2 or more.")
    return options


def share_compilations() -> tempfile.TemporaryDirectory:
    """Lets the models of all seeds, which compile to the same, be compiled once.

    Returns:
        The folder of what was compiled, to be cleaned up at the end.
    """
    folder = tempfile.TemporaryDirectory()
    jax.config.update("jax_compilation_cache_dir", folder.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return folder


class Progress:
    """Tells how many of the trainings are done, what came of each, and the time left."""

    def __init__(self, total: int):
        self.total = total
        self.done = 0
        self.began = time.perf_counter()

    def tell(self, what: str) -> None:
        self.done += 1
        spent = time.perf_counter() - self.began
        left = spent / self.done * (self.total - self.done)
        print(
            f"{self.done}/{self.total} {what}; {spent:.0f} s, about {left:.0f} s left", flush=True
        )


def train_until_best(
    model: mtf.MultiTaskModel, dataset: mtf.Dataset, task: str, patience: int, seed: int, options
) -> int:
    """Trains a model until one task's validation loss is at its best; returns how many epochs.

    That is what a practitioner could do, who knows no truth.
    """
    model.adapt(dataset)
    model.compile(optimizer=keras.optimizers.Adam(options.learning_rate))
    stop = keras.callbacks.EarlyStopping(
        f"val_{task}/loss", patience=patience, restore_best_weights=True, mode="min"
    )
    history = model.fit(
        batches_of(model, dataset, "train", options.batch_size, seed=seed),
        validation_data=batches_of(model, dataset, "validation", 5_000, shuffle=False),
        epochs=options.max_epochs,
        callbacks=[stop],
        verbose=0,
    )
    return len(history.epoch)


def excess_log_loss(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Returns the expected log loss beyond the truth's own: the mean relative entropy."""
    estimate = np.clip(estimate, 1e-7, 1 - 1e-7)
    return float(
        np.mean(
            truth * np.log(truth / estimate) + (1 - truth) * np.log((1 - truth) / (1 - estimate))
        )
    )

"""How much of a training step measuring the tasks' gradient cosines takes.

    python tests/benchmarks/contestants/junction.py [--steps 300]

A few per cent drown in the differences between processes, so both models take turns in one
process, a step each, and what is compared is the median of their steps.
"""

import argparse
import statistics
import time

from ours import step_of, three_task_model
from tutorial import BATCH, load

from mtframework.training.train import batches_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    data = load()
    runs = {}
    for part in ("plain", "no_junction"):
        model = three_task_model(part, data)
        runs[part] = step_of(model, batches_of(model, data, "train", BATCH)[0])
    seconds = {part: [] for part in runs}
    for turn in range(arguments.steps + 5):
        for part, run in runs.items():
            began = time.perf_counter()
            run()
            if turn >= 5:
                seconds[part].append(time.perf_counter() - began)
    medians = {part: statistics.median(values) for part, values in seconds.items()}
    with_it, without = medians["plain"], medians["no_junction"]
    print(f"{1000 * with_it:.2f} ms with, {1000 * without:.2f} ms without, ", end="")
    print(f"{100 * (with_it / without - 1):.2f} % more")


if __name__ == "__main__":
    main()

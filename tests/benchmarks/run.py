"""Measures side by side and writes docs/benchmarks.md and docs/benchmarks.json.

    python tests/benchmarks/run.py [--repeats 5] [--only NAME ...]
    python tests/benchmarks/run.py --page

Every measurement is a process of its own; the contestants of a benchmark take turns, and what is
compared is the ratio of their medians. With `--only` the other rows stay as they are, each with the
run that measured it. `--page` measures nothing and writes the page anew, after a change of the
notes.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import page
from table import BENCHMARKS, Benchmark

HERE = Path(__file__).parent
NAMES = [each.name for each in BENCHMARKS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES, metavar="NAME")
    parser.add_argument("--page", action="store_true", help="write the page, measure nothing")
    arguments = parser.parse_args()
    if arguments.page:
        return page.write(page.read())
    chosen = [each for each in BENCHMARKS if each.name in arguments.only]
    run = description()
    commands = list(dict.fromkeys(c for each in chosen for c in measured(each)))
    results: dict[tuple, list[dict]] = {command: [] for command in commands}
    began = time.perf_counter()
    for turn in range(arguments.repeats):
        for number, command in enumerate(commands):
            results[command].append(measure(command[0]))
            done = turn * len(commands) + number + 1
            left = (time.perf_counter() - began) / done * (arguments.repeats * len(commands) - done)
            print(
                f"{done}/{arguments.repeats * len(commands)} {' '.join(command[0])}: "
                f"{results[command][-1]['seconds']:.4f} s; about {left:.0f} s left",
                flush=True,
            )
    rows = [row_of(each, results) for each in chosen]
    page.write(page.merge(page.read(), rows, run, NAMES))


def description() -> dict:
    """Returns when and where this run began, and how busy the machine was."""
    packages = ("keras", "tensorflow", "tensorflow-recommenders", "keras-rs", "numpy")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 1),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def measured(benchmark: Benchmark) -> tuple[tuple, tuple]:
    return (benchmark.ours, benchmark.whole), (benchmark.theirs, benchmark.whole)


def measure(command: tuple[str, ...]) -> dict:
    """Runs one contestant; adds how long its whole process took."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    began = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, str(HERE / "contestants" / command[0]), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{answer.stderr[-3000:]}")
    whole = time.perf_counter() - began
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    return {
        "seconds": whole,
        "peak_mib": 0.0,
        **(json.loads(lines[-1]) if lines else {}),
        "whole": whole,
    }


def row_of(benchmark: Benchmark, results: dict) -> dict:
    key = "whole" if benchmark.whole else "seconds"
    ours, theirs = ([each[key] for each in results[command]] for command in measured(benchmark))
    memory = [
        statistics.median(each["peak_mib"] for each in results[command])
        for command in measured(benchmark)
    ]
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "against": benchmark.against,
        "ours_seconds": statistics.median(ours),
        "theirs_seconds": statistics.median(theirs),
        "ratio": statistics.median(theirs) / statistics.median(ours),
        "ratio_low": min(theirs) / max(ours),
        "ratio_high": max(theirs) / min(ours),
        "ours_peak_mib": memory[0],
        "theirs_peak_mib": memory[1],
        "must": benchmark.must,
        "aim": benchmark.aim,
        "repeats": len(ours),
    }


if __name__ == "__main__":
    main()

"""Measures side by side and writes docs/benchmarks.md and docs/benchmarks.json.

    python tests/benchmarks/run.py [--repeats 5] [--only NAME ...]

Every measurement is a process of its own; the contestants of a benchmark take turns, and what is
compared is the ratio of their medians.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE, DATA = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.json"
NOTES = HERE / "notes.md"


@dataclass(frozen=True)
class Benchmark:
    """Two contestants, and by what factor the first is to be faster than the second.

    Args:
        name: Short, for `--only`.
        title: What is done.
        ours: The command of ours: script and arguments.
        against: The name of the other.
        theirs: Its command.
        must: The ratio that must be reached, theirs / ours.
        aim: The ratio aimed at.
        whole: Whether the whole process is timed, instead of what it reports.
    """

    name: str
    title: str
    ours: tuple[str, ...]
    against: str
    theirs: tuple[str, ...]
    must: float
    aim: float
    whole: bool = False


TFRS = "TFRS 0.7"
BENCHMARKS = [
    Benchmark(
        "step_top_k",
        "tutorial joint step, top-K in training",
        ("ours.py", "step_top_k"),
        TFRS,
        ("tfrs_peer.py", "step_top_k"),
        15,
        30,
    ),
    Benchmark(
        "step",
        "tutorial joint step",
        ("ours.py", "step"),
        TFRS,
        ("tfrs_peer.py", "step"),
        5,
        8,
    ),
    Benchmark(
        "step_keras_rs",
        "tutorial joint step",
        ("ours.py", "step"),
        "Keras 3 + keras-rs by hand",
        ("keras_rs_peer.py",),
        2.5,
        4,
    ),
    Benchmark(
        "step_blas",
        "tutorial joint step",
        ("ours.py", "step"),
        "its bare matrix products",
        ("blas.py",),
        1 / 3,
        1 / 1.5,
    ),
    Benchmark(
        "evaluate",
        "evaluate 20,000 queries",
        ("ours.py", "evaluate"),
        TFRS,
        ("tfrs_peer.py", "evaluate"),
        6,
        15,
    ),
    Benchmark(
        "zipf",
        "step, 100,000 Zipf candidates, B = 8192, d = 64",
        ("ours.py", "zipf_step"),
        TFRS,
        ("tfrs_peer.py", "zipf_step"),
        1.5,
        3,
    ),
    Benchmark(
        "million",
        "ranks of 2,000 queries among 1,000,000 candidates, d = 64",
        ("ours.py", "ranks_of_a_million"),
        TFRS + " Streaming",
        ("tfrs_peer.py", "ranks_of_a_million"),
        5,
        20,
    ),
    Benchmark(
        "first_step",
        "from starting Python to the first step",
        ("ours.py", "first_step"),
        TFRS,
        ("tfrs_peer.py", "first_step"),
        1,
        1 / 0.6,
        whole=True,
    ),
    *(
        Benchmark(
            f"balancer_{part}",
            f"three-task step with {part}",
            ("ours.py", "three_tasks", part),
            "the same without",
            ("ours.py", "three_tasks", "plain"),
            1 / 1.15,
            1 / 1.05,
        )
        for part in ("pcgrad", "cagrad", "nash_mtl")
    ),
    Benchmark(
        "torchjd",
        "three-task step with pcgrad",
        ("ours.py", "three_tasks", "pcgrad"),
        "torchjd on torch, a backward pass a task",
        ("torchjd_peer.py", "pcgrad"),
        1,
        1,
    ),
    *(
        Benchmark(
            f"sharing_{part}",
            f"three-task step with {part}",
            ("ours.py", "three_tasks", part),
            "shared_bottom",
            ("ours.py", "three_tasks", "shared_bottom"),
            1 / 3,
            1,
        )
        for part in ("mmoe", "ple")
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    chosen = [each for each in BENCHMARKS if not arguments.only or each.name in arguments.only]
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
    known = {
        row["name"]: row for row in (json.loads(DATA.read_text())["rows"] if DATA.exists() else [])
    }
    known.update({row["name"]: row for row in rows})
    ordered = [known[each.name] for each in BENCHMARKS if each.name in known]
    write(ordered, arguments.repeats)


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


def write(rows: list[dict], repeats: int) -> None:
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{
            name: version(name)
            for name in ("keras", "tensorflow", "tensorflow-recommenders", "keras-rs", "numpy")
        },
    }
    replace(DATA, json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Every measurement is a process of its own, the contestants take",
        "turns, and what counts is the ratio of medians in one run: how many times faster ours is;",
        "the lowest and highest ratio of any two turns stand beside it. Memory is ours / theirs.",
        "Times move from machine to machine.",
        "",
        "| what | against | ours | theirs | times faster | must, aim | MiB at most |",
        "|---|---|---|---|---|---|---|",
        *(line_of(row) for row in rows),
        "",
        ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "",
        NOTES.read_text("utf-8"),
    ]
    replace(PAGE, "\n".join(lines).rstrip() + "\n")


def line_of(row: dict) -> str:
    reached = "" if row["ratio"] >= row["must"] else " (below)"
    memory = f"{row['ours_peak_mib']:,.0f} / {row['theirs_peak_mib']:,.0f}"
    return (
        f"| {row['title']} | {row['against']} | {pretty(row['ours_seconds'])} | "
        f"{pretty(row['theirs_seconds'])} | **{row['ratio']:.2f}**{reached}, "
        f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f} | {row['must']:.2f}, "
        f"{row['aim']:.2f} | {memory if row['ours_peak_mib'] else ''} |"
    )


def pretty(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()

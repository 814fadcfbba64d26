"""What is measured against what, and what must come out."""

from dataclasses import dataclass


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
    *(
        Benchmark(
            f"stream_{part}",
            f"10,000,000 rows of Parquet {what}",
            ("stream.py", part, "10000000"),
            "500,000 rows a second, 2 GiB",
            ("stream.py", "bar", "10000000"),
            1,
            2,
        )
        for part, what in (
            ("vocabulary", "checked and vocabularies learned"),
            ("batches", "into shuffled batches"),
        )
    ),
    Benchmark(
        "stream_memory",
        "10,000,000 rows of Parquet into shuffled batches",
        ("stream.py", "batches", "10000000"),
        "1,000,000 rows",
        ("stream.py", "batches", "1000000"),
        1 / 12,
        1 / 10,
    ),
    *(
        Benchmark(
            f"table_{backend}",
            f"step, one table of 1,000,000 rows, {backend}",
            ("tables.py", backend, "1000000", "rows"),
            "the whole table by Keras",
            ("tables.py", backend, "1000000", "whole"),
            3,
            10,
        )
        for backend in ("tensorflow", "jax")
    ),
    *(
        Benchmark(
            f"table_level_{backend}",
            f"step, one table of 5,000,000 rows, {backend}",
            ("tables.py", backend, "5000000", "rows"),
            "ours, 100,000 rows",
            ("tables.py", backend, "100000", "rows"),
            1 / 1.3,
            1,
        )
        for backend in ("tensorflow", "jax")
    ),
    *(
        Benchmark(
            f"serve_{connections}",
            f"a query over HTTP, {connections} connections",
            ("load.py", "ours", str(connections)),
            "a FastAPI handler without batching",
            ("load.py", "plain", str(connections)),
            must,
            aim,
        )
        for connections, must, aim in ((1, 0.5, 1), (16, 1.5, 3), (64, 3, 5))
    ),
    Benchmark(
        "serve_batched",
        "a query over HTTP, 64 connections",
        ("load.py", "ours", "64"),
        "in process, 64 queries a call",
        ("load.py", "batched"),
        0.7,
        0.9,
    ),
]

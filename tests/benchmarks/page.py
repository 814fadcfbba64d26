"""docs/benchmarks.json and the page that is written from it."""

import json
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
NOTES = HERE / "notes.md"
DOCS = HERE.parents[1] / "docs"
HEAD = """\
# Benchmarks

Written by `make bench`. Every measurement runs in its own process, and the contestants take
turns. The result is the ratio of the medians in one run: how many times faster ours is, followed
by the lowest and highest ratio of any two turns. Memory is ours / theirs. Times vary between
machines and between runs, so the lines below the table say what ran when, and the load average
at the start.

| what | against | ours | theirs | times faster | must, aim | MiB at most | run |
|---|---|---|---|---|---|---|---|
"""


def merge(kept: dict, rows: list[dict], run: dict, order: Iterable[str]) -> dict:
    """Returns the kept results with the rows that this run has measured in place of theirs.

    Runs of which no row is left are dropped.
    """
    name = str(max([0, *map(int, kept["runs"])]) + 1)
    by_name = {row["name"]: row for row in kept["rows"]}
    by_name.update({row["name"]: {**row, "run": name} for row in rows})
    merged = [by_name[each] for each in order if each in by_name]
    used = {row["run"] for row in merged}
    runs = {**kept["runs"], name: run}
    return {"runs": {each: runs[each] for each in runs if each in used}, "rows": merged}


def read(folder: Path = DOCS) -> dict:
    data = folder / "benchmarks.json"
    return json.loads(data.read_text("utf-8")) if data.exists() else {"runs": {}, "rows": []}


def write(results: dict, folder: Path = DOCS) -> None:
    replace(folder / "benchmarks.json", json.dumps(results, indent=1) + "\n")
    table = "\n".join(line_of(row) for row in results["rows"])
    runs = "\n".join(f"- Run {name}: {run_line(run)}" for name, run in results["runs"].items())
    replace(folder / "benchmarks.md", f"{HEAD}{table}\n\n{runs}\n\n{NOTES.read_text('utf-8')}")


def run_line(run: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in run.items()) + "."


def line_of(row: dict) -> str:
    reached = "" if row["ratio"] >= row["must"] else " (below)"
    memory = f"{row['ours_peak_mib']:,.0f} / {row['theirs_peak_mib']:,.0f}"
    return (
        f"| {row['title']} | {row['against']} | {pretty(row['ours_seconds'])} | "
        f"{pretty(row['theirs_seconds'])} | **{row['ratio']:.2f}**{reached}, "
        f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f} | {row['must']:.2f}, "
        f"{row['aim']:.2f} | {memory if row['ours_peak_mib'] else ''} | "
        f"{row['run']} |"
    )


def pretty(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)

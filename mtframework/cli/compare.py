"""`mtframework compare`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtframework.cli import options

if TYPE_CHECKING:
    from mtframework.config import Loaded
    from mtframework.evaluation.compare import Comparison
    from mtframework.training.train import Trained


def compare(
    experiments: options.Experiments,
    seeds: Annotated[
        int, typer.Option("--seeds", help="How many seeds to train each with.", min=1)
    ] = 1,
    split: Annotated[
        options.SplitName, typer.Option("--split", help="The rows to judge by.")
    ] = "test",
    predict: Annotated[
        list[str] | None,
        typer.Option(
            "--predict",
            help="A row, such as user_id=42,movie_title=Heat, for which the experiment with the "
            "most tasks predicts at the end. Repeatable.",
            metavar="ROW",
            show_default=False,
        ),
    ] = None,
    recommend: Annotated[
        list[str] | None,
        typer.Option(
            "--recommend",
            help="A query, such as user_id=42, for which it recommends. Repeatable.",
            metavar="QUERY",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option("--k", help="How many to recommend.", min=1)] = 10,
    all_metrics: Annotated[
        bool, typer.Option("--all", help="Show every metric, those without seen candidates too.")
    ] = False,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Keep each training in a folder below this one.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    seed: options.Seed = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Train several experiments and judge them alike, in one table.

    A file that leaves something for others to set, such as a base.gin, is left out.
    """
    from dataclasses import asdict

    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.cli.comparison import comparison_table
    from mtframework.cli.predicting import print_predictions, print_recommendations
    from mtframework.cli.rows import parse_row

    rows = [parse_row(text) for text in predict or ()]
    queries = [parse_row(text) for text in recommend or ()]
    loaded = _experiments(experiments, bindings or [], plugin or [])
    results: list[Comparison] = []
    richest: tuple[int, str, Trained] | None = None
    for name, each in zip(_names(loaded), loaded, strict=True):
        for trained, result in _train_all(each, name, _seeds(each, seed, seeds), split, run):
            results.append(result)
            tasks = sum(task.loss_weight > 0 for task in trained.model.tasks.values())
            if richest is None or tasks >= richest[0]:
                richest = (tasks, name, trained)
            output.write_json(json, [asdict(result) for result in results])
    printer = output.console()
    printer.print(comparison_table(results, all_metrics))
    assert richest is not None  # there is at least one experiment and one seed
    _, name, trained = richest
    print_predictions(printer, name, trained.model, rows)
    print_recommendations(printer, name, trained.model, queries, k)


def _experiments(paths: Sequence[Path], bindings: list[str], plugins: list[str]) -> list["Loaded"]:
    """Returns the experiments, all of them checked before the first one trains."""
    from mtframework import config
    from mtframework.cli.errors import console, tell_warnings
    from mtframework.errors import ExperimentError

    loaded = [config.load(path, bindings, plugins) for path in paths]
    complete = [each for each in loaded if not each.is_fragment]
    for each in loaded:
        if each.is_fragment:
            console().print(
                f"{each.path} is not compared: it is a fragment, which leaves {each.left_to_set} "
                "to the files that include it.",
                style="dim",
            )
    if not complete:
        raise ExperimentError(
            "Every file that was given is a fragment.",
            "At least one whole experiment.",
            "Name files that include these.",
        )
    findings = [finding for each in complete for finding in each.check()]
    config.raise_errors(findings)
    tell_warnings(findings)
    return complete


def _names(loaded: Sequence["Loaded"]) -> list[str]:
    """Returns what to call each experiment: its file, with the folder where two are alike."""
    names = [each.name for each in loaded]
    if len(set(names)) < len(names):
        names = [f"{each.path.resolve().parent.name}-{each.name}" for each in loaded]
    if len(set(names)) < len(names):
        names = [f"{number}-{name}" for number, name in enumerate(names, start=1)]
    return names


def _seeds(loaded: "Loaded", first: int | None, how_many: int) -> range:
    start = loaded.seed if first is None else first
    return range(start, start + how_many)


def _train_all(
    loaded: "Loaded", name: str, seeds: range, split: str, folder: Path | None
) -> Iterator[tuple["Trained", "Comparison"]]:
    from mtframework.cli.training import train_shown
    from mtframework.evaluation.compare import judge

    for seed in seeds:
        seeded = loaded.with_seed(seed)
        run_name = name if len(seeds) == 1 else f"{name}-{seed}"
        trained = train_shown(seeded, folder and folder / run_name)
        yield trained, judge(name, seed, trained, split)

"""`mtframework compare`."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtframework.cli import options

if TYPE_CHECKING:
    from mtframework.cli.planned_runs import PlannedRun
    from mtframework.evaluation.compare import Comparison
    from mtframework.training.experiment import Experiment
    from mtframework.training.train import Trained


def compare(
    experiments: Annotated[
        list[Path] | None,
        typer.Argument(help="Gin files.", metavar="EXPERIMENT...", show_default=False),
    ] = None,
    runs_of: Annotated[
        list[Path] | None,
        typer.Option(
            "--runs",
            help="A finished run, or a folder of runs, to judge in place of experiments: nothing "
            "is trained. Repeatable.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="How many seeds to train each with.", min=1)
    ] = 1,
    split: options.Split = "test",
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            help="An experiment, by its name in the table, to compare each other one with, seed by "
            "seed. Repeatable.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    with_baselines: Annotated[
        bool,
        typer.Option(
            "--with-baselines",
            help="Add simple methods: a constant, popularity, item-kNN, item-to-item counts, EASE "
            "and, where the package implicit is installed, ALS; where retrievals have different "
            "positives, those that learn from all feedback too.",
        ),
    ] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="A metric to show, such as watch/top_10_filtered, in place of the main ones. "
            "Repeatable.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write report.html with plots, report.md and report.json to this folder, and each "
            "run's result, so that the same command goes on after an interruption.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
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
    k: options.K = 10,
    all_metrics: Annotated[
        bool, typer.Option("--all", help="Show every metric, those without seen candidates too.")
    ] = False,
    run: options.Run = None,
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    seed: options.Seed = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Train several experiments, or take finished runs, and judge them alike, in one table.

    A file that leaves something for others to set, such as a base.gin, is left out.
    """
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.cli.compared_runs import ComparedRuns
    from mtframework.cli.comparison_table import comparison_table, print_differences
    from mtframework.cli.errors import console
    from mtframework.cli.planned_runs import baselines_of, carry_out, load_experiments, plan
    from mtframework.cli.predicting import (
        check_requests,
        print_predictions,
        print_recommendations,
    )
    from mtframework.cli.rows import parse_row
    from mtframework.errors import ExperimentError
    from mtframework.evaluation.difference import check_baseline
    from mtframework.evaluation.evidence import every_metric, evidence_of
    from mtframework.evaluation.finished_runs import FinishedRuns
    from mtframework.evaluation.report import write_report
    from mtframework.files import lock_folder
    from mtframework.serving.recommender import Recommender

    if runs_of:
        _refuse_training_options(
            experiments=experiments, seeds=seeds - 1, predict=predict, recommend=recommend, run=run,
            set=bindings, seed=seed,
        )  # fmt: skip
        compared = ComparedRuns(runs_of, plugin or [], trust, split, with_baselines)
        results = list(compared.judge())
        for name in baseline or ():
            check_baseline(name, list(dict.fromkeys(each.experiment for each in results)))
        shown = every_metric(results) if all_metrics else metric or ()
        evidence = evidence_of(results, baseline or (), shown)
        output.write_json(json, evidence.as_json())
        if report is not None:
            with lock_folder(report):
                write_report(report, evidence, " and ".join(map(str, runs_of)), split)
        printer = output.console()
        printer.print(comparison_table(evidence, in_rows=all_metrics))
        print_differences(printer, evidence)
        return
    if not experiments:
        raise ExperimentError(
            "There is nothing to compare.",
            "Gin files, or finished runs by --runs.",
            "Name some.",
        )
    loaded = load_experiments(experiments, bindings or [], plugin or [], trust)
    model = loaded[0].build().model
    rows = [parse_row(text, model.request_columns) for text in predict or ()]
    queries = [parse_row(text, model.request_columns) for text in recommend or ()]
    runs = plan(loaded, seed, seeds)
    names = list(dict.fromkeys(each.name for each in runs))
    for name in baseline or ():
        check_baseline(name, names)

    def write(evidence) -> None:
        output.write_json(json, evidence.as_json())
        if report is not None:
            write_report(report, evidence, " and ".join(names), split)

    with lock_folder(report) if report is not None else contextlib.nullcontext():
        results: list[Comparison] = []
        richest: tuple[int, PlannedRun, Trained | None] | None = None
        finished = FinishedRuns(report / "runs") if report else None
        needs_model = bool(rows or queries)
        built: dict[str, Experiment] = {}
        if needs_model:
            built = {each.name: each.loaded.build() for each in runs}
            answering = max(built, key=lambda name: (_num_tasks(built[name]), names.index(name)))
            check_requests(built[answering], rows, queries, k)
        try:
            for each, trained, result in carry_out(runs, split, run, finished, not needs_model):
                results.append(result)
                if richest is None or len(result.tasks) >= richest[0]:
                    richest = (len(result.tasks), each, trained)
                known = every_metric(results)
                told = [name for name in metric or () if name in known]
                write(evidence_of(results, metrics=told))
        except KeyboardInterrupt:
            if report is not None:
                console().print(
                    f"{len(results)} of {len(runs)} runs are kept in {report}; the same command "
                    "goes on from there."
                )
            raise
        assert richest is not None  # there is at least one experiment and one seed
        _, planned, trained = richest
        if with_baselines:
            results += baselines_of(planned, split)
        shown = every_metric(results) if all_metrics else metric or ()
        evidence = evidence_of(results, baseline or (), shown)
        write(evidence)
        printer = output.console()
        printer.print(comparison_table(evidence, in_rows=all_metrics))
        print_differences(printer, evidence)
        if trained is not None:
            print_predictions(printer, planned.name, trained.model, rows)
            if queries:
                recommender = Recommender(trained.model, built[planned.name].fusion)
                print_recommendations(printer, planned.name, recommender, queries, k)


def _refuse_training_options(**given) -> None:
    """Raises an `ExperimentError` for what has no meaning where nothing is trained."""
    from mtframework.errors import ExperimentError

    for name, value in given.items():
        if value is not None and value != 0 and value != []:
            what = "experiments" if name == "experiments" else f"--{name}"
            raise ExperimentError(
                f"--runs was given, and {what} too.",
                "Finished runs, which are judged as they are.",
                f"Leave out {what}, or --runs.",
            )


def _num_tasks(experiment: "Experiment") -> int:
    return sum(task.loss_weight > 0 for task in experiment.model.tasks.values())


COMMANDS = (compare,)

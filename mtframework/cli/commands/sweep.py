"""`mtframework sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


def sweep(
    experiment: options.Experiment,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            help="A binding and its values: rating/Ranking.loss_weight=log:0.01..1.0, "
            "Tower.embedding_dim=16..64, or choices as in Adam.learning_rate=[0.001, 0.003]. Two "
            "whole numbers give whole numbers. Repeatable.",
            metavar="KEY=VALUES",
            show_default=False,
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            help="A metric of the validation rows, such as rating/rmse. Repeatable.",
            metavar="METRIC",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            "--trials", help="The number of trials, including earlier ones in the folder.", min=1
        ),
    ] = 20,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="The sweep's folder; a sweep in it is continued. By default runs/NAME-sweep.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    seed: options.Seed = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Try many settings of an experiment, and show those that no other beats in every objective.

    Validation rows judge, never test rows: the data set must hold some out.
    """
    from dataclasses import asdict

    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import console, tell, tell_warnings
    from mtframework.cli.runs_left import RunsLeft
    from mtframework.cli.shown_training import train_shown
    from mtframework.errors import RunError
    from mtframework.sweep.front import front_table, write_front
    from mtframework.sweep.study import Study
    from mtframework.sweep.sweep import Sweep
    from mtframework.sweep.variation import parse_variation

    plan = Sweep(
        experiment,
        [parse_variation(text) for text in vary or ()],
        objective or (),
        options.with_seed(bindings, seed),
        plugin or (),
        trust,
    )
    loaded = config.load(
        experiment,
        [*plan.bindings, *(each.example for each in plan.variations)],
        plan.plugins,
        trust,
    )
    findings = loaded.check()
    config.raise_errors(findings)
    tell_warnings(findings)
    loaded.build().dataset.load().split("validation")  # raises where there are no such rows
    folder = run or Path("runs") / f"{loaded.name}-sweep"
    study = Study(plan, folder, seed=loaded.seed)
    left = RunsLeft(trials, "trial", begun=study.num_tried)
    printer = output.console()
    try:
        study.run(trials, lambda each: train_shown(each, None), left.run, tell)
    except KeyboardInterrupt:
        console().print(
            f"{study.num_tried} of {trials} trials are kept in {folder}; the same command goes on "
            "from there."
        )
        raise
    finally:
        results, num_failed = study.results(), study.num_failed
        study.close()
        if results:
            write_front(folder, plan, results)
    if not results:
        raise RunError(
            f"All {num_failed} trials failed.",
            "At least one that trains and is evaluated.",
            "Narrow the ranges of --vary; the errors are above.",
        )
    best = [result for result in results if result.is_best]
    failed = f", {num_failed} failed" if num_failed else ""
    heading, rows = front_table(plan, best)
    table = output.table(*heading)
    for row in rows:
        table.add_row(*row)
    printer.print(table)
    printer.print(
        f"{len(best)} of {len(results)} trials are best{failed}; {folder} holds their table, "
        "a plot and, in front/, their experiments.",
        soft_wrap=True,
    )
    output.write_json(json, [asdict(result) for result in results])


COMMANDS = (sweep,)

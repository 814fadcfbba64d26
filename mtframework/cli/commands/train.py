"""`mtframework train`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mtframework.cli import options

NOT_PROMOTED = 3
"""The exit status of a training whose model is not promoted."""


def train(
    experiment: options.Experiment,
    run: options.Run = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A finished run to start from: its weights are kept, its vocabularies grow.",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the interrupted training in --run, exactly as it would have gone on. "
            "An empty folder is begun. (--from begins a new training with a finished model.)",
        ),
    ] = False,
    keep_optimizer: Annotated[
        float,
        typer.Option(
            "--keep-optimizer",
            help="With --from: the share of what the run's optimizer remembers that is kept; 0 "
            "forgets it, 1 keeps it, 0.5 halves it.",
            min=0.0,
            max=1.0,
        ),
    ] = 0.0,
    promote_if: Annotated[
        str | None,
        typer.Option(
            "--promote-if",
            help="With --from: how far a metric of the new model may be from the old one's, new "
            'less old, for the new one to be promoted, such as "watch/top_10 >= -0.001". Both are '
            "evaluated on the test rows; the result is in promotion.json. Where the new model is "
            "not promoted, the exit status is 3.",
            metavar="RULE",
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
    """Train an experiment, and write the model, its configuration and its metrics to a folder."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug, joins=True)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import tell_warnings
    from mtframework.cli.resumed_run import as_begun, resumed_run
    from mtframework.cli.shown_training import train_shown
    from mtframework.cli.start_from import StartFrom
    from mtframework.training.distribution.processes import is_first, together
    from mtframework.training.distribution.spread_training import check_begin

    with together():  # in one process it does nothing
        check_begin(resume, start is not None, None)
        loaded = config.load(experiment, options.with_seed(bindings, seed), plugin or (), trust)
        findings = loaded.check()
        config.raise_errors(findings)
        tell_warnings(findings)
        printer = output.console()
        given = {"--from": start, "--keep-optimizer": keep_optimizer, "--promote-if": promote_if}
        others = [name for name, value in given.items() if value]
        resumed = resumed_run(loaded, run, others) if resume else None
        if resumed is not None:
            loaded = as_begun(loaded, resumed)
        if resumed is not None and resumed.model_path.exists():
            printer.print(f"The training of {resumed.path} is finished already.")
            promotion = resumed.load_promotion()
            if promotion is None and "promote_if" in resumed.notes:  # ended between the two
                begun = StartFrom.noted(resumed, plugin, trust)
                assert begun is not None
                data = loaded.build().dataset.load()
                promotion = begun.decide(resumed.path, resumed.load_model(), data)
            decided = {} if promotion is None else {"promotion": promotion}
            output.write_json(json, {"run": str(run), "finished": True, **decided})
            _end(printer, promotion)
            return
        if resumed is not None:
            begun = StartFrom.noted(resumed, plugin, trust)
        else:
            begun = StartFrom.of(start, keep_optimizer, promote_if, plugin, trust)
        folder = run or _free_folder(Path("runs") / loaded.name)
        trained = train_shown(loaded, folder if is_first() else None, begun, resumed)
        if not is_first():
            return
        lines = output.table("metric", f"epoch {trained.epoch}")
        for name, value in trained.metrics.items():
            lines.add_row(name, output.number(value))
        printer.print(lines)
        printer.print(f"Trained in {trained.fit_seconds:.1f} s; the run is in {folder}.")
        written = {"run": str(folder), "metrics": trained.metrics, "epoch": trained.epoch}
        promotion = None if begun is None else begun.decide(folder, trained.model, trained.dataset)
        promoted = {} if promotion is None else {"promotion": promotion}
        output.write_json(json, {**written, "seconds": trained.fit_seconds, **promoted})
        _end(printer, promotion)


def _end(printer, promotion: Mapping[str, Any] | None) -> None:
    """Says what was decided, and ends with 3 where the new model is not promoted."""
    if promotion is None:
        return
    metric = promotion["rule"].split()[0]
    old, new = (promotion[which].get(metric) for which in ("old", "new"))
    values = ", ".join(
        f"{which} {'undefined' if value is None else f'{value:.6g}'}"
        for which, value in (("old", old), ("new", new))
    )
    outcome = "Promoted" if promotion["promoted"] else "Not promoted"
    difference = promotion["difference"]
    told = "" if difference is None else f", difference {difference:.6g}"
    printer.print(
        f"{outcome} by {promotion['rule']}: {values}{told}, of {promotion['num_rows']:,} test "
        "rows.",
        soft_wrap=True,
    )
    if not promotion["promoted"]:
        raise typer.Exit(NOT_PROMOTED)


def _free_folder(wanted: Path) -> Path:
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


COMMANDS = (train,)

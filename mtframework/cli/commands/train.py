"""`mtframework train`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


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
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    seed: options.Seed = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Train an experiment, and write the model, its configuration and its metrics to a folder."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import tell_warnings
    from mtframework.cli.finished_run import load_run
    from mtframework.cli.resumed_run import resumed_run
    from mtframework.cli.shown_training import train_shown

    loaded = config.load(experiment, options.with_seed(bindings, seed), plugin or (), trust)
    findings = loaded.check()
    config.raise_errors(findings)
    tell_warnings(findings)
    printer = output.console()
    resumed = resumed_run(loaded, run, start) if resume else None
    if resumed is not None and resumed.model_path.exists():
        printer.print(f"The training of {resumed.path} is finished already.")
        output.write_json(json, {"run": str(run), "finished": True})
        return
    if resumed is not None:
        start = resumed.began_with
    folder = run or _free_folder(Path("runs") / loaded.name)
    start_from = None if start is None else load_run(start, plugin, trust)
    trained = train_shown(loaded, folder, start_from, resumed)
    lines = output.table("metric", f"epoch {trained.epoch}")
    for name, value in trained.metrics.items():
        lines.add_row(name, output.number(value))
    printer.print(lines)
    printer.print(f"Trained in {trained.fit_seconds:.1f} s; the run is in {folder}.")
    written = {"run": str(folder), "metrics": trained.metrics, "epoch": trained.epoch}
    output.write_json(json, {**written, "seconds": trained.fit_seconds})


def _free_folder(wanted: Path) -> Path:
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


COMMANDS = (train,)

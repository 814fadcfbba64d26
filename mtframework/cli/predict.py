"""`mtframework predict`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


def predict(
    run: options.RunFolder,
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            help="Rows as name=value,name=value, such as user_id=42,movie_title=Heat.",
            metavar="[ROW]...",
            show_default=False,
        ),
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option("--input", help="Rows as a CSV file.", metavar="FILE.csv", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Where to write the CSV file with the predictions added.",
            metavar="FILE.csv",
            show_default=False,
        ),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Predict every task of a trained model for rows of the command line or a CSV file."""
    if bool(rows) == bool(input) or bool(input) != bool(output):
        raise typer.BadParameter("Give either rows, or --input together with --output.")
    if json and output:
        raise typer.BadParameter("--json is for rows; --output holds the predictions of a file.")
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output as results
    from mtframework.cli.predicting import print_predictions
    from mtframework.cli.rows import parse_row
    from mtframework.cli.trained import load_run

    parsed = [parse_row(row) for row in rows or ()]
    model = load_run(run, plugin).load_model()
    printer = results.console()
    if input and output:
        _predict_file(model, input, output)
        printer.print(f"The predictions are in {output}.")
        return
    results.write_json(json, print_predictions(printer, run.name, model, parsed))


def _predict_file(model, source: Path, target: Path) -> None:
    import os

    import pyarrow as pa
    import pyarrow.csv

    from mtframework.cli.predicting import predictions
    from mtframework.cli.rows import read_csv
    from mtframework.errors import DataError

    table, columns = read_csv(model, source)
    for task, scores in predictions(model, columns).items():
        table = table.append_column(f"predicted_{task}", pa.array(scores))
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            pa.csv.write_csv(table, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error}.",
            "A file in a folder that exists and can be written.",
            "Name another file for --output.",
        ) from error

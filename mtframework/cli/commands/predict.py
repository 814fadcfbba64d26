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
        typer.Option(
            "--input",
            help="Rows as a CSV, JSON lines or Parquet file.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Where to write them with the predictions added: CSV, JSON lines or Parquet.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    for_spreadsheet: options.ForSpreadsheet = False,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Predict every task of a trained model for rows of the command line or of a file."""
    if bool(rows) == bool(input) or bool(input) != bool(output):
        raise typer.BadParameter("Give either rows, or --input together with --output.")
    if json and output:
        raise typer.BadParameter("--json is for rows; --output holds the predictions of a file.")
    if for_spreadsheet and not output:
        raise typer.BadParameter("--for-spreadsheet is for --output.")
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output as results
    from mtframework.cli.batch import predict_file
    from mtframework.cli.finished_run import load_run
    from mtframework.cli.predicting import print_predictions
    from mtframework.cli.rows import parse_row
    from mtframework.data.tables.table_writer import TableWriter

    model = load_run(run, plugin, trust).load_model()
    parsed = [parse_row(row, model.request_columns) for row in rows or ()]
    printer = results.console()
    if input and output:
        predict_file(model, input, TableWriter(output, for_spreadsheet))
        printer.print(f"The predictions are in {output}.")
        return
    results.write_json(json, print_predictions(printer, run.name, model, parsed))


COMMANDS = (predict,)

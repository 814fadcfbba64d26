"""`mtframework recommend`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mtframework.cli import options


def recommend(
    run: options.RunFolder,
    queries: Annotated[
        list[str] | None,
        typer.Option(
            "--query",
            help="The queries, as name=value,name=value, such as user_id=42. Repeatable.",
            metavar="QUERY",
            show_default=False,
        ),
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="The queries, as a CSV, JSON lines or Parquet file.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Recommend to every query seen in training.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Where to write those of --input or --all: CSV, JSON lines or Parquet.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    k: options.K = 10,
    include_seen: Annotated[
        bool,
        typer.Option(
            "--include-seen", help="Recommend candidates that the query has already seen, too."
        ),
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Whose scores to sort by; by default the run's fusion, else the first retrieval "
            "task.",
            show_default=False,
        ),
    ] = None,
    num_retrieved: options.NumRetrieved = 500,
    index: Annotated[
        Literal["exact", "faiss"],
        typer.Option("--index", help="How to search: exactly, or approximately by faiss."),
    ] = "exact",
    for_spreadsheet: options.ForSpreadsheet = False,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Recommend the best candidates of the whole catalogue."""
    if bool(queries) + bool(input) + everyone != 1:
        raise typer.BadParameter("Give one of --query, --input and --all.")
    if bool(queries) == bool(output):
        raise typer.BadParameter("Give --output together with --input or --all.")
    if json and output:
        raise typer.BadParameter("--json is for --query; recommendations of files go to --output.")
    if for_spreadsheet and not output:
        raise typer.BadParameter("--for-spreadsheet is for --output.")
    from mtframework.cli.quiet import again_on_usual_backend, choose_numpy, start_keras

    on_numpy = bool(queries) and not plugin and choose_numpy()
    start_keras(debug)
    from mtframework.cli import output as results
    from mtframework.cli.batch import recommend_file, recommend_queries
    from mtframework.cli.finished_run import load_run
    from mtframework.cli.predicting import print_recommendations
    from mtframework.cli.rows import parse_row
    from mtframework.data.tables.table_writer import TableWriter
    from mtframework.serving.known_queries import known_queries
    from mtframework.serving.recommender import Recommender

    with again_on_usual_backend(on_numpy):
        opened = load_run(run, plugin, trust)
        model = opened.load_model()
        known = (*model.request_columns, model.schema.query_key)
        asked = [parse_row(query, known) for query in queries or ()]
        if task is None:
            recommender = Recommender(model, opened.load_fusion(), num_retrieved, index)
        else:
            recommender = Recommender.by_task(model, task)
        printer = results.console()
        found = []
        if output is None:
            found = print_recommendations(
                printer, run.name, recommender, asked, k, not include_seen
            )
    if output is None:
        results.write_json(json, found)
        return
    target = TableWriter(output, for_spreadsheet)
    if input is not None:
        some = recommend_file(recommender, input, target, k, not include_seen)
    else:
        some = recommend_queries(recommender, known_queries(model), target, k, not include_seen)
    printer.print(f"The recommendations are in {output}.")
    if index == "faiss":
        share = recommender.recall(some, k)
        printer.print(f"faiss found {share:.1%} of the best {k} that an exact search finds.")


COMMANDS = (recommend,)

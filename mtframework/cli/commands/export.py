"""`mtframework export`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


def export(
    run: options.RunFolder,
    folder: Annotated[
        Path, typer.Argument(help="A new folder.", metavar="DIR", show_default=False)
    ],
    num_retrieved: options.NumRetrieved = 500,
    query_embeddings: Annotated[
        bool,
        typer.Option(
            help="Write the embeddings of all known queries, which may need the run's data."
        ),
    ] = True,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    debug: options.Debug = False,
) -> None:
    """Write a trained model as a SavedModel that recommends, and its embeddings as Parquet."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.cli.finished_run import load_run
    from mtframework.errors import quoted_list
    from mtframework.serving.export import export as write
    from mtframework.serving.known_queries import event_columns, known_queries
    from mtframework.serving.recommender import Recommender

    opened = load_run(run, plugin, trust)
    model = opened.load_model()
    events = event_columns(model)
    wanted = query_embeddings and not events
    queries = known_queries(model) if wanted else None
    write(Recommender(model, opened.load_fusion(), num_retrieved), folder, queries)
    printer = output.console()
    printer.print(f"The SavedModel and the candidates' embeddings are in {folder}.")
    if events and query_embeddings:
        printer.print(
            f"Queries have no embeddings of their own: their towers read {quoted_list(events)}, "
            "which differ between events."
        )


COMMANDS = (export,)

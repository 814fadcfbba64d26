"""`mtframework recommend`."""

from typing import Annotated

import typer

from mtframework.cli import options


def recommend(
    run: options.RunFolder,
    queries: Annotated[
        list[str],
        typer.Option(
            "--query",
            help="Who asks, as name=value,name=value, such as user_id=42. Repeatable.",
            metavar="QUERY",
            show_default=False,
        ),
    ],
    k: options.K = 10,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Also recommend what the query has seen.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Whose scores to sort by; by default the first retrieval task.",
            show_default=False,
        ),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Recommend the best candidates of the whole catalogue."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.cli.predicting import print_recommendations
    from mtframework.cli.rows import parse_row
    from mtframework.cli.trained import load_run

    parsed = [parse_row(query) for query in queries]
    model = load_run(run, plugin).load_model()
    found = print_recommendations(
        output.console(), run.name, model, parsed, k, not include_seen, task
    )
    output.write_json(json, found)

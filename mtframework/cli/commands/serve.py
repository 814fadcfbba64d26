"""`mtframework serve`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


def serve(
    run: Annotated[
        Path,
        typer.Argument(
            help="The folder of a finished run, or of several: the newest is served.",
            metavar="RUN",
            show_default=False,
        ),
    ],
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on.", metavar="ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port.", min=0, max=65535)] = 8000,
    beside: Annotated[
        Path | None,
        typer.Option(
            "--beside",
            help="The run, or the folder of runs, of a second model, which answers a share of the "
            "queries. A query always gets the same model.",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            help="The share of queries that the model of --beside answers, from 0 to 1.",
            metavar="NUMBER",
            show_default="0.5",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", help="How many processes answer.", min=1)
    ] = 1,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            help="Take events, and append them to this file of JSON lines.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Answer a sample, print latency and memory, and exit."),
    ] = False,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    debug: options.Debug = False,
) -> None:
    """Serve a model over HTTP, with a page to try it.

    Requests must carry the token of MTFRAMEWORK_TOKEN, where that is set.
    """
    from mtframework.cli import served
    from mtframework.cli.errors import console
    from mtframework.cli.quiet import start_keras
    from mtframework.errors import MtframeworkError

    try:
        import uvicorn
    except ImportError as error:
        raise MtframeworkError(
            f"The packages of the service cannot be imported: {error}.",
            "FastAPI, uvicorn and prometheus-client.",
            "Run pip install 'mtframework[serve]'.",
        ) from error
    start_keras(debug)
    what = served.remember(run, beside, share, events, plugin, trust)
    served.load_parts(what)
    if check:
        from mtframework.cli.served_check import print_check

        print_check(what)
        return
    runs = " and ".join(map(str, what.folders))
    console().print(f"Serving {runs} at http://{host}:{port} (page) and /docs (interface).")
    uvicorn.run(
        "mtframework.cli.served:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="debug" if debug else "warning",
    )


COMMANDS = (serve,)

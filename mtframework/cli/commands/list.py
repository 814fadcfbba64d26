"""`mtframework list`."""

import enum
from typing import Annotated

import typer

from mtframework.cli import options
from mtframework.registry import REGISTRIES

Kind = enum.StrEnum("Kind", list(REGISTRIES))


def list_parts(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    plugin: options.Plugin = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """List the parts that an experiment can use: built-in, and of installed plugins."""
    from mtframework.cli.quiet import choose_numpy, run_again, start_keras

    on_numpy = not plugin and choose_numpy()
    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import tell

    failures = config.load_parts(None, plugin or ())
    if failures and on_numpy:
        run_again()
    for failure in failures:
        tell(failure)
    table = output.table("name", "in Gin", "owner", "arguments", "what it is", numbers_from=5)
    parts = [
        {
            "name": part.name,
            "class": part.cls.__name__,
            "owner": part.owner,
            "signature": part.signature,
            "summary": part.summary,
        }
        for part in REGISTRIES[kind]
    ]
    for part in parts:
        gin = f"@{part['class']}()"
        table.add_row(part["name"], gin, part["owner"], part["signature"], part["summary"])
    output.console().print(table)
    output.write_json(json, parts)


COMMANDS = (list_parts,)

"""The `mtframework` command.

A command is a file of `mtframework.cli.commands`, named as the command, with the functions that it
runs in `COMMANDS`. A file with a `GROUP`, a line of help, is a group of commands, such as `new`.
"""

import importlib
import pkgutil
import signal
import sys
from types import ModuleType

import typer

from mtframework.cli import commands
from mtframework.cli.errors import reported

app = typer.Typer(
    name="mtframework",
    help="Train and use recommenders that learn from several kinds of feedback at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def add_command(module: ModuleType, to: typer.Typer) -> None:
    """Adds what a module of the form above holds."""
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    if not hasattr(module, "GROUP"):
        [command] = module.COMMANDS
        to.command(name)(reported(command))
        return
    group = typer.Typer(help=module.GROUP, no_args_is_help=True)
    for command in module.COMMANDS:
        group.command()(reported(command))
    to.add_typer(group, name=name)


for found in pkgutil.iter_modules(commands.__path__):
    add_command(importlib.import_module(f"{commands.__name__}.{found.name}"), app)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        import mtframework

        typer.echo(mtframework.__version__)
        raise typer.Exit


def main() -> None:
    """Runs the command that the process was started with.

    SIGTERM and SIGHUP end it as Ctrl-C does: what is half written is removed.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None:
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    app()

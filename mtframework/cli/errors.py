"""Errors as a user of the command line reads them."""

import functools
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import typer

from mtframework.errors import MtframeworkError


def reported(command: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the command with every error told in one message, without a traceback.

    `--debug`, which the command must take, shows the traceback as well.
    """

    @functools.wraps(command)
    def run(*args, **kwargs):
        from mtframework.cli.quiet import quieten

        quieten()
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.BadParameter):
            raise
        except KeyboardInterrupt as interrupt:
            console().print(str(interrupt) or "Interrupted.", style="red")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # whoever read the output has seen enough
            raise typer.Exit(1) from None
        except Exception as error:
            if kwargs.get("debug"):
                traceback.print_exception(error)
            tell(error)
            raise typer.Exit(1) from None

    return run


def tell(error: Exception) -> None:
    """Prints an error to standard error: what was found, what was expected, how to fix it."""
    if isinstance(error, MtframeworkError):
        several = getattr(error, "findings", ())
        for each in several or (error,):
            tell_finding(each)
        return
    if isinstance(error, OSError) and error.filename is not None:
        unusable = MtframeworkError(
            f"{error.filename} cannot be used: {error.strerror}.",
            "A file or folder that can be read and written.",
            "Check the path, its permissions and the disk's free space.",
        )
        return tell_finding(unusable)
    printer = console()
    printer.print("Error: ", style="bold red", end="")
    printer.print(f"{type(error).__name__}: {error}")
    printer.print("  This error was not expected; --debug shows the traceback.", style="dim")


def tell_finding(finding: Any, debug: bool = False) -> None:
    """Prints what has `found`, `expected` and `fix`, and where it has them `location`, `level`.

    With `debug`, the traceback of its `cause` comes first, where it has one.
    """
    cause = getattr(finding, "cause", None)
    if debug and cause is not None:
        traceback.print_exception(cause)
    printer = console()
    warning = getattr(finding, "level", "error") == "warning"
    printer.print(
        "Warning: " if warning else "Error: ",
        style="bold yellow" if warning else "bold red",
        end="",
    )
    where = f"{finding.location}: " if hasattr(finding, "location") else ""
    # What was located when it was raised says so in `found` as well.
    printer.print(f"{where}{getattr(finding, 'unlocated', finding.found)}")
    for word in ("expected", "fix"):
        printer.print(f"  {word}: ", style="bold", end="")
        printer.print(getattr(finding, word))


def console():
    """Returns a console on standard error that prints texts as they are."""
    from mtframework.cli.output import PlainConsole

    return PlainConsole(stderr=True, markup=False, highlight=False, soft_wrap=True)


def tell_warnings(findings: Iterable[Any]) -> None:
    """Prints the findings that are no errors."""
    for finding in findings:
        if not finding.is_error:
            tell_finding(finding)

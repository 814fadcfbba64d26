"""`mtframework new task` and `mtframework new experiment`."""

import importlib.resources
import importlib.util
import keyword
import os
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mtframework.cli import options
from mtframework.errors import RunError

Name = Annotated[
    str,
    typer.Argument(
        help="Lower-case letters, digits and underscores: stay_time.", show_default=False
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--folder", help="Where to write.", metavar="DIR", show_default="here"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def task(
    name: Name,
    folder: Folder = Path("."),
    overwrite: Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Write a package with a task of your own: the task, its test, an experiment, a README."""
    _check_name(name)
    if not overwrite:
        _check_free(name, debug)
    root = folder / name.replace("_", "-")
    _write("task", root, _words(name), overwrite)
    typer.echo(f"Next: cd {root} && pip install --editable '.[dev]' && python -m pytest")


def experiment(
    name: Name,
    data: Annotated[
        str,
        typer.Option(
            "--data", help="Your log: CSV, JSON lines or Parquet.", metavar="FILE|DIR|PATTERN"
        ),
    ],
    candidates: Annotated[
        str | None,
        typer.Option(
            "--candidates",
            help="Your catalogue, one row for each candidate; by default those in the log.",
            metavar="FILE|DIR|PATTERN",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            help="Your rows to test on, with the columns of the log; by default a share of those.",
            metavar="FILE|DIR|PATTERN",
            show_default=False,
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", help="The query's key column.", show_default="by its name"),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(
            "--candidate", help="The column of what is recommended.", show_default="by its name"
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="A column of numbers to predict, in addition to those found by name. Repeatable.",
            show_default=False,
        ),
    ] = None,
    folder: Folder = Path("."),
    overwrite: Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Write an experiment on your own files, their columns guessed, for you to correct."""
    _check_name(name)
    from mtframework.cli.guessed_experiment import experiment_words
    from mtframework.data.tables.guessed_columns import check_has_columns, guess_columns

    guess = guess_columns(data, candidates, query, candidate, label or ())
    if test is not None:
        check_has_columns(guess, test, of_catalogue=candidates is not None)
    words = {**_words(name), **experiment_words(guess, data, candidates, test)}
    _write("experiment", folder, words, overwrite)
    for column, meaning in guess.columns.items():
        typer.echo(f"  {column}: {meaning}")
    typer.echo(f"Next: correct Tables.columns there, then mtframework check {folder / name}.gin")


def _words(name: str) -> dict[str, str]:
    """Returns what the templates call the new part."""
    import mtframework

    return {
        "name": name,
        "cls": "".join(word.capitalize() for word in name.split("_")),
        "distribution": name.replace("_", "-"),
        "version": mtframework.__version__,
    }


def _check_name(name: str) -> None:
    if not (name.isascii() and name.isidentifier() and name == name.lower()) or "__" in name:
        raise RunError(
            f'The name "{name}" cannot be that of a Python module.',
            "Lower-case letters, digits and single underscores, a letter first.",
            "Take a name such as stay_time.",
        )
    if name.startswith("_") or name.endswith("_") or keyword.iskeyword(name):
        raise RunError(
            f'The name "{name}" is a Python keyword, or begins or ends with an underscore.',
            "Another name.",
            f"Take a name such as my_{name.strip('_')}.",
        )


def _check_free(module: str, debug: bool) -> None:
    """Raises where a module or a task of that name would stand in the way."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework import config
    from mtframework.registry import REGISTRIES

    config.load_parts(None, ())
    installed = module in sys.stdlib_module_names or _is_installed(module)
    if installed or module in REGISTRIES["tasks"]:
        what = "module" if installed else "task"
        raise RunError(
            f'There is a {what} "{module}" already.',
            f"A name that no other {what} has.",
            f"Take a name such as my_{module}.",
        )


def _is_installed(module: str) -> bool:
    """Returns whether Python finds the module elsewhere than in the working directory."""
    found = importlib.util.find_spec(module)
    if found is None:
        return False
    places = [found.origin, *(found.submodule_search_locations or ())]
    return not any(Path(place).is_relative_to(Path.cwd()) for place in places if place)


def _write(template: str, root: Path, words: Mapping[str, str], overwrite: bool) -> None:
    """Writes a template's files, all or none; RunError where one exists or cannot be written."""
    files = {
        root / relative.replace("NAME", words["name"]): string.Template(text).substitute(words)
        for relative, text in _templates(template)
    }
    taken = [path for path in files if path.exists()]
    if taken and not overwrite:
        raise RunError(
            f"{taken[0]} exists.",
            "Nothing of that name; nothing was written.",
            "Take another name or --folder, or replace what is there with --overwrite.",
        )
    partial = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in files}
    try:
        try:
            for path, text in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                partial[path].write_text(text, "utf-8")
            for path, written in partial.items():
                written.replace(path)
        finally:
            for written in partial.values():
                written.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{error.filename or root} cannot be written: {error.strerror}.",
            "A folder that can be written.",
            "Name another --folder.",
        ) from error
    for path in files:
        typer.echo(f"wrote {path}")


def _templates(template: str) -> Iterator[tuple[str, str]]:
    """Gives the relative path and the text of every file of a template."""

    def below(folder: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if each.is_dir():
                yield from below(each, f"{prefix}{each.name}/")
            elif each.name.endswith(".template"):
                yield prefix + each.name.removesuffix(".template"), each.read_text("utf-8")

    yield from below(importlib.resources.files("mtframework") / "cli" / "templates" / template, "")


GROUP = "Write the files that a new task or experiment starts from."
COMMANDS = (task, experiment)

"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

SplitName = Literal["train", "validation", "test"]

Experiment = Annotated[
    Path, typer.Argument(help="A Gin file.", metavar="EXPERIMENT", show_default=False)
]
Experiments = Annotated[
    list[Path], typer.Argument(help="Gin files.", metavar="EXPERIMENT...", show_default=False)
]
RunFolder = Annotated[
    Path, typer.Argument(help="The folder of a finished run.", metavar="RUN", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A binding that overrides the file's, such as rating/Ranking.loss_weight=0.3. "
        "Repeatable.",
        metavar="BINDING",
        show_default=False,
    ),
]
Plugin = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        help="A Python file or module with your own parts. Repeatable.",
        metavar="FILE|MODULE",
        show_default=False,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Execute the Python that import lines name. Use it for code that you trust.",
    ),
]
ForSpreadsheet = Annotated[
    bool,
    typer.Option(
        "--for-spreadsheet",
        help="Put an apostrophe before texts in --output that a spreadsheet would run as formulas.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="The random seed: Experiment.seed.", show_default=False),
]
Split = Annotated[SplitName, typer.Option("--split", help="The rows to evaluate on.")]
K = Annotated[int, typer.Option("--k", help="How many candidates to recommend.", min=1)]
NumRetrieved = Annotated[
    int,
    typer.Option(
        "--num-retrieved",
        help="How many candidates the first retrieval task passes to the run's fusion.",
        min=1,
    ),
]
Run = Annotated[
    Path | None,
    typer.Option(
        "--run",
        help="The folder to write, by default runs/NAME; with several trainings, the folder to "
        "keep one of each in, by default none.",
        metavar="DIR",
        show_default=False,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json", help="Write the result to this file, too.", metavar="FILE", show_default=False
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def with_seed(bindings: list[str] | None, seed: int | None) -> list[str]:
    """Returns the bindings of `--set` and, where it is given, that of `--seed`."""
    return [*(bindings or ()), *([] if seed is None else [f"Experiment.seed = {seed}"])]

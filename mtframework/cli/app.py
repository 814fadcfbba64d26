"""The `mtframework` command."""

import typer

from mtframework.cli.check import check
from mtframework.cli.compare import compare
from mtframework.cli.data import prepare
from mtframework.cli.errors import reported
from mtframework.cli.evaluate import evaluate
from mtframework.cli.export import export
from mtframework.cli.import_tfrs import import_tfrs
from mtframework.cli.list import list_parts
from mtframework.cli.new import experiment, task
from mtframework.cli.predict import predict
from mtframework.cli.recommend import recommend
from mtframework.cli.show import show
from mtframework.cli.sweep import sweep
from mtframework.cli.train import train

app = typer.Typer(
    name="mtframework",
    help="Train and use recommenders that learn from several kinds of feedback at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (train, evaluate, compare, sweep, predict, recommend, export, show, check):
    app.command()(reported(command))
app.command("list")(reported(list_parts))
app.command("import-tfrs")(reported(import_tfrs))

data = typer.Typer(help="Get the data of the reference experiments.", no_args_is_help=True)
data.command()(reported(prepare))
app.add_typer(data, name="data")

new = typer.Typer(help="Write what a task or an experiment starts from.", no_args_is_help=True)
for command in (task, experiment):
    new.command()(reported(command))
app.add_typer(new, name="new")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        import mtframework

        typer.echo(mtframework.__version__)
        raise typer.Exit


def main() -> None:
    """Runs the command that the process was started with."""
    app()

"""`mtframework import-tfrs`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options

# What the imported model is, for an experiment to include that goes on with other data.
_CONFIGURATION = """\
# Imported from {source}.
#
# Must be set: Experiment.dataset, Experiment.optimizer.

Experiment.dataset = %gin.REQUIRED
Experiment.optimizer = %gin.REQUIRED

Experiment.model = @MultiTaskModel()
MultiTaskModel.towers = [@user/Tower(), @movie/Tower()]
MultiTaskModel.tasks = [@rating/Ranking(), @watch/Retrieval()]

user/Tower.features = [{query!r}]
user/Tower.embedding_dim = {dim}
movie/Tower.features = [{candidate!r}]
movie/Tower.embedding_dim = {dim}

rating/Ranking.label = {label!r}
rating/Ranking.hidden_units = {hidden_units}

watch/Retrieval.query = 'user'
watch/Retrieval.candidate = 'movie'
watch/Retrieval.reduction = 'sum'
watch/Retrieval.logq = False
"""


def import_tfrs(
    saved_model: Annotated[
        Path,
        typer.Argument(
            help="A folder that tf.saved_model.save wrote.",
            metavar="SAVED_MODEL",
            show_default=False,
        ),
    ],
    run: Annotated[
        Path,
        typer.Option("--run", help="The folder to write.", metavar="DIR", show_default=False),
    ],
    query_column: Annotated[
        str, typer.Option("--query-column", help="What the model calls its users' column.")
    ] = "user_id",
    candidate_column: Annotated[
        str, typer.Option("--candidate-column", help="What the model calls its movies' column.")
    ] = "movie_title",
    label: Annotated[str, typer.Option("--label", help="What to call the ratings' column.")] = (
        "user_rating"
    ),
    debug: options.Debug = False,
) -> None:
    """Turn a trained model of TensorFlow Recommenders' multi-task tutorial into a run folder."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.training.import_tfrs import import_tfrs as imported
    from mtframework.training.run import Run

    model = imported(saved_model, query_column, candidate_column, label)
    text = _CONFIGURATION.format(
        source=saved_model,
        query=query_column,
        candidate=candidate_column,
        label=label,
        dim=model.towers["user"].embedding_dim,
        hidden_units=list(model.tasks["rating"].hidden_units),
    )
    written = Run.create(run)
    written.write_config(text)
    written.save_model(model)
    users, movies = (model.vocabularies[name].size - 1 for name in (query_column, candidate_column))
    output.console().print(
        f"Imported {users} users and {movies} movies, and compared what both models predict; "
        f"the run is in {run}.",
        soft_wrap=True,
    )


COMMANDS = (import_tfrs,)

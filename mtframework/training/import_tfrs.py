"""A trained model of TensorFlow Recommenders as a `MultiTaskModel`."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.data.tfrs_saved_model import TfrsModel, read_tfrs_model
from mtframework.errors import ModelError
from mtframework.model.model import MultiTaskModel
from mtframework.schema.schema import Column, Schema
from mtframework.schema.vocabulary import Vocabulary
from mtframework.tasks.ranking import Ranking
from mtframework.tasks.retrieval import Retrieval
from mtframework.towers.tower import Tower

NUM_COMPARED = 200


def import_tfrs(
    path: str | os.PathLike,
    query_column: str = "user_id",
    candidate_column: str = "movie_title",
    label: str = "user_rating",
) -> MultiTaskModel:
    """Returns the trained model of TFRS's multi-task tutorial as a `MultiTaskModel`.

    The towers `user` and `movie` hold its embeddings and vocabularies, the task `rating` its dense
    layers, and the task `watch` scores by the inner product, as TFRS's `BruteForce` does. Before it
    is returned, embeddings and predicted ratings are compared with what the SavedModel gives.

    Its catalogue are the movies that the vocabulary knows. Who has seen which is not in the
    SavedModel: `recommend` leaves nothing out.

    Args:
        path: A folder that `tf.saved_model.save(model, folder)` wrote.
        query_column: What the model calls its users' column.
        candidate_column: What the model calls its movies' column.
        label: What to call the ratings' column.

    Raises:
        DataError: The folder is not a SavedModel of the tutorial's model.
        ModelError: The SavedModel computes something else from its parts.
    """
    folder = Path(path)
    tfrs = read_tfrs_model(folder, query_column, candidate_column)
    hidden_units = [bias.size for _, bias in tfrs.rating_layers[:-1]]
    dims = [tfrs.user_embeddings.shape[1], tfrs.movie_embeddings.shape[1]]
    model = MultiTaskModel(
        towers=[
            Tower("user", [query_column], dims[0]),
            Tower("movie", [candidate_column], dims[1]),
        ],
        tasks=[
            Ranking("rating", label, hidden_units=hidden_units),
            Retrieval("watch", query="user", candidate="movie", logq=False, reduction="sum"),
        ],
    )
    model.adapt(_dataset(tfrs, query_column, candidate_column, label))
    _check_shapes(tfrs, sum(dims), folder)
    for tower, embeddings in (("user", tfrs.user_embeddings), ("movie", tfrs.movie_embeddings)):
        [feature] = model.towers[tower].encoder.parts
        feature.embedding.embeddings.assign(embeddings)
    layers = model.tasks["rating"].head.layers
    for layer, (kernel, bias) in zip(layers, tfrs.rating_layers, strict=True):
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)
    _compare(model, tfrs, folder)
    return model


def _dataset(tfrs: TfrsModel, query: str, candidate: str, label: str) -> Dataset:
    # A data set has rows; the one here is of a user whom nobody knows, and so has been seen by
    # nobody.
    row = {
        query: np.array([Vocabulary.UNKNOWN]),
        candidate: tfrs.movies.known_values[:1],
        label: np.zeros(1, "float32"),
    }
    return Dataset(
        schema=Schema(
            (
                Column(query, "categorical", "query"),
                Column(candidate, "categorical", "candidate"),
                Column(label, "numeric", "label"),
            ),
            query_key=query,
            candidate_key=candidate,
        ),
        train=row,
        test=row,
        catalogue={candidate: tfrs.movies.known_values},
        vocabularies={query: tfrs.users, candidate: tfrs.movies},
        name="the imported vocabularies",
    )


def _check_shapes(tfrs: TfrsModel, inputs: int, folder: Path) -> None:
    sizes = [inputs, *(bias.size for _, bias in tfrs.rating_layers)]
    kernels = [kernel.shape for kernel, _ in tfrs.rating_layers]
    if kernels != list(pairwise(sizes)) or sizes[-1] != 1:
        raise ModelError(
            f"The rating_model of {folder} has kernels of the shapes {kernels}.",
            f"{inputs} inputs, the concatenated embeddings of user and movie, and 1 output.",
            "Only the tutorial's model can be imported; see docs/migrate_from_tfrs.md.",
        )


def _compare(model: MultiTaskModel, tfrs: TfrsModel, folder: Path) -> None:
    """Raises a `ModelError` where the SavedModel computes something else than the model."""
    query, candidate = model.feature_columns
    pairs = {
        column: np.array(
            [*values[np.linspace(0, len(values) - 1, NUM_COMPARED).astype(int)], Vocabulary.UNKNOWN]
        )
        for column, values in (
            (query, tfrs.users.known_values),
            (candidate, tfrs.movies.known_values),
        )
    }
    scores, embeddings = model.predict_and_embed(model.encode(pairs), verbose=0)
    ours = [embeddings["user"], embeddings["movie"], scores["rating"][:, None]]
    theirs = tfrs.outputs(pairs[query], pairs[candidate])
    if [each.shape for each in ours] != [each.shape for each in theirs]:
        raise ModelError(
            f"The model of {folder} gives outputs of the shapes {[x.shape for x in theirs]}.",
            f"The embeddings of user and movie and the rating, {[x.shape for x in ours]}.",
            "Only the tutorial's model can be imported; see docs/migrate_from_tfrs.md.",
        )
    for what, here, there in zip(("user", "movie", "rating"), ours, theirs, strict=True):
        wrong = ~np.isclose(here, there, rtol=1e-3, atol=1e-4).all(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ModelError(
                f"The {what} of {query}={pairs[query][row]}, {candidate}={pairs[candidate][row]} "
                f"is {here[row, 0]:g} here and {there[row, 0]:g} by the SavedModel of {folder}.",
                "The tutorial's model: embeddings as they are, ReLU layers, one linear output.",
                "Only the tutorial's model can be imported; see docs/migrate_from_tfrs.md.",
            )

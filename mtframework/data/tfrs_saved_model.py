"""What the multi-task tutorial of TensorFlow Recommenders (TFRS) trains, read from its SavedModel.

TFRS itself and its Keras 2 are not needed to read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.schema.vocabulary import Vocabulary

_TUTORIAL = (
    "The tutorial's MovielensModel: user_model and movie_model are a StringLookup with "
    "mask_token=None and an Embedding, rating_model is Dense layers."
)
_MEND = "Compare the model's __init__ with docs/migrate_from_tfrs.md, and save it again."


@dataclass(frozen=True)
class TfrsModel:
    """The parts of a trained tutorial model.

    Args:
        users: The vocabulary of `user_model`.
        user_embeddings: `[users.size, dim]` float32, the unknown user first.
        movies: The vocabulary of `movie_model`.
        movie_embeddings: `[movies.size, dim]` float32, the unknown movie first.
        rating_layers: Kernel `[inputs, units]` and bias `[units]` of each layer of `rating_model`.
        outputs: What the SavedModel itself gives for users and movies, each `[num_rows]`: the
            embeddings of both, `[num_rows, dim]`, and the ratings, `[num_rows, 1]`.
    """

    users: Vocabulary
    user_embeddings: np.ndarray
    movies: Vocabulary
    movie_embeddings: np.ndarray
    rating_layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    outputs: Callable[[np.ndarray, np.ndarray], list[np.ndarray]]


def read_tfrs_model(folder: Path, query_column: str, candidate_column: str) -> TfrsModel:
    """Reads a SavedModel that `tf.saved_model.save` or Keras 2's `model.save` wrote.

    Args:
        folder: The SavedModel.
        query_column: What the model calls its users' column.
        candidate_column: What the model calls its movies' column.

    Raises:
        DataError: There is no SavedModel, or none of the tutorial's model, or no TensorFlow.
    """
    saved = _load(folder)
    users, user_embeddings = _embedding_of(saved, "user_model", folder)
    movies, movie_embeddings = _embedding_of(saved, "movie_model", folder)

    def outputs(queries: np.ndarray, candidates: np.ndarray) -> list[np.ndarray]:
        return _outputs(saved, {query_column: queries, candidate_column: candidates}, folder)

    return TfrsModel(
        users,
        user_embeddings,
        movies,
        movie_embeddings,
        tuple(_dense_layers(saved, "rating_model", folder)),
        outputs,
    )


def _load(folder: Path) -> Any:
    if not (folder / "saved_model.pb").is_file():
        raise DataError(
            f"{folder} is not a SavedModel: it has no saved_model.pb.",
            "A folder that tf.saved_model.save(model, folder) wrote.",
            "Check the path; weights or a checkpoint alone hold no vocabularies.",
        )
    try:
        import tensorflow as tf

        return tf.saved_model.load(str(folder))
    except ImportError as error:
        raise DataError(
            f"A SavedModel is read with TensorFlow, which cannot be imported: {error}",
            "TensorFlow, in addition to the backend of Keras.",
            "Run: pip install tensorflow",
        ) from error
    except Exception as error:  # TensorFlow raises whatever the damage leads to
        raise DataError(
            f"{folder} cannot be read: {type(error).__name__}: {error}",
            "A complete SavedModel.",
            "Save the model again.",
        ) from error


def _layers(saved: Any, name: str, folder: Path) -> list[Any]:
    """Returns the layers of a Sequential that is an attribute of the saved model."""
    part, layers = getattr(saved, name, None), []
    while (layer := getattr(part, f"layer-{len(layers)}", None)) is not None:
        layers.append(layer)
    if not layers:
        raise DataError(
            f"The model of {folder} has no {name} that is a Sequential of layers.",
            _TUTORIAL,
            _MEND,
        )
    return layers


def _embedding_of(saved: Any, name: str, folder: Path) -> tuple[Vocabulary, np.ndarray]:
    import tensorflow as tf

    layers = _layers(saved, name, folder)
    try:
        lookup, embedding = layers
        table, embeddings = lookup.lookup_table, embedding.embeddings.numpy()
        keys, ids = tf.raw_ops.LookupTableExportV2(
            table_handle=table.resource_handle, Tkeys=tf.string, Tvalues=tf.int64
        )
    except (AttributeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise DataError(
            f"The {name} of {folder} is no StringLookup followed by an Embedding.",
            _TUTORIAL,
            _MEND,
        ) from error
    keys, ids = keys.numpy(), ids.numpy()
    order = np.argsort(ids)
    vocabulary = Vocabulary(keys[order])
    in_order = np.array_equal(ids[order], np.arange(1, vocabulary.size))
    if not in_order or len(embeddings) != vocabulary.size:
        raise DataError(
            f"The {name} of {folder} looks up {len(order)} values, with ids from "
            f"{ids[order][0]} to {ids[order][-1]}, in {len(embeddings)} embeddings.",
            "Ids from 1, and one more embedding than values: id 0 stands for everything unknown.",
            "Make the StringLookup with mask_token=None and one out-of-vocabulary index, as the "
            "tutorial does, and train again.",
        )
    return vocabulary, embeddings


def _dense_layers(saved: Any, name: str, folder: Path):
    for number, layer in enumerate(_layers(saved, name, folder)):
        kernel, bias = getattr(layer, "kernel", None), getattr(layer, "bias", None)
        if kernel is None or bias is None:
            raise DataError(
                f"Layer {number} of the {name} of {folder} has no kernel and bias.",
                _TUTORIAL,
                _MEND,
            )
        yield kernel.numpy(), bias.numpy()


def _outputs(saved: Any, features: dict[str, np.ndarray], folder: Path) -> list[np.ndarray]:
    import tensorflow as tf

    signature = getattr(saved, "signatures", {}).get("serving_default")
    names = sorted(signature.structured_input_signature[1]) if signature else []
    for name in features:
        if name not in names:
            raise DataError(
                f'The model of {folder} reads no column "{name}".{did_you_mean(name, names)}',
                f"One of {quoted_list(names)}.",
                "Name the model's own columns: --query-column and --candidate-column, or the "
                "arguments of import_tfrs.",
            )
    outputs = tf.nest.flatten(
        saved({name: tf.constant(values.tolist()) for name, values in features.items()})
    )
    return [output.numpy() for output in outputs]

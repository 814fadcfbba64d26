"""Embeddings that were trained elsewhere, by id, from a file."""

import warnings

import numpy as np

from mtframework.errors import MtframeworkWarning
from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature
from mtframework.schema.vector_files import read_vectors


@register_feature("pretrained")
class Pretrained(Feature):
    """The vector that a file gives a row's category.

    The file is read once, in `adapt`; from then on the vectors are weights of the model, which is
    saved and served without the file. Categories that it lacks, and those never seen in training,
    have zeros, which you are told of. Vectors that the data themselves hold, a row each, are read
    by `Vector`.

    Args:
        column: A categorical column, such as a key.
        file: A Parquet file with one column of ids and one of lists of numbers, as
            `mtframework.export` writes of a tower, or an `.npz` file with the arrays `ids` and
            `vectors`. Relative paths start at the working directory.
        embedding_dim: How many numbers a vector has; None for the tower's.
        fine_tune: Whether the vectors go on learning.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> from mtframework.schema.vocabulary import Vocabulary
    >>> np.savez("films.npz", ids=["Heat", "Up"], vectors=[[1.0, 2.0], [3.0, 4.0]])
    >>> films = Vocabulary(["Heat", "Up"])
    >>> feature = Pretrained("film", file="films.npz", embedding_dim=2)
    >>> feature.build(films.size, 32)
    >>> feature.adapt(np.array([1, 2]), films)
    >>> ops.convert_to_numpy(feature(np.array([2, 0]))).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """

    reads = ("categorical",)

    def __init__(
        self,
        column: str,
        file: str = "",
        embedding_dim: int | None = None,
        fine_tune: bool = False,
        dtype: Policy = None,
    ):
        super().__init__(column, dtype)
        if not isinstance(file, str) or not file:
            raise self.wrong("file", file, "The path of a Parquet or .npz file.")
        if not isinstance(fine_tune, bool):
            raise self.wrong("fine_tune", fine_tune, "True or False.")
        self.file = file
        self.embedding_dim = self.checked_dim(embedding_dim)
        self.fine_tune = fine_tune

    def build(self, num_ids, embedding_dim):
        self.add_embedding(num_ids, self.embedding_dim or embedding_dim)
        assert self.embedding is not None
        self.embedding.trainable = self.fine_tune

    @property
    def weights_by_id(self):
        assert self.embedding is not None
        return (self.embedding.embeddings,)

    def adapt(self, values, vocabulary):
        assert self.embedding is not None
        texts, vectors = read_vectors(self.file, self.units)
        ids = vocabulary.ids(texts)
        weight = self.embedding.embeddings
        rows = np.zeros(weight.shape, "float32")
        rows[ids[ids > 0]] = vectors[ids > 0]
        weight.assign(rows)
        num_known = vocabulary.size - 1
        num_without = num_known - len(np.unique(ids[ids > 0]))
        if num_without:
            warnings.warn(
                f'{num_without:,} of {num_known:,} values of "{self.column}" have no vector in '
                f"{self.file}, and zeros in its place.",
                MtframeworkWarning,
                stacklevel=2,
            )

    def call(self, values):
        """Returns the vectors, `[batch, units]`, of ids, `[batch]`."""
        assert self.embedding is not None
        return self.embedding(values)

    def squared_length(self, values):
        """Returns the squared length of each row's vector, `[batch]`; None of one that is fixed."""
        return super().squared_length(values) if self.fine_tune else None

    def get_config(self):
        return {
            **super().get_config(),
            "file": self.file,
            "embedding_dim": self.embedding_dim,
            "fine_tune": self.fine_tune,
        }

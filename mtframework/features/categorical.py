"""Categories to embeddings."""

from typing import Literal

from keras import ops

from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("categorical")
class Categorical(Feature):
    """The embedding of a row's category, or of all its categories together.

    A column of one category a row gives `table[id]`. A multi-valued column, such as the genres of
    a film, gives the mean or the sum of the embeddings of its known categories, and zeros where
    it has none. A tower that is given a column's plain name reads it like this.

    Args:
        column: A categorical or multi-categorical column.
        embedding_dim: The size of the embedding; None for the tower's.
        combiner: How several categories become one vector.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Example:

    >>> genres = Categorical("genres", embedding_dim=4)
    >>> genres.build(10, 32)
    >>> tuple(genres(np.array([[3, 7, 0], [1, 0, 0]])).shape)  # 0 is not a category
    (2, 4)
    """

    reads = ("categorical", "multi_categorical")

    def __init__(
        self,
        column: str,
        embedding_dim: int | None = None,
        combiner: Literal["mean", "sum"] = "mean",
        dtype: Policy = None,
    ):
        super().__init__(column, dtype)
        if combiner not in ("mean", "sum"):
            raise self.wrong("combiner", combiner, 'One of "mean", "sum".')
        self.embedding_dim = self.checked_dim(embedding_dim)
        self.combiner = combiner

    def build(self, num_ids, embedding_dim):
        assert num_ids is not None
        self.add_embedding(num_ids, self.embedding_dim or embedding_dim)

    @property
    def weights_by_id(self):
        assert self.embedding is not None
        return (self.embedding.embeddings,)

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of ids, `[batch]` or `[batch, width]`."""
        assert self.embedding is not None
        vectors = self.embedding(values)
        if len(values.shape) == 1:
            return vectors
        known = ops.expand_dims(ops.cast(values > 0, vectors.dtype), -1)
        total = ops.sum(vectors * known, axis=1)
        if self.combiner == "sum":
            return total
        return total / ops.maximum(ops.sum(known, axis=1), 1)

    def get_config(self):
        return {
            **super().get_config(),
            "embedding_dim": self.embedding_dim,
            "combiner": self.combiner,
        }

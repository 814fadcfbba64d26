"""An embedding table."""

import keras

from mtframework.embeddings.backend import rows_of_backend
from mtframework.embeddings.spread import rows_of_new_table


class Table(keras.layers.Embedding):
    """An embedding whose gradient can be that of the rows that were looked up.

    It is `keras.layers.Embedding`, with the same weight under the same name, until a model's
    optimizer sets `row_wise`. From then on a training step hands the optimizer one gradient for
    each row that was looked up, in place of one for the whole table.

    Args:
        num_rows: How many rows the table has.
        dim: The size of a row.
        name: The layer's name.

    Example:

    >>> table = Table(1000, 4)
    >>> tuple(table(np.array([[3, 7], [3, 0]])).shape)
    (2, 2, 4)
    """

    def __init__(self, num_rows: int, dim: int, name: str | None = None):
        super().__init__(num_rows, dim, name=name)
        self.row_wise = False

    def build(self, input_shape=None):
        if self.built:
            return
        with rows_of_new_table(self.input_dim) as num_rows:
            self._embeddings = self.add_weight(
                shape=(num_rows, self.output_dim),
                initializer=self.embeddings_initializer,
                name="embeddings",
            )
        self.built = True

    def call(self, inputs):
        """Returns the rows of ids, `[..., dim]` of ids `[...]`."""
        if not self.row_wise:
            return super().call(inputs)
        rows = rows_of_backend().look_up(self._embeddings, keras.ops.cast(inputs, "int32"))
        return keras.ops.cast(rows, self.compute_dtype)

    @property
    def embeddings(self):
        """The whole table, `[num_rows, dim]`."""
        if self.row_wise:
            rows_of_backend().refuse_whole(self._embeddings)
        return super().embeddings

    def get_config(self):
        return {"num_rows": self.input_dim, "dim": self.output_dim, "name": self.name}

"""Encoded columns in batches, as Keras reads them."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from mtframework.arguments import is_whole_number, wrong_argument
from mtframework.errors import DataError, MtframeworkError, did_you_mean, quoted_list


class Batches(keras.utils.PyDataset):
    """Gives `(features, labels, sample_weights)`, each a dict of columns, in shuffled batches.

    Ids were looked up when the columns were encoded; a batch is nothing but a gather, one a
    column. The rows are reshuffled each epoch, from `seed` alone.

    What went wrong while reading would be in `error`, as with streamed rows; here nothing can.

    Args:
        columns: Encoded columns, `{name: [num_rows]}`, as `Dataset.encode` gives them.
        features: The columns of the features.
        labels: The columns of the labels.
        sample_weights: The columns of the rows' weights.
        batch_size: How many rows a batch has; the last one may have fewer.
        shuffle: Whether to shuffle.
        seed: What the order follows from.

    Example:

    >>> columns = {"user": np.arange(5), "rating": np.ones(5, "float32")}
    >>> batches = Batches(columns, ["user"], ["rating"], batch_size=2, shuffle=False)
    >>> len(batches)
    3
    >>> features, labels = batches[2]
    >>> features["user"]
    array([4])
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        features: Sequence[str],
        labels: Sequence[str] = (),
        sample_weights: Sequence[str] = (),
        batch_size: int = 1024,
        shuffle: bool = True,
        seed: int = 0,
    ):
        super().__init__()
        self.error: MtframeworkError | None = None
        named = {"features": features, "labels": labels, "sample_weights": sample_weights}
        for argument, names in named.items():
            if isinstance(names, str) or not isinstance(names, Sequence):
                raise wrong_argument("Batches", argument, names, "A list of columns.")
        for name in (*features, *labels, *sample_weights):
            if name not in columns:
                raise DataError(
                    f'There is no column "{name}".{did_you_mean(name, columns)}',
                    f"One of {quoted_list(columns)}.",
                    "Correct the name, or add the column to the data.",
                )
        self.parts = [
            {name: np.ascontiguousarray(columns[name]) for name in names}
            for names in (features, labels, sample_weights)
        ]
        self.num_rows = len(columns[features[0]])
        self.batch_size = check_batch_size(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.go_to(1)

    def __len__(self) -> int:
        return -(-self.num_rows // self.batch_size)

    def __getitem__(self, index: int):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return as_keras_batch(
            *({name: values[rows] for name, values in part.items()} for part in self.parts)
        )

    def on_epoch_end(self) -> None:
        self.position += 1
        if self.shuffle:
            self.generator.shuffle(self.order)

    def go_to(self, position: int) -> None:
        """Puts the rows into the order that they had when `position` was what is given."""
        self.position = 0  # how often the rows were shuffled
        self.generator = np.random.default_rng(self.seed)
        self.order = np.arange(self.num_rows)
        while self.position < position:
            self.on_epoch_end()


def as_keras_batch(features: dict, labels: dict, sample_weights: dict) -> tuple:
    """Returns a batch as Keras reads it: what is empty is left out at the end, None before it."""
    if sample_weights:
        return features or None, labels or None, sample_weights
    return (features, labels) if labels else (features,)


def check_batch_size(batch_size: int) -> int:
    """Returns the number, and raises a `DataError` where it is not a number of rows."""
    if not is_whole_number(batch_size) or batch_size < 1:
        raise DataError(
            f"batch_size is {batch_size!r}.", "A whole number of at least 1.", "Correct batch_size."
        )
    return batch_size

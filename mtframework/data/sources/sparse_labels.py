"""A data set most of whose labels are hidden, to see what a task learns from few."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.registry import register_dataset
from mtframework.schema.encoding import as_numbers


@register_dataset("sparse_labels")
class SparseLabels(DatasetSource):
    """Another data set with a share of one label's training values kept and the others missing.

    Every row stays, so that tasks that read other columns, or no label, learn from all of them.
    Validation and test rows keep all their labels. With one seed, the rows of a smaller share are
    among those of a larger one.

    Args:
        dataset: The data set.
        column: The label's column.
        share: The share of the training rows with a label that keep it, above 0 and at most 1;
            rounded up to whole rows.
        seed: The seed of the draw.

    Raises:
        DataError: The share is out of range, or the column is not a numeric label.

    Example:

    >>> source = SparseLabels(mtf.MovieLens100K(), "user_rating", share=0.1)
    >>> source.schema.names("label")
    ('user_rating',)
    """

    def __init__(self, dataset: DatasetSource, column: str, share: float = 0.1, seed: int = 0):
        labels = dataset.schema.names("label")
        if column not in labels:
            raise DataError(
                f'SparseLabels.column is "{column}".{did_you_mean(column, labels)}',
                f"A label: one of {quoted_list(labels)}.",
                "Correct the name.",
            )
        if dataset.schema[column].kind != "numeric":
            raise DataError(
                f'The label "{column}" is categorical, and SparseLabels hides numbers.',
                "A numeric label.",
                "Name another column, or declare it numeric.",
            )
        if isinstance(share, bool) or not 0 < share <= 1:
            raise DataError(
                f"SparseLabels.share is {share!r}.",
                "A number above 0 and at most 1.",
                "Give a share such as 0.1.",
            )
        self.schema = dataset.schema
        self.dataset = dataset
        self.column = column
        self.share = share
        self.seed = seed

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set with labels of the training rows set to NaN."""
        whole = self.dataset.load(progress)
        labels = as_numbers(self.column, whole.train[self.column]).astype("float32")
        labelled = np.flatnonzero(~np.isnan(labels))
        order = np.random.default_rng(self.seed).permutation(labelled)
        num_kept = math.ceil(round(self.share * len(labelled), 6))
        labels[order[num_kept:]] = np.nan
        train = {**whole.train, self.column: labels}
        return replace(whole, train=train, name=f"{whole.name} with {self.share:.0%} of its labels")

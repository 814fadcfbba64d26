"""What the queries of rows did before these rows, where the order of the data tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mtframework.data.dataset import Dataset
from mtframework.data.histories import histories_of, is_order_known
from mtframework.evaluation.counted_rows import rows_that_count
from mtframework.model.model import MultiTaskModel
from mtframework.schema.runs import offsets_of_runs, places_of_runs
from mtframework.tasks.task import Task


@dataclass(frozen=True)
class Before:
    """The events before each row of a split, whichever split they are in.

    Args:
        columns: What the events are, encoded: `{name: [num_events]}`.
        rows: The candidate of each event as a row of the catalogue; -1 where it has none.
        is_left_out: Which events are left out as seen, beside the training rows: those of an
            earlier split, where the data say that their rows stand in the order of time.
        starts: Where the events before each row begin: `[num_rows]`.
        ends: Where they end.
    """

    columns: Mapping[str, np.ndarray]
    rows: np.ndarray
    is_left_out: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, model: MultiTaskModel, dataset: Dataset, split: str) -> "Before | None":
        """Returns what came before the rows of a split; None where only training rows are known.

        Those are all that is known in training, and where a row that is held out may be earlier
        than one that is kept, as after a random split.
        """
        if split == "train" or not is_order_known(dataset):
            return None
        key = model.catalogue.key
        names = dict.fromkeys(
            name
            for task in model.tasks.values()
            for name in (task.label, task.sample_weight, *task.seen_labels)
            if name is not None
        )
        vocabularies = {**dataset.vocabularies, **model.vocabularies}
        found = histories_of(dataset, split, (key, *names), None, vocabularies)
        if found.known == "others":
            return None
        ids = found.columns[key]
        num_ids = max(model.vocabularies[key].size, int(ids.max(initial=0)) + 1)
        rows = model.catalogue.row_of_each_id(num_ids)[ids]
        is_left_out = ~found.is_of_split & dataset.rows_in_order
        return cls(found.columns, rows, is_left_out, found.starts, found.ends)

    def seen(self, task: Task, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the candidates that count as seen before each of some rows, in earlier splits.

        Those of the split itself compete with each other, so that the rows of a query can be judged
        together.

        Args:
            task: The task that says what counts.
            chosen: The rows: `[num_rows]` bool, or their numbers.

        Returns:
            The offsets, one more than there are rows chosen, and the rows of the catalogue.
        """
        counts = task.seen_rows(self.columns)
        counts = self.is_left_out if counts is None else counts & self.is_left_out
        return self._those(counts, chosen)

    def positives(self, tasks: Sequence[Task], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the candidates that were positives of one of the tasks, as `seen` does."""
        masks = [rows_that_count(task, self.columns)[0] for task in tasks]
        return self._those(np.any(masks, axis=0), chosen)

    def _those(self, counts: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = counts & (self.rows >= 0)
        before = np.concatenate([[0], np.cumsum(counts)])
        kept = self.rows[counts]
        starts, ends = before[self.starts[chosen]], before[self.ends[chosen]]
        return offsets_of_runs(ends - starts), kept[places_of_runs(starts, ends - starts)]


def joined(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the runs of two lists of them, run by run.

    >>> runs = joined((np.array([0, 1]), np.array([7])), (np.array([0, 2]), np.array([8, 9])))
    >>> [each.tolist() for each in runs]
    [[0, 3], [7, 8, 9]]
    """
    owners = np.concatenate(
        [np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)) for offsets, _ in (one, other)]
    )
    rows = np.concatenate([one[1], other[1]])
    return one[0] + other[0], rows[np.argsort(owners, kind="stable")]

"""A data set of one text file: a line is a user and what it took, in order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mtframework.data.dataset import Dataset, DatasetSource, print_to_stderr
from mtframework.data.tables.item_lists import read_item_lists
from mtframework.errors import DataError
from mtframework.registry import register_dataset
from mtframework.schema.runs import begins_of_runs
from mtframework.schema.schema import Column, Schema


@register_dataset("sequence_file")
class SequenceFile(DatasetSource):
    """Users and the items that each took, in the order of time, from a text file.

    A line is a user and its items, white space between them, as the files have that papers on
    sequential recommendation publish. The last item of a user is for the test, the one before it
    for the validation, the rest to learn from; of a user with fewer than three items all are
    learned from. There are no times: the order says what came before what.

    Args:
        path: The file, perhaps compressed (`.gz`, `.bz2`, `.zst`). A relative path starts at the
            working directory.

    Example:

    >>> SequenceFile("Beauty.txt").schema.candidate_key
    'item_id'
    """

    schema = Schema(
        columns=(
            Column("user_id", "categorical", "query"),
            Column("item_id", "categorical", "candidate"),
        ),
        query_key="user_id",
        candidate_key="item_id",
    )

    def __init__(self, path: str = ""):
        if not isinstance(path, str) or not path:
            raise DataError(
                f"SequenceFile.path is {path!r}.",
                "The path of a text file: a line is a user and its items.",
                "Set SequenceFile.path.",
            )
        self.path = path

    @property
    def holds_out_validation(self) -> bool:
        """Always: the last but one item of each user."""
        return True

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set.

        Raises:
            DataError: The file cannot be had, a line is not a user and items, or no user has three.
        """
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(
                f"There is no file {self.path}.",
                "A text file: a line is a user and its items.",
                f"Correct SequenceFile.path; a relative one starts at {Path.cwd()}.",
            )
        users, items = read_item_lists(path)
        ends = np.append(begins_of_runs(users)[1:], len(users))
        counts = np.diff(ends, prepend=0)
        left = np.repeat(ends, counts) - np.arange(len(users))
        is_long = np.repeat(counts >= 3, counts)
        if not is_long.any():
            raise DataError(
                f"No user of {self.path} has three items.",
                "Users with three items or more: to learn from, for validation and for the test.",
                "Use another file.",
            )
        is_test, is_validation = is_long & (left == 1), is_long & (left == 2)
        catalogue = np.unique(items)
        say = progress or print_to_stderr
        say(
            f"{path.name}: {len(users):,} events of {len(counts):,} users with "
            f"{len(catalogue):,} items; {is_test.sum():,} users are tested on their last one."
        )

        def rows(chosen: np.ndarray) -> dict[str, np.ndarray]:
            return {"user_id": users[chosen], "item_id": items[chosen]}

        return Dataset(
            schema=self.schema,
            train=rows(~(is_test | is_validation)),
            validation=rows(is_validation),
            test=rows(is_test),
            catalogue={"item_id": catalogue},
            name=path.name,
            rows_in_order=True,
        )

    def fingerprint(self) -> str:
        """Returns what changes with the file."""
        stat = Path(self.path).expanduser().stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"

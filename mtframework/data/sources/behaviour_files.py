"""A data set of several text files, one for each kind of behaviour: a line is a user and items."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mtframework.data.dataset import Dataset, DatasetSource, print_to_stderr
from mtframework.data.splits import check_held_out_share, hold_out_last_of_each
from mtframework.data.tables.item_lists import read_item_lists
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.registry import register_dataset
from mtframework.schema.schema import Column, Schema
from mtframework.schema.texts import distinct_texts

Pairs = np.ndarray


@register_dataset("behaviour_files")
class BehaviourFiles(DatasetSource):
    """Users and the items that each bought, carted or viewed, a text file for each behaviour.

    In each file a line is a user and its items, white space between them, without times: the files
    that papers on several kinds of feedback publish. A row is a distinct pair of a user and an
    item; each behaviour is a label, 1 where the pair stands in its file and 0 elsewhere. The test
    rows are pairs of the behaviour `target` from a file of their own.

    Two questions may be asked of the same files. **As published**, what else a user did with a test
    item stays in the training rows: will they buy what lies in the cart? With `discovery=True` it
    is taken out: what else will they buy?

    Args:
        path: The folder of the files.
        behaviours: Each behaviour's file, by the label that it becomes.
        target: The behaviour that is tested.
        test: The file of its held-out pairs.
        discovery: Whether training rows lose every pair that is held out.
        validation_fraction: The share of the users of two training pairs of `target` or more one of
            which, drawn at random, is held out for the validation.
        seed: The seed of the draw.

    Example:

    >>> source = BehaviourFiles("Taobao", {"buy": "train.txt", "cart": "cart.txt"}, target="buy")
    >>> source.schema.names("label")
    ('buy', 'cart')
    """

    def __init__(
        self,
        path: str = "",
        behaviours: Mapping[str, str] | None = None,
        target: str = "",
        test: str = "test.txt",
        discovery: bool = False,
        validation_fraction: float = 0.0,
        seed: int = 0,
    ):
        if not isinstance(path, str) or not path:
            raise DataError(
                f"BehaviourFiles.path is {path!r}.",
                "The folder of the files.",
                "Set BehaviourFiles.path.",
            )
        if not isinstance(behaviours, Mapping) or not behaviours:
            raise DataError(
                f"BehaviourFiles.behaviours is {behaviours!r}.",
                "A file for each behaviour, such as {'buy': 'train.txt', 'cart': 'cart.txt'}.",
                "Set BehaviourFiles.behaviours.",
            )
        if target not in behaviours:
            raise DataError(
                f'BehaviourFiles.target is "{target}".{did_you_mean(str(target), behaviours)}',
                f"One of the behaviours: {quoted_list(behaviours)}.",
                "Set BehaviourFiles.target to the behaviour that is tested.",
            )
        check_held_out_share("BehaviourFiles.validation_fraction", validation_fraction, True)
        self.path = path
        self.behaviours = dict(behaviours)
        self.target = target
        self.test = test
        self.discovery = discovery
        self.validation_fraction = validation_fraction
        self.seed = seed
        self.schema = Schema(
            columns=(
                Column("user_id", "categorical", "query"),
                Column("item_id", "categorical", "candidate"),
                *(Column(name, "numeric", "label") for name in self.behaviours),
            ),
            query_key="user_id",
            candidate_key="item_id",
        )

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set.

        Raises:
            DataError: A file cannot be had, a line is not a user and items, or a test pair is a
                training pair of its behaviour.
        """
        read = [
            read_item_lists(self._file(name)) for name in (*self.behaviours.values(), self.test)
        ]
        users, user_of = distinct_texts(np.concatenate([each for each, _ in read]))
        items, item_of = distinct_texts(np.concatenate([each for _, each in read]))
        pairs = user_of.astype("int64") * len(items) + item_of
        ends = np.cumsum([len(each) for each, _ in read])
        *parts, test = (np.unique(each) for each in np.split(pairs, ends[:-1]))
        did: dict[str, Pairs] = dict(zip(self.behaviours, parts, strict=True))
        again = np.isin(test, did[self.target])
        if again.any():
            user, item = divmod(int(test[again][0]), len(items))
            raise DataError(
                f"{again.sum():,} of {len(test):,} pairs of {self.test} stand in "
                f'{self.behaviours[self.target]}, too; the first is "{users[user]}" and '
                f'"{items[item]}".',
                "Pairs that are held out.",
                "Take them out of one of the two files.",
            )
        validation = self._drawn(did[self.target], len(items))
        learned = dict(did)
        learned[self.target] = np.setdiff1d(did[self.target], validation, assume_unique=True)
        if self.discovery:
            held_out = np.concatenate([test, validation])
            learned = {name: each[~np.isin(each, held_out)] for name, each in learned.items()}
        say = progress or print_to_stderr
        counts = ", ".join(f"{len(each):,} × {name}" for name, each in learned.items())
        say(
            f"{Path(self.path).name}: {counts} of {len(users):,} users and {len(items):,} items; "
            f"{len(test):,} × {self.target} to test on."
        )

        def rows(chosen: Pairs, known: Mapping[str, Pairs]) -> dict[str, np.ndarray]:
            user, item = np.divmod(chosen, len(items))
            labels = {name: np.isin(chosen, each).astype("float32") for name, each in known.items()}
            return {"user_id": users[user], "item_id": items[item], **labels}

        return Dataset(
            schema=self.schema,
            train=rows(np.unique(np.concatenate(list(learned.values()))), learned),
            validation=rows(validation, {**learned, self.target: did[self.target]}),
            test=rows(test, {**learned, self.target: test}),
            catalogue={"item_id": items},
            name=Path(self.path).name,
        )

    def fingerprint(self) -> str:
        """Returns what changes with the files."""
        stats = [self._file(name).stat() for name in (*self.behaviours.values(), self.test)]
        return "\n".join(f"{each.st_size} {each.st_mtime_ns}" for each in stats)

    def _drawn(self, pairs: Pairs, num_items: int) -> Pairs:
        """Returns the pairs of the validation: of some users one each."""
        if not self.validation_fraction:
            return pairs[:0]
        order = np.random.default_rng(self.seed).permutation(len(pairs))  # as if it were the times
        _, held_out = hold_out_last_of_each(
            pairs // num_items, order, self.validation_fraction, self.seed
        )
        return pairs[held_out]

    def _file(self, name: str) -> Path:
        path = Path(self.path).expanduser() / name
        if not path.is_file():
            raise DataError(
                f"There is no file {path}.",
                "A text file: a line is a user and its items.",
                f"Correct BehaviourFiles.path; a relative one starts at {Path.cwd()}.",
            )
        return path

"""The clauses of a data set's contract, one function each."""

import contextlib
import io
import random
from collections.abc import Callable, Iterator

import numpy as np

from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.schema.schema import Schema
from mtframework.testing.clause import Clause
from mtframework.testing.example_model import Rows

Make = Callable[[], DatasetSource]


def check_schema(make: Make, repeats: bool) -> None:
    """The schema is known before anything is read, and is that of the rows."""
    fix = "Set schema on the class or in the constructor, and give self.schema to the Dataset."
    with Clause.of("schema", make, fix) as clause:
        source = make()
        found = source.schema
        clause.require(isinstance(found, Schema), f"schema is {found!r}.", "A Schema.")
        loaded = source.load(_silent).schema
        clause.require(
            loaded == found,
            f"What load gives has the columns {_names(loaded)}, and schema {_names(found)}.",
            "The same columns, of the same kinds, with the same keys.",
        )


def check_loading(make: Make, repeats: bool) -> None:
    """A load gives whole columns, tells its progress, and keeps standard output free."""
    fix = "Return a Dataset from load, and say what it does by progress(sentence), not by print."
    with Clause.of("loading", make, fix) as clause:
        told, printed = [], io.StringIO()
        with contextlib.redirect_stdout(printed):
            data = make().load(told.append)
        clause.require(isinstance(data, Dataset), f"load returns {data!r}.", "A Dataset.")
        text = printed.getvalue().strip()
        clause.require(
            not text,
            f'load prints "{text[:60]}" to standard output.',
            "Nothing there, which is for results.",
        )
        other = [each for each in told if not isinstance(each, str)]
        clause.require(not other, f"progress is told {other[:1]}.", "A sentence, as a string.")


def check_splits(make: Make, repeats: bool) -> None:
    """No row that is learned from is one to judge by."""
    fix = (
        "Hold rows out of train; where an event may happen twice, call "
        "check_dataset(..., repeats=True)."
    )
    with Clause.of("splits", make, fix) as clause:
        if repeats:
            return
        data = make().load(_silent)
        seen: dict[bytes, str] = {}
        for split, rows in _splits(data):
            keys = {row.tobytes() for row in _as_bytes(rows)}
            shared = [seen[key] for key in keys if key in seen]
            clause.require(
                not shared,
                f"{len(shared)} rows of {split} are rows of {shared[0] if shared else ''}, too.",
                "Splits that have no row in common.",
            )
            seen.update(dict.fromkeys(keys, split))


def check_catalogue(make: Make, repeats: bool) -> None:
    """Each candidate of a row is in the catalogue, once, and described as it is there."""
    fix = "Make the catalogue of all candidates, each once, and take the rows' columns from it."
    with Clause.of("catalogue", make, fix) as clause:
        data = make().load(_silent)
        catalogue = data.encode(data.catalogue)
        key = data.schema.candidate_key
        place = np.full(data.vocabularies[key].size, -1)
        place[catalogue[key]] = np.arange(len(catalogue[key]))
        for split, rows in _splits(data):
            at = place[rows[key]]
            known = at >= 0
            clause.require(
                known.all(),
                f"{(~known).sum()} of {len(at)} {split} rows have a candidate that the catalogue "
                "lacks.",
                "Every candidate of a row in the catalogue.",
            )
            for name in data.schema.names("candidate"):
                described, expected = rows[name], catalogue[name][at]
                differs = _differ(described, expected)
                clause.require(
                    not differs.any(),
                    f'{differs.sum()} of {len(at)} {split} rows have another "{name}" than the '
                    "catalogue has for their candidate.",
                    "One description for each candidate.",
                )


def check_vocabularies(make: Make, repeats: bool) -> None:
    """Every category of a training row has an id."""
    fix = "Leave vocabularies out, so that they are learned, or add the values."
    with Clause.of("vocabularies", make, fix) as clause:
        data = make().load(_silent)
        rows = data.encoded_split("train")
        for column in data.schema:
            if column.kind == "categorical":
                unknown = int((rows[column.name] == 0).sum())
                clause.require(
                    not unknown,
                    f'{unknown} training rows have a "{column.name}" that has no id.',
                    "An id for every value that is learned from.",
                )


def check_labels(make: Make, repeats: bool) -> None:
    """Each label is there in some row of each split, and each weight is none below zero."""
    fix = "Write NaN where a label is missing, and split so that some rows have each label."
    with Clause.of("labels", make, fix) as clause:
        data = make().load(_silent)
        for split, rows in _splits(data):
            for column in data.schema:
                values = rows[column.name]
                if column.role == "label" and column.kind == "numeric":
                    clause.require(
                        np.isfinite(values).any() and not np.isinf(values).any(),
                        f'The {split} label "{column.name}" is infinite, or nowhere a number.',
                        "Finite numbers, and NaN where it is missing.",
                    )
                if column.role == "weight":
                    clause.require(
                        np.isfinite(values).all() and (values >= 0).all(),
                        f'The {split} weight "{column.name}" is negative or no number somewhere.',
                        "Finite numbers from 0.",
                        "Write 0 for rows that shall not count.",
                    )


def check_repeatable(make: Make, repeats: bool) -> None:
    """Loaded twice, the rows are the same, and nobody else's draws are disturbed."""
    fix = "Draw with np.random.default_rng(seed), where seed is an argument, and read in order."
    with Clause.of("repeatable", make, fix) as clause:
        first = make().load(_silent)
        before = _global_state()
        second = make().load(_silent)
        clause.require(
            before == _global_state(),
            "load draws from the global random numbers.",
            "Random numbers of its own.",
        )
        parts = {"catalogue": (first.encode(first.catalogue), second.encode(second.catalogue))}
        others = dict(_splits(second))
        parts |= {split: (rows, others.get(split, {})) for split, rows in _splits(first)}
        for split, (rows, again) in parts.items():
            for name, column in rows.items():
                same = name in again and again[name].shape == column.shape
                clause.require(
                    same and not _differ(column, again[name]).any(),
                    f'Loaded again, the {split} column "{name}" is another one.',
                    "The same rows each time.",
                )


def check_fingerprint(make: Make, repeats: bool) -> None:
    """The fingerprint is a text, and the same as long as the rows are."""
    fix = "Return in fingerprint what changes with the rows, such as sizes and times of files."
    with Clause.of("fingerprint", make, fix) as clause:
        found, again = make().fingerprint(), make().fingerprint()
        clause.require(
            isinstance(found, str) and found == again,
            f"fingerprint is {found!r}, and then {again!r}.",
            "One string.",
        )


CLAUSES = {
    "schema": check_schema,
    "loading": check_loading,
    "splits": check_splits,
    "catalogue": check_catalogue,
    "vocabularies": check_vocabularies,
    "labels": check_labels,
    "repeatable": check_repeatable,
    "fingerprint": check_fingerprint,
}


def _silent(sentence: str) -> None:
    """Is told the progress of a load, and says nothing."""


def _names(schema: Schema) -> list[str]:
    return [column.name for column in schema]


def _splits(data: Dataset) -> Iterator[tuple[str, Rows]]:
    """Returns the encoded columns of each split that has rows."""
    for split in ("train", "validation", "test"):
        if split != "validation" or data.has_validation:
            yield split, data.encoded_split(split)


def _global_state() -> tuple:
    return random.getstate(), str(np.random.get_state())


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns which rows of two columns differ, `[num_rows]`; NaN is like NaN."""
    if one.ndim > 1:
        return np.any(one != other, axis=tuple(range(1, one.ndim)))
    is_nan = np.isnan(one) & np.isnan(other) if one.dtype.kind == "f" else np.zeros(one.shape, bool)
    return (one != other) & ~is_nan


def _as_bytes(rows: Rows) -> np.ndarray:
    """Returns each row as bytes of all its columns: `[num_rows, width]`."""
    parts = [
        np.ascontiguousarray(column).view("uint8").reshape(len(column), -1)
        for column in rows.values()
    ]
    return np.concatenate(parts, axis=1)

"""Model files that were changed by somebody else."""

import io
import json
import zipfile

import numpy as np
import pytest

import mtframework as mtf
from mtframework.errors import RunError


def changed(path, name, change):
    """Rewrites the file within a model file whose path ends in `name`."""
    with zipfile.ZipFile(path) as model:
        files = {each: model.read(each) for each in model.namelist()}
    assert any(each.endswith(name) for each in files), list(files)
    with zipfile.ZipFile(path, "w") as model:
        for each, data in files.items():
            model.writestr(each, change(data) if each.endswith(name) else data)


def without_the_last(data: bytes) -> bytes:
    return json.dumps(json.loads(data)[:-1]).encode()


def with_array(name, change):
    def change_archive(data: bytes) -> bytes:
        arrays = dict(np.load(io.BytesIO(data)))
        arrays[name] = change(arrays[name])
        out = io.BytesIO()
        np.savez(out, **arrays)
        return out.getvalue()

    return change_archive


def set_first(values, number):
    values = values.copy()
    values[0] = number
    return values


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("vocabulary_0.json", without_the_last, 'vocabulary of "shopper" has 19 values, and the'),
        (
            "catalogue.npz",
            with_array("column:product", lambda ids: set_first(ids, 2_000_000_000)),
            '"product" holds ids beyond its 31',
        ),
        ("catalogue.npz", with_array("column:product", lambda ids: set_first(ids, -4)), "beyond"),
        ("catalogue.npz", with_array("seen_rows", lambda rows: rows[:-1]), "out of order"),
        ("catalogue.npz", with_array("seen_offsets", lambda each: each[::-1]), "out of order"),
        (
            "catalogue.npz",
            with_array("seen_rows", lambda rows: set_first(rows, 30)),
            "names rows beyond its 30 candidates",
        ),
    ],
)
def test_what_does_not_fit_is_one_error(model, tmp_path, name, change, found):
    path = tmp_path / "model.keras"
    model.save(path)
    assert mtf.load_model(path).catalogue.size == 30
    changed(path, name, change)
    with pytest.raises(RunError, match=found):
        mtf.load_model(path)

"""What must be the same for a training to go on exactly."""

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

import mtframework
from mtframework.data.dataset import Dataset
from mtframework.data.rows import files_of, num_rows_of
from mtframework.errors import RunError
from mtframework.training.experiment import Experiment

_NUM_TOLD = 5
# Names, which Keras counts up in a process (those of parts are in the keys), and homes of classes.
_LEFT_OUT = ("name", "registered_name", "module", "build_config", "shared_object_id")


def identity_of(experiment: Experiment, data: Dataset) -> dict[str, Any]:
    """Returns all that decides how a training goes, `{what: value}`, as JSON has it.

    Versions, the configuration of model, optimizer and training, and of the data: the ids, the
    number of rows and a checksum of each column as the model reads it. Of streamed rows, the files,
    their sizes and when they were last changed.
    """
    return {
        **_versions(),
        **_configuration(experiment),
        **{f"ids of {name}": _digest(ids.known_values) for name, ids in data.vocabularies.items()},
        **dict(_splits(data)),
        **_devices(experiment),
    }


def check_same(was: Mapping[str, Any], now: Mapping[str, Any], where: str) -> None:
    """Raises a `RunError` that names what differs, if anything does.

    Args:
        was: What `identity_of` gave in the training that was interrupted.
        now: What it gives now.
        where: The run folder.
    """
    changed = [name for name in dict.fromkeys((*was, *now)) if was.get(name) != now.get(name)]
    if not changed:
        return
    told = ", ".join(_told(name, was.get(name), now.get(name)) for name in changed[:_NUM_TOLD])
    more = f", and {len(changed) - _NUM_TOLD} more" if len(changed) > _NUM_TOLD else ""
    raise RunError(
        f"{where} was begun with something else: {told}{more}.",
        "The same experiment, data, versions and backend as before the interruption.",
        "Put it back as it was; or start afresh in another folder, with --from a finished run if "
        "the model shall go on from there.",
    )


def _told(name: str, was: Any, now: Any) -> str:
    if isinstance(was, str) and len(was) == 64:  # a checksum says nothing to a reader
        return f"{name} changed"
    return f"{name} was {was} and is {now}"


def _versions() -> dict[str, str]:
    backend = keras.backend.backend()
    return {
        "mtframework": mtframework.__version__,
        "Keras": keras.__version__,
        "the backend": f"{backend} {importlib.import_module(backend).__version__}",
        "NumPy": np.__version__,
    }


def _configuration(experiment: Experiment) -> dict[str, Any]:
    stopping = experiment.early_stopping
    found = {
        "batch_size": experiment.batch_size,
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        "early_stopping": None if stopping is None else vars(stopping),
        "optimizer": keras.saving.serialize_keras_object(experiment.optimizer),
        "model": experiment.model.get_config(),
        "dtype": keras.config.dtype_policy().name,
    }
    # As JSON reads it again: tuples are lists, and what JSON cannot say is a text.
    return dict(_flat(json.loads(json.dumps(found, default=lambda each: type(each).__name__)), ""))


def _devices(experiment: Experiment) -> dict[str, Any]:
    """Returns what decides in which order numbers are added up; nothing on one device."""
    if experiment.distribution is None:
        return {}
    num_devices = len(keras.distribution.list_devices())
    return {"distribution": vars(experiment.distribution), "the number of devices": num_devices}


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            if key not in _LEFT_OUT:
                yield from _flat(each, name if key == "config" else f"{name}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        for number, each in enumerate(value):
            named = each.get("config", each).get("name") if isinstance(each, dict) else None
            yield from _flat(each, f"{name}.{named or number}")
    else:
        yield name, value


def _splits(data: Dataset) -> Iterator[tuple[str, Any]]:
    for split in ("train", "validation"):
        rows = getattr(data, split)
        yield f"the number of {split} rows", num_rows_of(rows)
        files = files_of(rows)
        for path in files:
            state = path.stat()
            yield f"{path} ({split})", [state.st_size, state.st_mtime_ns]
        if num_rows_of(rows) and not files:
            for name, values in data.encoded_split(split).items():
                yield f'the column "{name}" of the {split} rows', _digest(values)


def _digest(values: Any) -> str:
    """Returns the SHA-256 of an array of numbers, or of texts."""
    array = np.ascontiguousarray(values)
    if array.dtype.kind in "OU":
        return hashlib.sha256(json.dumps(list(map(str, array))).encode()).hexdigest()
    digest = hashlib.sha256(array.dtype.str.encode())
    digest.update(array.data)
    return digest.hexdigest()

"""What an optimizer remembers of each weight, handed on to another one."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from mtframework.errors import ModelError

_OF_THE_MOMENT = ("gradient_accumulator",)  # gradients of steps that were not finished


@dataclass(frozen=True)
class Moved:
    """A weight that was moved from one model to another.

    Args:
        there: The weight in the model that it comes from.
        here: The weight in the model that it was moved to.
        rows: Of a table that was moved row by row: the rows there, and the rows here that they
            have become, each `[num_rows]`; None where it was moved as a whole.
    """

    there: keras.Variable
    here: keras.Variable
    rows: tuple[np.ndarray, np.ndarray] | None = None


def hand_on(
    there: keras.optimizers.Optimizer,
    here: keras.optimizers.Optimizer,
    moved: Sequence[Moved],
    share: float,
) -> int:
    """Gives an optimizer a share of what another one remembers, and returns of how many weights.

    Each number that is remembered of a weight, such as Adam's moments, becomes

        initial + share · (remembered − initial)

    where `initial` is what a new optimizer begins with, as it does for new rows of a table. The
    count of steps is handed on as it is: Adam's correction of its first steps and a schedule of the
    learning rate go on from it.

    Args:
        there: The optimizer to take from, built.
        here: The optimizer to give to, built.
        moved: The weights that were moved.
        share: From above 0, which forgets nearly all, to 1, which keeps all.

    Raises:
        ModelError: The optimizers are of two classes.
    """
    if _kind(there) != _kind(here):
        raise ModelError(
            f"The optimizer of the model to start from is {_kind(there)}, the new one {_kind(here)}"
            ", which remembers something else.",
            "The same class of optimizer.",
            "Start without what the optimizer remembers, or train with the same one.",
        )
    num_handed_on = 0
    slots_there, slots_here = _slots(there), _slots(here)
    for each in moved:
        before, now = (
            _slots_of(weight, slots)
            for weight, slots in ((each.there, slots_there), (each.here, slots_here))
        )
        names = [name for name in now if name in before and name not in _OF_THE_MOMENT]
        handed_on = [_hand_on_one(before[name], now[name], each, share) for name in names]
        num_handed_on += any(handed_on)
    steps = ops.convert_to_numpy(there.iterations)
    for optimizer in _with_inner(here):
        optimizer._iterations.assign(steps)
    return num_handed_on


def _hand_on_one(there: keras.Variable, here: keras.Variable, moved: Moved, share: float) -> bool:
    old = ops.convert_to_numpy(there).astype("float64")
    new = ops.convert_to_numpy(here).astype("float64")
    if moved.rows is not None and len(new) == moved.here.shape[0] and new.ndim:
        if old.shape[1:] != new.shape[1:] or len(old) != moved.there.shape[0]:
            return False
        rows_there, rows_here = moved.rows
        new[rows_here] += share * (old[rows_there] - new[rows_here])
    elif old.shape == new.shape:
        new += share * (old - new)
    else:
        return False
    here.assign(new.astype(keras.backend.standardize_dtype(here.dtype)))
    return True


def _slots(optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    """Returns the variables of which no two have one name; of others it is not known whose."""
    found: dict[str, list[keras.Variable]] = {}
    for each in optimizer.variables:
        found.setdefault(each.name, []).append(each)
    return {name: each[0] for name, each in found.items() if len(each) == 1}


def _slots_of(
    weight: keras.Variable, slots: dict[str, keras.Variable]
) -> dict[str, keras.Variable]:
    """Returns what is remembered of a weight; Keras names it by the weight's path and a suffix."""
    prefix = f"{weight.path.replace('/', '_')}_"
    return {
        name.removeprefix(prefix): each for name, each in slots.items() if name.startswith(prefix)
    }


def _with_inner(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """Returns an optimizer and those that it hands weights on to."""
    inner = [getattr(optimizer, name, None) for name in ("dense", "own", "inner_optimizer")]
    return [
        optimizer,
        *(deeper for each in inner if each is not None for deeper in _with_inner(each)),
    ]


def _kind(optimizer: keras.optimizers.Optimizer) -> str:
    """Returns the class of the optimizer that says what is remembered."""
    for name in ("dense", "inner_optimizer"):
        optimizer = getattr(optimizer, name, optimizer)
    return type(optimizer).__name__

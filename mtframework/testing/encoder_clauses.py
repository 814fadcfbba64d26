"""The clauses of an encoder's contract, one function each."""

from collections.abc import Callable

import numpy as np
from keras import ops

from mtframework.testing import tower_clauses
from mtframework.testing.clause import Clause, numbers
from mtframework.testing.example_model import CANDIDATE, QUERY
from mtframework.testing.tower_case import TowerCase
from mtframework.towers.encoders.encoder import Encoder
from mtframework.towers.sequence import SequenceTower

Make = Callable[[], Encoder]
DIM, MAX_LENGTH = 8, 6
_LENGTHS = (3, 6, 1, 5, 2, 6, 4)  # of histories
_TIME = "contract_time"


def check_shapes(make: Make) -> None:
    """There is one vector an event, whatever the number of events."""
    fix = "Return [num_events, dim] from call."
    with Clause.of("shapes", make, fix) as clause:
        encoder = _built(make)
        for lengths in (_LENGTHS, (1,), (6, 6)):
            made = clause.require_finite("Of packed events, call", _run(encoder, lengths))
            expected = (sum(lengths), DIM)
            clause.require(
                made.shape == expected,
                f"What comes out of {sum(lengths)} events has the shape {made.shape}.",
                f"{expected}.",
            )


def check_causality(make: Make) -> None:
    """What comes out at an event does not depend on those behind it, nor on other histories."""
    fix = "Mask what is behind the event, and what is before starts."
    with Clause.of("causality", make, fix) as clause:
        encoder = _built(make)
        events, starts, times = _events(_LENGTHS)
        whole = numbers(encoder(events, starts, times=times))
        for changed in range(len(events)):
            other = np.array(events)
            other[changed] += 1.0
            moved = np.abs(numbers(encoder(other, starts, times=times)) - whole).max(1)
            may_move = (starts == starts[changed]) & (np.arange(len(events)) >= changed)
            wrong = np.flatnonzero((moved > 1e-5) & ~may_move)
            clause.require(
                not len(wrong),
                f"Event {changed} of the batch moves what comes out at event "
                f"{wrong[0] if len(wrong) else 0}.",
                "Effects on the events behind it in its own history, and on itself.",
            )
            clause.require(
                moved[changed] > 0,
                f"Event {changed} does not move what comes out at it.",
                "An effect of every event on itself.",
            )


def check_packing(make: Make) -> None:
    """A history gives the same alone, packed with others, and with room behind it."""
    fix = "Use no place in the batch, only the number of an event in its own history."
    with Clause.of("packing", make, fix) as clause:
        encoder = _built(make)
        events, starts, times = _events(_LENGTHS)
        packed = numbers(encoder(events, starts, times=times))
        first = 0
        for length in _LENGTHS:
            own = slice(first, first + length)
            alone = encoder(events[own], starts[own] - first, times=times[own])
            clause.require_close(
                "What comes out of a history alone", alone, packed[own], "that of it packed"
            )
            room = np.zeros((MAX_LENGTH, DIM), "float32")
            room[:length] = events[own]
            when = np.zeros(MAX_LENGTH, "int32")
            when[:length] = times[own]
            behind = encoder(room, np.zeros(MAX_LENGTH, "int32"), times=when)
            clause.require_close(
                "What comes out of a history with room behind it",
                numbers(behind)[:length],
                packed[own],
                "that of it packed",
            )
            first += length


def _of_tower(name: str) -> Callable[[Make], None]:
    """Returns a clause of the tower's contract, of a tower with the encoder."""

    def check(make: Make) -> None:
        def tower() -> SequenceTower:
            encoder = make()
            return SequenceTower(
                "contract_tower",
                history=CANDIDATE,
                key=QUERY,
                encoder=encoder,
                times=_TIME if encoder.reads_times else None,
                max_length=MAX_LENGTH,
                embedding_dim=DIM,
            )

        tower_clauses.CLAUSES[name](TowerCase(tower, {_TIME: "timestamp"}, "query", CANDIDATE))

    check.__doc__ = tower_clauses.CLAUSES[name].__doc__
    return check


def _built(make: Make) -> Encoder:
    encoder = make()
    encoder.build(DIM, MAX_LENGTH)
    draw = np.random.default_rng(3)
    for variable in encoder.trainable_variables:
        variable.assign(0.5 * draw.normal(size=variable.shape))
    return encoder


def _events(lengths: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    num = sum(lengths)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths).astype("int32")
    times = (1_700_000_000 + np.cumsum(draw.integers(0, 90_000, num))).astype("int32")
    return draw.normal(size=(num, DIM)).astype("float32"), starts, times


def _run(encoder: Encoder, lengths: tuple[int, ...]):
    events, starts, times = _events(lengths)
    return encoder(ops.convert_to_tensor(events), ops.convert_to_tensor(starts), times=times)


CLAUSES = {
    "shapes": check_shapes,
    "causality": check_causality,
    "packing": check_packing,
    **{
        name: _of_tower(name)
        for name in ("compilation", "gradients", "frozen", "saving", "half precision")
    },
}

"""`check_encoder`: built-in encoders pass, and each clause catches one that breaks it."""

import numpy as np
import pytest
from keras import ops

from mtframework.errors import ContractError
from mtframework.registry import ENCODERS, load_builtin_parts, register_encoder
from mtframework.testing import check_encoder, each_clause
from mtframework.towers.encoders.decayed_mean import DecayedMean
from mtframework.towers.encoders.encoder import Encoder
from mtframework.towers.encoders.hstu import HSTU

load_builtin_parts()
BUILT_IN = sorted(part.name for part in ENCODERS)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_encoders_pass(name):
    check_encoder(ENCODERS.get(name).cls)


def with_times():
    return HSTU(num_layers=1, use_times=True)


test_hstu_over_times = each_clause(check_encoder, with_times)


class Running(Encoder):
    """Adds up everything so far, whoever's history it is."""

    def build(self, dim, max_length):
        self.kernel = self.add_weight((dim, dim), name="kernel")

    def call(self, events, starts, times=None, training=None):
        return ops.cumsum(ops.matmul(events, self.kernel), axis=0)


class LooksAhead(Encoder):
    def call(self, events, starts, times=None, training=None):
        return events + ops.roll(events, -1, axis=0)


class KnowsItsPlace(Encoder):
    def call(self, events, starts, times=None, training=None):
        places = ops.arange(ops.shape(events)[0], dtype=events.dtype)
        return events + ops.expand_dims(places, -1)


class OneShort(Encoder):
    def call(self, events, starts, times=None, training=None):
        return events[1:]


class Idle(DecayedMean):
    def build(self, dim, max_length):
        super().build(dim, max_length)
        self.unused = self.add_weight((dim,), name="unused")


class Forgets(DecayedMean):
    def build(self, dim, max_length):
        super().build(dim, max_length)
        self.offset = np.float32(np.random.default_rng().normal())

    def call(self, events, starts, times=None, training=None):
        return super().call(events, starts, times, training) + self.offset


@pytest.mark.parametrize(
    ("cls", "clause"),
    [
        (Running, "causality"),
        (LooksAhead, "causality"),
        (KnowsItsPlace, "packing"),
        (OneShort, "shapes"),
        (Idle, "gradients"),
        (Forgets, "saving"),
    ],
)
def test_a_clause_catches_what_breaks_it(cls, clause):
    register_encoder(f"broken_{cls.__name__.lower()}")(cls)
    with pytest.raises(ContractError, match=f'breaks the clause "{clause}"'):
        check_encoder(cls, clause=clause)

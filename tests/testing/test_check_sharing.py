"""`check_sharing`: built-in layers pass, and each clause catches a layer that breaks it."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework.errors import ContractError
from mtframework.registry import SHARING, load_builtin_parts
from mtframework.sharing.sharing import Sharing
from mtframework.testing import check_sharing

load_builtin_parts()


@pytest.mark.parametrize("name", sorted(part.name for part in SHARING))
def test_built_in_layers_pass(name):
    check_sharing(SHARING.get(name).cls)


class Scaled(Sharing):
    """Gives each task the representation, scaled by learned factors."""

    def build(self, input_shape):
        self.output_units = next(iter(input_shape.values()))[-1]
        self.scales = {
            task: self.add_weight(shape=(self.output_units,), initializer="ones", name=task)
            for task in input_shape
        }

    def represent(self, representation, tasks, training=None):
        return {task: representation * self.scales[task] for task in tasks}


class SaysTooFewUnits(Scaled):
    def build(self, input_shape):
        super().build(input_shape)
        self.output_units = 1


class CentresTheBatch(Scaled):
    def represent(self, representation, tasks, training=None):
        centred = representation - ops.mean(representation, axis=0)
        return super().represent(centred, tasks)


class DividesByTheTasks(Scaled):
    def represent(self, representation, tasks, training=None):
        return super().represent(representation / len(tasks), tasks)


class LeavesAWeightOut(Scaled):
    def build(self, input_shape):
        super().build(input_shape)
        self.unused = self.add_weight(shape=(2,), name="unused")


class DrawsOutsideOfWeights(Scaled):
    def build(self, input_shape):
        super().build(input_shape)
        self.noise = np.random.default_rng().normal(size=self.output_units).astype("float32")

    def represent(self, representation, tasks, training=None):
        noise = ops.convert_to_tensor(self.noise, dtype=representation.dtype)
        return super().represent(representation + noise, tasks)


class StaysInFloat32(Scaled):
    def represent(self, representation, tasks, training=None):
        return super().represent(ops.cast(representation, "float32"), tasks)


class DecidesInPython(Scaled):
    def represent(self, representation, tasks, training=None):
        sign = 1.0 if len(representation) == 0 or float(representation[0, 0]) < 1e9 else -1.0
        return super().represent(sign * representation, tasks)


BROKEN = [
    (SaysTooFewUnits, "shapes", "The outputs are {'rating': (4, 5)"),
    (CentresTheBatch, "rows", "of a row in a batch of 4 differs"),
    (DividesByTheTasks, "copies", "of a copy of its own differs"),
    (LeavesAWeightOut, "gradients", "unused does not change in three training steps"),
    (DrawsOutsideOfWeights, "saving", "What a loaded model predicts"),
    (StaysInFloat32, "half precision", 'The task "rating" gets float32 under mixed_float16.'),
]
if keras.backend.backend() != "torch":  # where Python runs in every step
    BROKEN.append((DecidesInPython, "compilation", "Error"))


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    register(SHARING, cls)
    with pytest.raises(ContractError) as caught:
        check_sharing(cls, clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found


def test_a_good_layer_passes_and_must_be_registered(register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_sharing(Scaled)
    assert '@register_sharing("my_name")' in caught.value.fix
    register(SHARING, Scaled)
    check_sharing(Scaled)

"""`check_feature`: built-in features pass, and each clause catches one that breaks it."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ContractError
from mtframework.registry import FEATURES, load_builtin_parts
from mtframework.testing import check_feature

load_builtin_parts()


@pytest.mark.parametrize("name", sorted(part.name for part in FEATURES))
def test_built_in_features_pass(name, tmp_path):
    texts = ["amber", "beige", "coral", "denim"]
    np.savez(tmp_path / "vectors.npz", ids=texts, vectors=np.eye(4, 6))
    arguments = {"crossed": (["what", "where"],), "pretrained": ("what", f"{tmp_path}/vectors.npz")}
    check_feature(lambda: FEATURES.get(name).cls(*arguments.get(name, ("what",))))


class Scaled(mtf.Feature):
    """A number times a learned factor, from the mean on."""

    reads = ("numeric",)

    def build(self, num_ids, embedding_dim):
        self.units = 1
        self.mean = self.add_weight((), "zeros", trainable=False, name="mean")
        self.factor = self.add_weight((), "ones", name="factor")

    def adapt(self, values, vocabulary):
        self.mean.assign(np.mean(values))

    def call(self, values):
        return ops.expand_dims((values - self.mean) * self.factor, -1)


class ForgetsAnArgument(Scaled):
    def __init__(self, column, power=1):
        super().__init__(column)
        self.power = power


class ReadsWhatIsNone(Scaled):
    reads = ("numbers",)


class ReadsLabels(Scaled):
    def check(self, column):
        pass


class SaysTooManyUnits(Scaled):
    def build(self, num_ids, embedding_dim):
        super().build(num_ids, embedding_dim)
        self.units = 2

    def call(self, values):
        return ops.concatenate([super().call(values)] * 3, axis=-1)


class MeasuresTheBatch(Scaled):
    def squared_length(self, values):
        return ops.sum(ops.square(self(values)))


class CentresTheBatch(Scaled):
    def call(self, values):
        return super().call(values - ops.sum(values))


class InvertsTheTime(Scaled):
    reads = ("timestamp",)

    def adapt(self, values, vocabulary):
        self.mean.assign((int(values.max()) - 1_725_148_800) / 86_400)

    def call(self, values):
        days = ops.cast(values - 1_725_148_800, "float32") / 86_400
        left = ops.expand_dims(ops.sqrt(1 + self.mean - days), -1)  # NaN of later ones
        return ops.cast(left * self.factor, self.compute_dtype)


class LearnsOfTheFirstRow(Scaled):
    def adapt(self, values, vocabulary):
        self.mean.assign(values[0])


class DividesByTheSpread(Scaled):
    def adapt(self, values, vocabulary):
        self.mean.assign(1.0 / np.float64(np.std(values) or np.nan))


class TrainsWhatItLearned(Scaled):
    def call(self, values):
        self.mean.assign(self.mean + 1.0)
        return super().call(values)


class DecidesInPython(Scaled):
    def call(self, values):
        return super().call(values if float(ops.sum(values)) < 1e9 else -values)


class LeavesAWeightOut(Scaled):
    def build(self, num_ids, embedding_dim):
        super().build(num_ids, embedding_dim)
        self.unused = self.add_weight((2,), name="unused")


class NamesItsFactorById(Scaled):
    @property
    def weights_by_id(self):
        return (self.factor,)


class LearnsOutsideOfWeights(Scaled):
    largest = 1.0

    def adapt(self, values, vocabulary):
        super().adapt(values, vocabulary)
        self.largest = float(values.max())

    def call(self, values):
        return super().call(values) / self.largest


class ForgetsToBeFrozen(Scaled):
    def get_config(self):
        return {"column": self.column}


class StaysInFloat32(Scaled):
    def call(self, values):
        return ops.cast(super().call(values), "float32")


BROKEN = [
    (ForgetsAnArgument, "configuration", "get_config leaves out power"),
    (ReadsWhatIsNone, "reads", "reads is ('numbers',)"),
    (ReadsLabels, "reads", "check accepts a categorical column"),
    (SaysTooManyUnits, "shapes", "The vectors of 32 rows have the shape (32, 3)"),
    (MeasuresTheBatch, "shapes", "squared_length of 32 rows has the shape ()"),
    (CentresTheBatch, "rows", "The vector of a row in a batch of 9 differs"),
    (InvertsTheTime, "unknown values", "The vector of a value never met holds NaN"),
    (LearnsOfTheFirstRow, "adapt", "mean learns of the rows backwards differs"),
    (DividesByTheSpread, "adapt", "Where all training rows are equal, the vector holds NaN"),
    (TrainsWhatItLearned, "adapt", "mean differs from what adapt learned"),
    (LeavesAWeightOut, "gradients", "unused does not change in three training steps"),
    (ForgetsToBeFrozen, "frozen", "In a clone, trainable is True"),
    (NamesItsFactorById, "weights by id", "factor has the shape ()"),
    (LearnsOutsideOfWeights, "saving", "What a loaded model predicts"),
    (StaysInFloat32, "half precision", "The vectors are float32 under mixed_float16"),
]
if keras.backend.backend() != "torch":  # where Python runs in every step
    BROKEN.append((DecidesInPython, "compilation", "Error"))


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    register(FEATURES, cls)
    with pytest.raises(ContractError) as caught:
        check_feature(lambda: cls("age"), clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found
    assert caught.value.fix


def test_a_good_feature_passes_and_must_be_registered(register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_feature(lambda: Scaled("age"), clause="registration")
    assert '@register_feature("my_name")' in caught.value.fix
    register(FEATURES, Scaled)
    check_feature(lambda: Scaled("age"))


def test_numbers_are_those_that_the_column_can_hold(register):
    class Logarithm(Scaled):
        def call(self, values):
            return super().call(ops.log(values))

    register(FEATURES, Logarithm)
    check_feature(lambda: Logarithm("price"), numbers=[1, 5], clause="shapes")
    with pytest.raises(ContractError, match='"shapes": Of 32 rows, call holds NaN'):
        check_feature(lambda: Logarithm("price"), numbers=[0, 5], clause="shapes")

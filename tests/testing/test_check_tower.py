"""`check_tower`: built-in towers pass, and each clause catches a tower that breaks it."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ContractError
from mtframework.registry import TOWERS
from mtframework.testing import check_tower, each_clause
from mtframework.testing.tower_case import OTHER_TOWER

test_a_tower_of_every_kind_of_column_passes = each_clause(
    check_tower,
    lambda: mtf.Tower("reader", ["reader", mtf.Normalized("age"), "genres", mtf.Recency("at")]),
    kinds={"age": "numeric", "genres": "multi_categorical", "at": "timestamp"},
)
test_a_tower_of_candidates_passes = each_clause(
    check_tower,
    lambda: mtf.Tower("film", ["film", "year"], cross_layers=1, dropout=0.1, l2=0.1),
    kinds={"year": "numeric"},
    describes="candidate",
)
test_a_history_passes = each_clause(
    check_tower,
    lambda: mtf.HistoryTower("reader", history="film", key="reader", label="stars"),
    other_key="film",
)
test_a_tied_history_passes = each_clause(
    check_tower,
    lambda: mtf.TiedHistoryTower("reader", "film", "reader", OTHER_TOWER, embedding_dim=6),
    other_key="film",
)


class Table(mtf.BaseTower):
    """A row of a table, and a number beside it."""

    def __init__(self, name="reader", key="reader", number="age", embedding_dim=4):
        super().__init__(name=name)
        self.key, self.number, self.embedding_dim = key, number, embedding_dim

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.key, self.number)

    def build(self, num_ids):
        shape = (num_ids[self.key], self.embedding_dim)
        self.table = self.add_weight(shape, "uniform", name="table")

    def call(self, features, training=None):
        rows = ops.take(ops.convert_to_tensor(self.table), features[self.key], axis=0)
        number = ops.expand_dims(ops.cast(features[self.number], rows.dtype), -1)
        return rows + number

    def get_config(self):
        return {
            **super().get_config(),
            "key": self.key,
            "number": self.number,
            "embedding_dim": self.embedding_dim,
        }


class AssignsInTraining(Table):
    def call(self, features, training=None):
        if training:
            self.table.assign(self.table + 1.0)
        return super().call(features)


class ForgetsToBeFrozen(Table):
    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return config


class ForgetsAnArgument(Table):
    def get_config(self):
        config = super().get_config()
        del config["embedding_dim"]
        return config


class LeavesTheKeyOut(Table):
    @property
    def columns(self):
        return (self.number,)


class AcceptsAnySchema(Table):
    def check(self, schema):
        pass


class KnowsItsColumnsLate(Table):
    def build(self, num_ids):
        super().build(num_ids)
        self.found = (self.key, self.number)

    @property
    def columns(self):
        return self.found


class ReducesTheBatch(Table):
    def call(self, features, training=None):
        return ops.mean(super().call(features), axis=0, keepdims=True)


class PenalisesEachRow(Table):
    def penalty(self, features):
        return ops.square(ops.cast(features[self.number], "float32"))


class CentresTheBatch(Table):
    def call(self, features, training=None):
        embeddings = super().call(features)
        return embeddings - ops.mean(embeddings, axis=0)


class DividesByTheId(Table):
    def call(self, features, training=None):
        ids = ops.cast(features[self.key], self.compute_dtype)
        return super().call(features) / ops.expand_dims(ids, -1)


class DrawsInTraining(Table):
    def __init__(self, name="reader", key="reader", number="age", embedding_dim=4):
        super().__init__(name, key, number, embedding_dim)
        self.noise = keras.layers.GaussianNoise(1.0)

    def call(self, features, training=None):
        return self.noise(super().call(features), training=training)


class DecidesInPython(Table):
    def call(self, features, training=None):
        embeddings = super().call(features)
        return embeddings if float(embeddings[0, 0]) < 1e9 else -embeddings


class LeavesAWeightOut(Table):
    def build(self, num_ids):
        super().build(num_ids)
        self.unused = self.add_weight((2,), name="unused")


class ThawsItself(Table):
    def build(self, num_ids):
        super().build(num_ids)
        self.trainable = True


class PrecomputesNothingOfUse(Table):
    def precompute(self):
        return np.zeros((6, self.embedding_dim), "float32")

    def call(self, features, training=None):
        if self.precomputed is None:
            return super().call(features)
        return ops.take(self.precomputed, features[self.key], axis=0)


class NamesAWeightOfAnotherColumn(Table):
    def weights_by_id(self):
        return {self.number: [self.table]}


class LearnsOutsideOfWeights(Table):
    mean = 0.0

    def adapt(self, columns, vocabularies):
        self.mean = 1.0 + float(columns[self.number].mean())

    def call(self, features, training=None):
        return super().call(features) * self.mean


class StaysInFloat32(Table):
    def call(self, features, training=None):
        return ops.cast(super().call(features), "float32")


class OverflowsInHalf(Table):
    def call(self, features, training=None):
        embeddings = super().call(features)
        return ops.tanh(ops.exp(12 + 0 * embeddings) * 0.0 + embeddings)  # float16 ends at exp(11)


BROKEN = [
    (ForgetsAnArgument, "configuration", "get_config leaves out embedding_dim"),
    (ForgetsToBeFrozen, "frozen", "In a clone, trainable is True"),
    (LeavesTheKeyOut, "columns", "columns is ('age',), and key is \"reader\""),
    (AcceptsAnySchema, "columns", 'check accepts a schema without the column "reader"'),
    (KnowsItsColumnsLate, "adapt first", "AttributeError"),
    (ReducesTheBatch, "shapes", "The embeddings of 32 rows have the shape (1, 4)"),
    (PenalisesEachRow, "shapes", "penalty has the shape (32,)"),
    (CentresTheBatch, "rows", "The embedding of a row in a batch of 9 differs"),
    (DividesByTheId, "unknown values", "The embedding of values never seen in training holds NaN"),
    (DrawsInTraining, "determinism", "In training, the embedding of a row differs"),
    (LeavesAWeightOut, "gradients", "unused does not change in three training steps"),
    (ThawsItself, "frozen", "In a clone, trainable is True"),
    (AssignsInTraining, "frozen", "table changes in training, though trainable is False"),
    (PrecomputesNothingOfUse, "precompute", "The embeddings that read precomputed differs"),
    (NamesAWeightOfAnotherColumn, "weights by id", 'by ids of "age", has the shape (6, 4)'),
    (LearnsOutsideOfWeights, "saving", "What a loaded model predicts"),
    (StaysInFloat32, "half precision", "The embeddings are float32 under mixed_float16"),
    (OverflowsInHalf, "half precision", "Under mixed_float16, the embeddings holds NaN"),
]
if keras.backend.backend() != "torch":  # where Python runs in every step
    BROKEN.append((DecidesInPython, "compilation", "Error"))


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    register(TOWERS, cls)
    with pytest.raises(ContractError) as caught:
        check_tower(cls, kinds={"age": "numeric"}, clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found
    assert caught.value.fix


def test_a_good_tower_passes_and_must_be_registered(register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_tower(Table, kinds={"age": "numeric"}, clause="registration")
    assert '@register_tower("my_name")' in caught.value.fix
    register(TOWERS, Table)
    check_tower(Table, kinds={"age": "numeric"})


class ForgetsWhatItKeeps(Table):
    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in ("name", "key", "number", "embedding_dim")}


def test_a_configuration_keeps_the_policy_and_whether_the_part_trains():
    with pytest.raises(ContractError, match="get_config leaves out trainable, dtype"):
        check_tower(lambda: ForgetsWhatItKeeps("reader"), clause="configuration")

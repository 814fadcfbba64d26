"""A feature under check: alone and in a model, with a column of each kind that it reads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.data.dataset import Dataset
from mtframework.features.feature import Feature
from mtframework.model.model import MultiTaskModel
from mtframework.schema.schema import Column, Schema
from mtframework.tasks.ranking import Ranking
from mtframework.testing.clause import Clause
from mtframework.testing.example_columns import column_of, dataset_of
from mtframework.testing.example_model import CANDIDATE, QUERY, adapted
from mtframework.towers.tower import Tower

Values = np.ndarray | tuple[np.ndarray, ...]
"""An encoded column; of a feature that reads several columns, each one."""

TOWER, LABEL, EMBEDDING_DIM = "contract_tower", "contract_label", 6


@dataclass(frozen=True)
class FeatureCase:
    """What `check_feature` was given."""

    make: Callable[[], Feature]
    numbers: tuple[float, ...]

    def clause(self, name: str, fix: str) -> Clause:
        """Returns a clause of this feature."""
        return Clause.of(name, self.make, fix)

    def datasets(self) -> Iterator[Dataset]:
        """Returns data for each kind of column that the feature reads."""
        feature = self.make()
        for kind in feature.reads:
            columns = (
                Column(QUERY, "categorical", "query"),
                Column(CANDIDATE, "categorical", "candidate"),
                Column(LABEL, "numeric", "label"),
                *(column_of(name, kind, "context") for name in feature.columns),
            )
            yield dataset_of(Schema(columns, QUERY, CANDIDATE), self.numbers)

    def models(self) -> Iterator["FeatureModel"]:
        """Returns a new adapted model for each kind of column, with a new feature in its tower."""
        for data in self.datasets():
            feature = self.make()
            towers = [
                Tower(TOWER, [QUERY, feature], EMBEDDING_DIM),
                Tower("contract_other_tower", [CANDIDATE], EMBEDDING_DIM),
            ]
            model = MultiTaskModel(towers, [Ranking("contract_task", label=LABEL, hidden_units=[])])
            yield FeatureModel(feature, adapted(model, data), data)

    def alone(self, data: Dataset, values: Values) -> Feature:
        """Returns a new feature that has learned from encoded values of the data's column."""
        feature = self.make()
        sizes = {name: vocabulary.size for name, vocabulary in data.vocabularies.items()}
        feature.build(feature.pick(sizes.get), EMBEDDING_DIM)
        feature.adapt(values, feature.pick(data.vocabularies.get))
        return feature


@dataclass(frozen=True)
class FeatureModel:
    """A model that reads the feature under check, with its data."""

    feature: Feature
    model: MultiTaskModel
    data: Dataset

    @property
    def values(self) -> Values:
        """The encoded column of the test rows, `[NUM_ROWS, ...]`."""
        return self.values_of(self.data.test)

    def values_of(self, rows: Mapping[str, np.ndarray]) -> Values:
        """Returns the encoded column of some rows."""
        return self.feature.pick(self.data.encode(rows).__getitem__)

    def of(self, model: MultiTaskModel) -> Feature:
        """Returns the feature of a model that was made from this one."""
        layers = model.towers[TOWER].feature_layers
        return next(each for each in layers if each.name == self.feature.name)

    def vectors(self, values: Values):
        """Returns the feature's vectors, `[batch, units]`, of an encoded column."""
        return self.feature(tensors_of(values))


def tensors_of(values: Values) -> Any:
    """Returns an encoded column, or several, as tensors."""
    return keras.tree.map_structure(ops.convert_to_tensor, values)


def rows_of(values: Values, chosen: slice | np.ndarray) -> Values:
    """Returns some rows of an encoded column, or of several."""
    return keras.tree.map_structure(lambda each: each[chosen], values)

"""A tower under check: a model with it, and the data that it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keras import ops

from mtframework.data.dataset import Dataset
from mtframework.model.model import MultiTaskModel
from mtframework.schema.schema import Column, Role, Schema
from mtframework.tasks.ranking import Ranking
from mtframework.testing.clause import Clause
from mtframework.testing.example_columns import KindOfColumn, column_of, dataset_of
from mtframework.testing.example_model import CANDIDATE, QUERY, Rows, adapted, with_histories
from mtframework.towers.base_tower import BaseTower
from mtframework.towers.tower import Tower

OTHER_TOWER, LABEL = "contract_other_tower", "contract_label"
"""The tower beside the one under check, and the label of the model's task."""


@dataclass(frozen=True)
class TowerCase:
    """What `check_tower` was given."""

    make: Callable[[], BaseTower]
    kinds: Mapping[str, KindOfColumn]
    describes: Role
    other_key: str | None

    def clause(self, name: str, fix: str) -> Clause:
        """Returns a clause of this tower."""
        return Clause.of(name, self.make, fix)

    def schema(self, tower: BaseTower, without: str | None = None) -> Schema:
        """Returns the columns that the tower reads, and those of the rest of the model.

        Args:
            tower: The tower.
            without: A column to leave out.
        """
        is_query = self.describes == "query"
        other_key = self.other_key or (CANDIDATE if is_query else QUERY)
        other = Column(other_key, "categorical", "candidate" if is_query else "query")
        columns = {other_key: other, LABEL: Column(LABEL, "numeric", "label")}
        for label in tower.history_labels:
            columns[label] = Column(label, "numeric", "label")
        for name in (tower.key, *tower.columns, *tower.training_columns):
            kind = self.kinds.get(name, "categorical")
            columns.setdefault(name, column_of(name, kind, self.describes))
        for name in tower.history_columns:
            kind = self.kinds.get(name, "categorical")
            columns.setdefault(name, column_of(name, kind, "context"))
        key = tower.key
        if without is not None:
            del columns[without]
        if without == key:
            key = "contract_stand_in"
            columns[key] = Column(key, "categorical", self.describes)
        keys = (key, other_key) if is_query else (other_key, key)
        return Schema(tuple(columns.values()), *keys)

    def untrained(self) -> "TowerModel":
        """Returns a new model with a new tower in it, which has not seen the data."""
        tower = self.make()
        data = dataset_of(self.schema(tower))
        schema = data.schema
        is_query = self.describes == "query"
        other_key = schema.candidate_key if is_query else schema.query_key
        towers = [tower, Tower(OTHER_TOWER, [other_key], embedding_dim=6)]
        model = MultiTaskModel(towers, [Ranking("contract_task", label=LABEL, hidden_units=[])])
        return TowerModel(tower, model, data)

    def model(self) -> "TowerModel":
        """Returns a new model with a new tower in it, adapted."""
        made = self.untrained()
        adapted(made.model, made.data)
        return made


@dataclass(frozen=True)
class TowerModel:
    """A model of the tower under check and another one, with its data."""

    tower: BaseTower
    model: MultiTaskModel
    data: Dataset

    def embed(self, rows: Rows, training: bool = False):
        """Returns the tower's embeddings of encoded rows, `[batch, embedding_dim]`."""
        rows = with_histories(self.model, {name: rows[name] for name in self.model.feature_columns})
        features = {name: ops.convert_to_tensor(each) for name, each in rows.items()}
        return self.model.embed([self.tower.name], features, training)[self.tower.name]

"""A Keras 3 framework for recommenders that learn from several kinds of feedback at once."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtframework.data.batches import Batches
    from mtframework.data.dataset import Dataset, DatasetSource
    from mtframework.data.sources.movielens import MovieLens100K
    from mtframework.data.sources.tables import Tables
    from mtframework.errors import MtframeworkError
    from mtframework.evaluation.evaluate import evaluate
    from mtframework.features.bucketed import Bucketed
    from mtframework.features.categorical import Categorical
    from mtframework.features.day_of_week import DayOfWeek
    from mtframework.features.feature import Feature
    from mtframework.features.hashed import Hashed
    from mtframework.features.normalized import Normalized
    from mtframework.features.recency import Recency
    from mtframework.features.time_of_day import TimeOfDay
    from mtframework.model.model import MultiTaskModel
    from mtframework.schema.schema import Column, Schema
    from mtframework.schema.vocabulary import Vocabulary
    from mtframework.serving.export import export
    from mtframework.serving.fusion import Fusion
    from mtframework.serving.recommender import Recommendations, Recommender
    from mtframework.tasks.feedback import BinaryFeedback
    from mtframework.tasks.ranking import Ranking
    from mtframework.tasks.retrieval import Retrieval
    from mtframework.tasks.task import Task, dense_head, require_label
    from mtframework.towers.base_tower import BaseTower
    from mtframework.towers.history import HistoryTower
    from mtframework.towers.tower import Tower
    from mtframework.training.early_stopping import EarlyStopping
    from mtframework.training.experiment import Experiment
    from mtframework.training.import_tfrs import import_tfrs
    from mtframework.training.run import Run, load_model
    from mtframework.training.train import train
    from mtframework.training.warm_start import WarmStart

__version__ = "0.1.0"

__all__ = [
    "BaseTower",
    "Batches",
    "BinaryFeedback",
    "Bucketed",
    "Categorical",
    "Column",
    "Dataset",
    "DatasetSource",
    "DayOfWeek",
    "EarlyStopping",
    "Experiment",
    "Feature",
    "Fusion",
    "Hashed",
    "HistoryTower",
    "MovieLens100K",
    "MtframeworkError",
    "MultiTaskModel",
    "Normalized",
    "Ranking",
    "Recency",
    "Recommendations",
    "Recommender",
    "Retrieval",
    "Run",
    "Schema",
    "Tables",
    "Task",
    "TimeOfDay",
    "Tower",
    "Vocabulary",
    "WarmStart",
    "dense_head",
    "evaluate",
    "export",
    "import_tfrs",
    "load_model",
    "require_label",
    "train",
]

_HOMES = {
    "BaseTower": "towers.base_tower",
    "Batches": "data.batches",
    "BinaryFeedback": "tasks.feedback",
    "Bucketed": "features.bucketed",
    "Categorical": "features.categorical",
    "Column": "schema.schema",
    "Dataset": "data.dataset",
    "DatasetSource": "data.dataset",
    "DayOfWeek": "features.day_of_week",
    "EarlyStopping": "training.early_stopping",
    "Experiment": "training.experiment",
    "Feature": "features.feature",
    "Fusion": "serving.fusion",
    "Hashed": "features.hashed",
    "HistoryTower": "towers.history",
    "MovieLens100K": "data.sources.movielens",
    "MtframeworkError": "errors",
    "MultiTaskModel": "model.model",
    "Normalized": "features.normalized",
    "Ranking": "tasks.ranking",
    "Recency": "features.recency",
    "Recommendations": "serving.recommender",
    "Recommender": "serving.recommender",
    "Retrieval": "tasks.retrieval",
    "Run": "training.run",
    "Schema": "schema.schema",
    "Tables": "data.sources.tables",
    "Task": "tasks.task",
    "TimeOfDay": "features.time_of_day",
    "Tower": "towers.tower",
    "Vocabulary": "schema.vocabulary",
    "WarmStart": "training.warm_start",
    "dense_head": "tasks.task",
    "evaluate": "evaluation.evaluate",
    "export": "serving.export",
    "import_tfrs": "training.import_tfrs",
    "load_model": "training.run",
    "require_label": "tasks.task",
    "train": "training.train",
}


def __getattr__(name: str):
    # Keras takes seconds to import; `mtframework --help` must not wait for it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

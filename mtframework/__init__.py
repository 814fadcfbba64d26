"""A Keras 3 framework for recommenders that learn from several kinds of feedback at once."""

from mtframework.data.batches import Batches
from mtframework.data.dataset import Dataset
from mtframework.errors import MtframeworkError
from mtframework.features.schema import Column, Schema
from mtframework.features.vocabulary import Vocabulary
from mtframework.model import MultiTaskModel
from mtframework.tasks.feedback import BinaryFeedback
from mtframework.tasks.ranking import Ranking
from mtframework.tasks.retrieval import Retrieval
from mtframework.tasks.task import Task
from mtframework.towers.tower import Tower

__all__ = [
    "Batches",
    "BinaryFeedback",
    "Column",
    "Dataset",
    "MtframeworkError",
    "MultiTaskModel",
    "Ranking",
    "Retrieval",
    "Schema",
    "Task",
    "Tower",
    "Vocabulary",
]

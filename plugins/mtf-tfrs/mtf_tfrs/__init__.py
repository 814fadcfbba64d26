"""TensorFlow Recommenders' own ranking and retrieval tasks as tasks of mtframework."""

from mtf_tfrs.ranking import TfrsRanking
from mtf_tfrs.retrieval import TfrsRetrieval

__version__ = "0.1.0"

__all__ = ["TfrsRanking", "TfrsRetrieval"]

"""Tasks for mtframework: stars, counts, dwell time, value, and ranking by pairs and by lists."""

from mtf_feedback.count import Count
from mtf_feedback.dwell_time import DwellTime
from mtf_feedback.listwise_ranking import ListwiseRanking
from mtf_feedback.ordinal_rating import OrdinalRating
from mtf_feedback.pairwise_ranking import PairwiseRanking
from mtf_feedback.value import Value

__version__ = "0.1.0"

__all__ = ["Count", "DwellTime", "ListwiseRanking", "OrdinalRating", "PairwiseRanking", "Value"]

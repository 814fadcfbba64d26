"""Tasks that cannot tell queries apart, and retrievals that cannot be told apart."""

import warnings
from collections.abc import Mapping

import numpy as np

from mtframework.errors import MtframeworkWarning
from mtframework.model.embedded_rows import embed_queries, embed_rows
from mtframework.model.pair_scores import query_and_candidate_towers, score_all

# So many of each are enough to tell.
_QUERIES, _CANDIDATES = 32, 64


def have_same_order(scores: np.ndarray) -> bool:
    """Returns whether nearly all queries order the candidates alike.

    A head that adds up what each tower says of a row gives every query the same order: what it
    adds for the query is the same for all candidates.

    Args:
        scores: `[num_queries, num_candidates]`; with fewer than 8 queries or 4 candidates nothing
            is told.

    Example:

    >>> queries, candidates = np.linspace(-1, 1, 9)[:, None], np.array([3.0, 1.0, 2.0, 5.0])
    >>> have_same_order(queries + candidates), have_same_order(queries * candidates)
    (True, False)
    """
    scores = scores[:_QUERIES, :_CANDIDATES]
    if len(scores) < 8 or scores.shape[1] < 4:
        return False
    orders = np.argsort(scores, axis=1, kind="stable")
    return bool((orders == orders[0]).all(1).mean() > 0.9)  # rounding may swap a pair


def warn_of_same_order(task: str, scores: np.ndarray) -> None:
    """Warns where a task's scores give many queries one order of candidates."""
    if have_same_order(scores):
        warnings.warn(
            f'The task "{task}" gives every query the same order of candidates: its head only adds '
            "up what the towers say. Give it hidden_units, or bilinear=True where it has that.",
            MtframeworkWarning,
            stacklevel=2,
        )


def score_some(model, encoded: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the scores of some queries and candidates: `{task: [num_queries, num_candidates]}`.

    Args:
        model: An adapted `MultiTaskModel`.
        encoded: The encoded columns of some queries.
    """
    query_towers, candidate_towers = query_and_candidate_towers(model)
    few = {name: each[:_QUERIES] for name, each in encoded.items()}
    some = {name: each[:_CANDIDATES] for name, each in model.catalogue.columns.items()}
    of_queries = embed_queries(model, query_towers, few)
    of_candidates = embed_rows(model, candidate_towers, some)
    return score_all(model, list(model.tasks), of_queries, of_candidates)

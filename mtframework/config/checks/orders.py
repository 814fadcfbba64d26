"""Tasks that order the candidates alike for every query, and retrievals that order them alike."""

import itertools
from collections.abc import Iterator

import numpy as np

from mtframework.config.checks.shares import line_of, made_up_dataset
from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.errors import ModelError
from mtframework.model.pair_scores import query_and_candidate_towers
from mtframework.model.same_order import have_same_order, score_some
from mtframework.training.experiment import Experiment

_NUM_ROWS = 256


def check(configuration: Configuration, experiment: Experiment) -> Iterator[Finding]:
    """Finds tasks that a new model cannot tell queries, or each other, apart by.

    The model must have been adapted to made-up rows.
    """
    model = experiment.model
    if not model.is_adapted:
        return
    try:
        query_and_candidate_towers(model)
    except ModelError:
        return  # nothing is recommended by such a model
    rows = made_up_dataset(model.schema, _NUM_ROWS, {}).train
    scores = score_some(model, model.encode(rows))
    for name, task in model.tasks.items():
        if not task.retrieves and name in scores and have_same_order(scores[name]):
            kind = f"{name}/{type(task).__name__}"
            yield Finding(
                line_of(configuration, name),
                f"{name} gives every query the same order of candidates: its head only adds up "
                "what the towers say.",
                "A head in which the towers interact, where candidates are recommended by it.",
                f"Set {kind}.hidden_units = [64], or {kind}.bilinear = True where it has that.",
                level="warning",
            )
    retrievals = [name for name, task in model.tasks.items() if task.retrieves and name in scores]
    for one, other in itertools.combinations(retrievals, 2):
        if any(model.tasks[name].has_candidate_bias for name in (one, other)):
            continue  # which begin at zero, and will differ
        if np.allclose(scores[one], scores[other], rtol=1e-5, atol=1e-7):
            yield Finding(
                line_of(configuration, other),
                f"{one} and {other} score every pair alike: both are the product of the same two "
                "embeddings.",
                "A score of its own for each retrieval task.",
                f"Set {other}/{type(model.tasks[other]).__name__}.query_units = [], add a sharing "
                "layer, or leave one of the two out.",
                level="warning",
            )

"""Sparse sums against the dense product."""

import numpy as np

from mtframework.evaluation.baselines.similarities import Similarities


def test_scores_are_the_product_with_the_dense_matrix():
    draw = np.random.default_rng(4)
    ones, others, weights = draw.integers(0, 9, 60), draw.integers(0, 9, 60), draw.random(60)
    matrix = np.zeros((9, 9))
    np.add.at(matrix, (ones, others), weights)  # some pairs are there twice
    owners, has, counts = draw.integers(0, 5, 20), draw.integers(0, 9, 20), draw.random(20)
    owned = np.zeros((5, 9))
    np.add.at(owned, (owners, has), counts)
    found = Similarities.of(ones, others, weights, 9).scores(owners, has, counts, 5)
    np.testing.assert_allclose(found, owned @ matrix, rtol=1e-12)

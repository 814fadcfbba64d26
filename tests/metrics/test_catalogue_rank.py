from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mtframework.errors import DataError, ModelError
from mtframework.metrics import higher_scores
from mtframework.metrics.catalogue_rank import (
    catalogue_ranks,
    mean_reciprocal_rank,
    ndcg,
    top_k_accuracy,
)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(11)
    candidates = random.normal(size=(50, 6)).astype("float32")
    candidates[20:30] = candidates[10:20]  # ties
    return {
        "queries": random.normal(size=(40, 6)).astype("float32"),
        "candidates": candidates,
        "positives": random.integers(0, 50, 40),
        "seen": [random.integers(0, 50, size) for size in random.integers(0, 9, 40)],
    }


def sorted_ranks(queries, positives, candidates, seen):
    """The definition: better candidates and half of the equal ones, in float64."""
    ranks = []
    for query, positive, left_out in zip(queries, positives, seen, strict=True):
        scores = [float(np.dot(query.astype("f8"), each.astype("f8"))) for each in candidates]
        others = set(range(len(candidates))) - set(np.asarray(left_out).tolist()) - {positive}
        equal = {i for i in others if np.array_equal(candidates[i], candidates[positive])}
        equal |= {i for i in others if scores[i] == scores[positive]}
        ranks.append(sum(scores[i] > scores[positive] for i in others - equal) + len(equal) / 2)
    return ranks


@pytest.mark.parametrize("blocks", [(1024, 8192), (7, 8), (3, 50), (40, 1)])
def test_ranks_count_better_and_half_of_equal_candidates_whatever_the_blocks(
    data, monkeypatch, blocks
):
    monkeypatch.setattr(higher_scores, "_QUERIES_PER_BLOCK", blocks[0])
    monkeypatch.setattr(higher_scores, "_CANDIDATES_PER_BLOCK", blocks[1])
    monkeypatch.setattr(higher_scores, "_PAIRS_PER_BLOCK", 5 * blocks[1])
    arguments = data["queries"], data["positives"], data["candidates"]
    ranks, unseen = catalogue_ranks(*arguments, seen=data["seen"])
    assert ranks.dtype == unseen.dtype == "float64"
    assert ranks.tolist() == sorted_ranks(*arguments, [()] * 40)
    assert unseen.tolist() == sorted_ranks(*arguments, data["seen"])


def test_seen_rows_may_come_in_compressed_form(data):
    offsets = np.cumsum([0, *map(len, data["seen"])])
    rows = np.concatenate(data["seen"])
    arguments = data["queries"], data["positives"], data["candidates"]
    _, unseen = catalogue_ranks(*arguments, seen=(offsets, rows))
    assert unseen.tolist() == sorted_ranks(*arguments, data["seen"])


def test_scores_that_float32_cannot_tell_apart_are_ranked_exactly():
    # 1 + 2⁻³⁰ and 1 are equal in float32, in the order that sums them up as well.
    query = [[1.0, 1.0]]
    candidates = np.array([[1.0, 0.0], [1.0, 2.0**-30], [1.0, -(2.0**-30)]], "float32")
    for positive, rank in ((0, 1), (1, 0), (2, 2)):
        assert catalogue_ranks(query, [positive], candidates)[0].tolist() == [rank]


@pytest.mark.parametrize("exponents", [(0, 6), (-40, 0), (-3, 18), (-25, -20), (16, 18)])
def test_embeddings_of_any_length_are_ranked_exactly(data, exponents):
    random = np.random.default_rng(3)
    lengths = 10.0 ** random.integers(exponents[0], exponents[1], (50, 1))
    candidates = (lengths * data["candidates"]).astype("float32")
    candidates[40:45] = 0
    factors = 10.0 ** random.integers(exponents[0], exponents[1], (40, 1))
    queries = (factors * data["queries"]).astype("float32")
    arguments = queries, data["positives"], candidates
    ranks, unseen = catalogue_ranks(*arguments, seen=data["seen"])
    assert ranks.tolist() == sorted_ranks(*arguments, [()] * 40)
    assert unseen.tolist() == sorted_ranks(*arguments, data["seen"])


def test_many_blocks_and_many_ties_give_what_sorting_gives():
    random = np.random.default_rng(4)
    candidates = random.normal(size=(2500, 3)).astype("float32")
    candidates[random.integers(0, 2500, 1500)] = candidates[0]  # as of an unknown id
    queries = random.normal(size=(300, 3)).astype("float32")
    positives = np.where(random.random(300) < 0.5, 0, random.integers(0, 2500, 300))
    # Rounded to 2⁻¹⁰, products of three numbers are exact in float64, whatever their order.
    queries, candidates = (np.round(each * 1024) / 1024 for each in (queries, candidates))
    scores = queries.astype("float64") @ candidates.T.astype("float64")
    own = scores[np.arange(300), positives][:, None]
    expected = (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
    assert catalogue_ranks(queries, positives, candidates)[0].tolist() == expected.tolist()


def test_blas_keeps_its_threads():
    before = threadpool_info()
    catalogue_ranks([[1.0]], [0], [[1.0], [3.0]])
    assert threadpool_info() == before


@pytest.mark.parametrize("known", [[], [None]])
def test_a_blas_whose_threads_nobody_knows(data, monkeypatch, known):
    blas = SimpleNamespace(
        lib_controllers=[SimpleNamespace(num_threads=each) for each in known],
        limit=lambda limits: nullcontext(),
    )
    controller = SimpleNamespace(select=lambda user_api: blas)
    monkeypatch.setattr(higher_scores, "ThreadpoolController", lambda: controller)
    arguments = data["queries"], data["positives"], data["candidates"]
    assert catalogue_ranks(*arguments)[0].tolist() == sorted_ranks(*arguments, [()] * 40)


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_where_all_candidates_are_alike_every_rank_is_the_middle(data, factor):
    alike = np.repeat(factor * data["candidates"][:1], 50, axis=0)
    ranks, _ = catalogue_ranks(data["queries"], data["positives"], alike)
    assert set(ranks) == {24.5}
    seen = [[0, 1, 2, 2]] * 40
    positives = np.full(40, 2)
    ranks, unseen = catalogue_ranks(0 * data["queries"], positives, data["candidates"], seen=seen)
    assert set(ranks) == {24.5}
    assert set(unseen) == {23.5}  # two of the 49 others are left out
    assert top_k_accuracy(ranks, 24) == 0


def test_no_queries_have_no_ranks(data):
    ranks, unseen = catalogue_ranks(np.zeros((0, 6)), [], data["candidates"], seen=[])
    assert ranks.shape == unseen.shape == (0,)


def test_metrics_follow_from_ranks():
    ranks = np.array([0, 1, 4, 30])
    assert top_k_accuracy(ranks, 1) == 0.25
    assert top_k_accuracy(ranks, 5) == 0.75
    assert top_k_accuracy(ranks, 1000) == 1
    assert top_k_accuracy(np.array([0.5]), 1) == 0  # two share the first place: half a hit is none
    assert top_k_accuracy(np.array([0.5]), 2) == 1
    assert top_k_accuracy(ranks, 1, sample_weight=[3, 1, 1, 1]) == 0.5
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 31) / 4)
    gains = [1, 1 / np.log2(3), 1 / np.log2(6), 1 / np.log2(32)]
    assert ndcg(ranks) == pytest.approx(sum(gains) / 4)
    assert ndcg(ranks, k=2) == pytest.approx(sum(gains[:2]) / 4)
    assert np.isnan(top_k_accuracy(ranks, 1, sample_weight=np.zeros(4)))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"queries": np.full((40, 6), np.nan)}, ModelError, "40 of 40 embeddings of the queries"),
        ({"candidates": np.full((50, 6), np.inf)}, ModelError, "50 of 50 embeddings"),
        ({"candidates": np.zeros((50, 5))}, ModelError, "6 dimensions, the candidates 5"),
        ({"candidates": np.zeros(50)}, ModelError, r"shape \(50,\)"),
        ({"positives": [0] * 39}, DataError, "40 queries and 39 positives"),
        ({"positives": [-1] + [50] * 39}, DataError, "40 of 40 positives are outside .* is -1"),
        ({"seen": [[50]] + [[]] * 39}, DataError, "1 of 1 seen are outside"),
        ({"seen": [[1]]}, DataError, "40 queries and seen candidates for 1"),
    ],
)
def test_input_that_cannot_be_ranked_is_an_error(data, change, error, text):
    arguments = {**data, **change}
    seen = arguments.pop("seen")
    with pytest.raises(error, match=text):
        catalogue_ranks(**arguments, seen=seen)


def test_k_below_one_is_an_error():
    with pytest.raises(DataError, match="k is 0"):
        top_k_accuracy(np.array([1]), 0)

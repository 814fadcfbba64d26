"""Retrieve, filter, rank, fuse: against a plain sort of the predictions of every pair."""

import numpy as np
import pytest
from keras import ops
from shop import make_shop
from wide_shop import (
    NUM_PRODUCTS,
    SCHEMA,
    make_catalogue,
    make_model,
    make_rows,
    make_tasks,
    make_towers,
    scores_row_by_row,
)

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.model import recommend as module
from mtframework.serving.exact_index import ExactIndex
from mtframework.serving.faiss_index import FaissIndex

FUSION = mtf.Fusion({"rating": 1.0, "buy": -5.0, "find": 0.25})
CATALOGUE = make_catalogue()
NAMES = CATALOGUE["product"]


def seen_by(shopper) -> set[str]:
    rows = make_rows(90, seed=1)
    return set(rows["product"][rows["shopper"].astype(str) == str(shopper)].tolist())


def sorted_plainly(scores, weights, num_retrieved, excluded):
    """Returns the places of one query's candidates, best first, and their fused scores."""
    places = [i for i in range(len(scores["find"])) if NAMES[i] not in excluded]
    places = sorted(places, key=lambda i: -scores["find"][i])[:num_retrieved]
    fused = {i: sum(weights[task] * scores[task][i] for task in weights) for i in places}
    best = sorted(places, key=lambda i: -fused[i])
    return best, [fused[i] for i in best]


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("num_retrieved", [6, 500])
def test_equals_a_plain_sort(wide_model, queries, num_retrieved, exclude_seen, monkeypatch):
    monkeypatch.setattr(module, "_SCORES_AT_ONCE", 2 * NUM_PRODUCTS)  # blocks of two queries
    exclude = [["product ä01", "no such product", "product ä09"], [], *[["product ä03"]] * 7]
    recommender = mtf.Recommender(wide_model, FUSION, num_retrieved=num_retrieved)
    found = recommender.recommend(queries, 4, exclude_seen, exclude)
    scores = scores_row_by_row(wide_model, queries, CATALOGUE)
    for query, shopper in enumerate(queries["shopper"]):
        hidden = {*exclude[query], *(seen_by(shopper) if exclude_seen else ())}
        of_query = {task: each[query] for task, each in scores.items()}
        best, fused = sorted_plainly(of_query, FUSION.weights, num_retrieved, hidden)
        assert found.ids[query].tolist() == NAMES[best[:4]].tolist()
        np.testing.assert_allclose(found.score[query], fused[:4], rtol=1e-4, atol=1e-5)
        for task in wide_model.tasks:
            expected = of_query[task][best[:4]]
            np.testing.assert_allclose(found.scores[task][query], expected, rtol=1e-4, atol=1e-5)


def test_without_a_fusion_it_is_the_models_own_recommend(wide_model, queries):
    own = wide_model.recommend(queries, k=7)
    found = mtf.Recommender(wide_model).recommend(queries, k=7)
    assert found.ids.tolist() == own["product"].tolist()
    np.testing.assert_allclose(found.score, own["score"], rtol=1e-5)
    np.testing.assert_array_equal(found.score, found.scores["find"])


@pytest.mark.parametrize("task", ["find", "rating"])
def test_the_models_own_recommend_in_blocks_is_the_same(wide_model, queries, task, monkeypatch):
    whole = wide_model.recommend(queries, k=5, task=task)
    monkeypatch.setattr(module, "_SCORES_AT_ONCE", 2 * NUM_PRODUCTS)  # blocks of two queries
    scored = []
    best = module._best

    def counted(scores, num, excluded):
        scored.append(scores.shape)
        return best(scores, num, excluded)

    monkeypatch.setattr(module, "_best", counted)
    blocks = wide_model.recommend(queries, k=5, task=task)
    num_queries = len(queries["shopper"])
    sizes = [2] * (num_queries // 2) + [1] * (num_queries % 2)
    assert scored == [(size, NUM_PRODUCTS) for size in sizes]
    assert blocks["product"].tolist() == whole["product"].tolist()
    np.testing.assert_allclose(blocks["score"], whole["score"], rtol=1e-5)


def test_recall_names_a_column_that_nobody_reads(wide_model, queries):
    wrong = {**queries, "shoper": queries["shopper"]}
    with pytest.raises(mtf.MtframeworkError, match=r'"shoper"\. Did you mean "shopper"'):
        mtf.Recommender(wide_model).recall(wrong, k=2)


def test_a_query_without_a_time_asks_now(wide_model, queries, monkeypatch):
    now = 1_650_000_000
    monkeypatch.setattr("time.time", lambda: now + 0.5)
    timed = {**queries, "when": np.full(len(queries["when"]), now)}
    untimed = {name: each for name, each in queries.items() if name != "when"}
    recommender = mtf.Recommender(wide_model)
    earlier, expected, found = map(recommender.recommend, (queries, timed, untimed))
    np.testing.assert_array_equal(found.score, expected.score)
    assert (found.score != earlier.score).any()
    own, expected = (wide_model.recommend(each)["score"] for each in (untimed, timed))
    np.testing.assert_array_equal(own, expected)


def test_without_retrieval_every_candidate_is_ranked(queries):
    ranking = make_model(make_towers(), [mtf.Ranking("rating", label="stars", hidden_units=[5])])
    own = ranking.recommend(queries, k=5)
    found = mtf.Recommender(ranking, num_retrieved=1).recommend(queries, k=5)
    assert found.ids.tolist() == own["product"].tolist()
    expected = scores_row_by_row(ranking, queries, CATALOGUE)["rating"]
    expected[[[name in seen_by(who) for name in NAMES] for who in queries["shopper"]]] = -np.inf
    np.testing.assert_allclose(found.score, -np.sort(-expected)[:, :5], rtol=1e-4, atol=1e-5)
    assert set(found.scores) == {"rating"}


def test_a_query_that_has_seen_nearly_all_gets_what_is_left(wide_model, queries):
    one = {name: values[:1] for name, values in queries.items()}
    left = sorted(set(NAMES.tolist()) - seen_by(queries["shopper"][0]))[:2]
    exclude = [[name for name in NAMES if name not in left]]
    found = mtf.Recommender(wide_model, FUSION).recommend(one, 5, exclude=exclude)
    assert sorted(found.ids[0][:2].tolist()) == left
    assert found.ids[0][2:].tolist() == [""] * 3
    assert np.isneginf(found.score[0][2:]).all()
    assert all(np.isneginf(each[0][2:]).all() for each in found.scores.values())


def test_no_query_has_no_recommendation(wide_model, queries):
    none = {name: values[:0] for name, values in queries.items()}
    found = mtf.Recommender(wide_model, FUSION).recommend(none, 3)
    assert found.ids.shape == found.score.shape == found.scores["buy"].shape == (0, 3)


def test_new_candidates_are_known_by_their_features(queries):
    features = ["brand", "tags", mtf.Normalized("price")]
    model = make_model(make_towers(features), make_tasks())
    recommender = mtf.Recommender(model, FUSION)
    # What has the features of an old candidate has its scores.
    twin = {name: values[[6]] for name, values in CATALOGUE.items()} | {"product": ["brand new"]}
    recommender.add_candidates(twin)
    found = recommender.recommend(queries, NUM_PRODUCTS + 1, exclude_seen=False)
    assert all(sorted(row) == sorted([*NAMES, "brand new"]) for row in found.ids.tolist())
    for ids, score in zip(found.ids, found.score, strict=True):
        new, old = score[ids == "brand new"], score[ids == NAMES[6]]
        np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)
    without = recommender.recommend(queries, 3, exclude=[["brand new"]] * 9)
    assert "brand new" not in without.ids

    for again, name in ((["brand new"], "brand new"), (["x", "x"], "x"), ([NAMES[2]], NAMES[2])):
        rows = {column: values[: len(again)] for column, values in CATALOGUE.items()}
        with pytest.raises(DataError, match=f'The new candidate "{name}" is there already'):
            recommender.add_candidates({**rows, "product": again})
    with pytest.raises(DataError, match='The new candidates lack the column "brand"'):
        recommender.add_candidates({"product": ["y"], "tags": [""], "price": [1.0]})
    with pytest.raises(DataError, match="The columns have different numbers of rows"):
        recommender.add_candidates({**CATALOGUE, "product": ["y"]})


def test_new_candidates_known_by_their_id_alone_are_refused():
    model = make_model(make_towers(["product"]), make_tasks())
    with pytest.raises(ModelError, match='The tower "product" reads "product" alone'):
        mtf.Recommender(model).add_candidates({"product": ["brand new"]})


def test_faiss_finds_what_exact_search_finds_where_it_searches_all(monkeypatch):
    draw = np.random.default_rng(0)
    candidates = draw.normal(size=(400, 8)).astype("float32")
    queries = draw.normal(size=(30, 8)).astype("float32")
    excluded = np.repeat(np.arange(30), 5), draw.integers(0, 400, 150)
    exact = ExactIndex(candidates).search(queries, 10, excluded)
    whole = FaissIndex(candidates[:300], share_probed=1.0)
    whole.add(candidates[300:])
    found = whole.search(queries, 10, excluded)
    np.testing.assert_array_equal(found[0], exact[0])
    np.testing.assert_allclose(found[1], exact[1], rtol=1e-5)
    rows, scores = FaissIndex(candidates, 0.1).search(queries, 200, excluded)
    assert np.isneginf(scores[:, -1]).all()  # one list of ten does not hold half of them
    assert all(
        len(set(row[np.isfinite(s)])) == np.isfinite(s).sum()
        for row, s in zip(rows, scores, strict=True)
    )


def test_recall_of_faiss_is_the_share_of_the_exact_best(wide_model, queries):
    assert mtf.Recommender(wide_model).recall(queries, 5) == 1.0
    recommender = mtf.Recommender(wide_model, FUSION, index="faiss")
    assert recommender.recall(queries, 5) == 1.0  # one list holds so small a catalogue
    exact = mtf.Recommender(wide_model, FUSION).recommend(queries, 4)
    assert recommender.recommend(queries, 4).ids.tolist() == exact.ids.tolist()

    class Poor:  # finds the best one alone, and the worst
        def search(self, embeddings, k, excluded):
            rows, scores = ExactIndex(recommender.candidates.embeddings["product"]).search(
                embeddings, NUM_PRODUCTS, excluded
            )
            chosen = [0, *range(NUM_PRODUCTS - k + 1, NUM_PRODUCTS)]
            return rows[:, chosen], scores[:, chosen]

    recommender.index = Poor()
    assert recommender.recall(queries, 5) == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda r, q: r.recommend(q, 26), r"k is 26, and the catalogue holds 25 candidates"),
        (lambda r, q: r.recommend({"age": q["age"]}), 'The queries lack the column "shopper"'),
        (lambda r, q: r.recommend({"age": q["age"]}, 1, False), 'lack the column "shopper"'),
        (lambda r, q: r.recommend({}, 1, False), "The features lack the column"),
        (lambda r, q: r.recommend({**q, "age": [1.0]}), "The columns have different numbers"),
        (lambda r, q: r.recommend(q, exclude=["product ä01"] * 9), r"exclude is \['product"),
        (lambda r, q: r.recommend(q, exclude=[["a"]]), r"exclude is \[\['a'\]\], for 9 queries"),
        (lambda r, q: mtf.Recommender(r.model, num_retrieved=0), "num_retrieved = 0"),
        (lambda r, q: mtf.Recommender(r.model, index="fais"), "index = 'fais'"),
        (lambda r, q: mtf.Recommender(r.model, mtf.Fusion({"ratin": 1.0})), '"ratin", and there'),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_answered(call, found, wide_model, queries):
    with pytest.raises((ModelError, DataError), match=found):
        call(mtf.Recommender(wide_model, FUSION), queries)


@pytest.mark.parametrize("part", ["shopper", "product", "rating"])
def test_a_model_that_has_diverged_recommends_nothing(part):
    model = make_model(make_towers(), make_tasks())
    owner = model.towers.get(part) or model.tasks[part]
    weight = owner.trainable_variables[0]
    values = ops.convert_to_numpy(weight).copy()
    values[1:3] = np.nan
    weight.assign(values)
    with pytest.raises(ModelError, match=f'2 of {len(values)} rows of the weight "{weight.path}"'):
        mtf.Recommender(model, FUSION)


def test_models_that_cannot_recommend():
    towers = [mtf.Tower("shopper", ["shopper"])]
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("rating", label="stars")])
    with pytest.raises(ModelError, match="used before it knows its columns"):
        mtf.Recommender(model)
    model.adapt(make_shop())
    with pytest.raises(ModelError, match="no tower that reads only candidate columns"):
        mtf.Recommender(model)
    mixed = mtf.Tower("product", ["product", "age"], embedding_dim=6)
    model = make_model([make_towers()[0], mixed, mtf.Tower("brand", ["brand"])], make_tasks())
    with pytest.raises(ModelError, match='in which the task "find" finds candidates, reads more'):
        mtf.Recommender(model)
    assert SCHEMA.candidate_key == "product"

"""The model: one reduction, missing labels, saving, recommending, and what it refuses."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from shop import SHOP_SCHEMA, make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.model.batches import batches_of
from mtframework.registry import register_task


@register_task("label_as_loss")
class LabelAsLoss(mtf.Task):
    """A task whose loss of a row is the row's label, so that sums can be done by hand."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(), initializer="ones", name="bias")

    def call(self, inputs, training=None):
        return self.bias * ops.ones_like(inputs["representation"][:, 0])

    def example_losses(self, labels, predictions, inputs):
        return labels * predictions


def hand_model(shop, *tasks):
    model = mtf.MultiTaskModel(make_towers(), tasks)
    model.adapt(shop)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    return model


def loss_of(model, num_rows, labels, weights=None):
    features = {"shopper": np.ones(num_rows, "int32"), "product": np.ones(num_rows, "int32")}
    outputs = model(features, training=True)
    return float(ops.convert_to_numpy(model.compute_loss(features, labels, outputs, weights)))


def test_loss_is_the_weighted_mean_over_rows_with_a_label(shop):
    model = hand_model(shop, LabelAsLoss("a", label="stars", sample_weight="trust"))
    labels = {"stars": np.array([1.0, np.nan, 3.0], "float32")}
    weights = {"trust": np.array([1.0, 7.0, 3.0], "float32")}
    assert loss_of(model, 3, labels, weights) == pytest.approx((1 * 1 + 3 * 3) / (1 + 3))


def test_total_is_the_sum_of_weighted_task_losses(shop):
    model = hand_model(
        shop,
        LabelAsLoss("a", label="stars", loss_weight=0.5),
        LabelAsLoss("b", label="bought", loss_weight=2.0, missing_label=-1),
    )
    labels = {
        "stars": np.array([4.0, np.nan, 2.0], "float32"),
        "bought": np.array([-1.0, 1.0, 0.0], "float32"),
    }
    assert loss_of(model, 3, labels) == pytest.approx(0.5 * 3.0 + 2.0 * 0.5)


def test_loss_does_not_depend_on_the_batch_size(shop):
    model = hand_model(shop, LabelAsLoss("a", label="stars"))
    labels = np.array([1.0, np.nan, 4.0], "float32")
    once = loss_of(model, 3, {"stars": labels})
    assert loss_of(model, 30, {"stars": np.tile(labels, 10)}) == pytest.approx(once)


def test_task_without_labels_in_a_batch_has_loss_zero_and_no_gradient(shop):
    model = hand_model(
        shop, LabelAsLoss("a", label="stars"), LabelAsLoss("b", label="bought", loss_weight=3.0)
    )
    rows = shop_rows(16, seed=3)
    rows["stars"][:] = np.nan
    batches = mtf.Batches(
        shop.encode(rows), model.feature_columns, model.label_columns, batch_size=16
    )
    before = float(ops.convert_to_numpy(model.tasks["a"].bias))
    history = model.fit(batches, epochs=2, verbose=0).history
    assert float(ops.convert_to_numpy(model.tasks["a"].bias)) == before
    assert float(ops.convert_to_numpy(model.tasks["b"].bias)) != before
    assert not [name for name in history if name.startswith("a/loss")], "a loss nobody measured"
    assert history["b/loss"][0] == pytest.approx(rows["bought"].mean(), abs=1e-5)


def test_reported_losses_are_unweighted_and_shares_sum_to_one(model, shop):
    batches = batches_of(model, shop, "train", 80)
    history = model.fit(batches, epochs=1, verbose=0).history
    shares = {name: history[f"{name}/share"][0] for name in model.tasks}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    results = model.evaluate(batches, return_dict=True, verbose=0)
    contributions = {
        name: t.loss_weight * results[f"{name}/loss"] for name, t in model.tasks.items()
    }
    total = sum(contributions.values())
    for name in model.tasks:
        # Epoch means over unequal last batches differ a little between the two.
        assert results[f"{name}/share"] == pytest.approx(contributions[name] / total, abs=0.02)


def test_metrics_count_rows_with_a_label_and_a_weight_once_and_the_loss_weighs_them(shop):
    model = hand_model(shop, mtf.Ranking("rating", label="stars", sample_weight="trust"))
    labels = np.array([1.0, np.nan, 5.0, 3.0], "float32")
    columns = {
        "shopper": np.arange(4, dtype="int32"),
        "product": np.arange(4, dtype="int32"),
        "stars": labels,
        "trust": np.array([1.0, 9.0, 2.0, 0.0], "float32"),
    }
    batches = mtf.Batches(columns, ["shopper", "product"], ["stars"], ["trust"], 3, shuffle=False)
    predicted = model.predict(batches, verbose=0)["rating"]
    results = model.evaluate(batches, return_dict=True, verbose=0)
    errors = predicted[[0, 2]] - labels[[0, 2]]
    assert results["rating/rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
    expected = (1 * errors[0] ** 2 + 2 * errors[1] ** 2) / 3
    assert results["rating/loss"] == pytest.approx(expected, rel=1e-5)


def test_training_lowers_every_loss(model, shop):
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    history = model.fit(batches_of(model, shop, "train", 80), epochs=20, verbose=0).history
    for name in model.tasks:
        assert history[f"{name}/loss"][-1] < 0.9 * history[f"{name}/loss"][0]


FRESH = """
import json, sys
import mtframework as mtf
model = mtf.load_model(sys.argv[1])
rows = {"shopper": [3, 99], "product": ["product 07", "never sold"]}
print(json.dumps({
    "predicted": {n: v.tolist() for n, v in model.predict(model.encode(rows), verbose=0).items()},
    "recommended": model.recommend({"shopper": [3, 99]}, k=5)["product"].tolist(),
    "step": int(model.optimizer.iterations),
}))
"""


def test_saved_model_predicts_and_recommends_the_same_in_a_fresh_process(model, shop, tmp_path):
    model.fit(batches_of(model, shop, "train", 80), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    answer = subprocess.run(
        [sys.executable, "-c", FRESH, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=True,
    )
    fresh = json.loads(answer.stdout.strip().splitlines()[-1])
    rows = {"shopper": [3, 99], "product": ["product 07", "never sold"]}
    here = model.predict(model.encode(rows), verbose=0)
    for name, scores in here.items():
        np.testing.assert_allclose(fresh["predicted"][name], scores, rtol=1e-5)
    recommended = model.recommend({"shopper": [3, 99]}, k=5)["product"]
    assert fresh["recommended"] == recommended.tolist()
    assert fresh["step"] == 2 * 5


def test_recommend_gives_the_best_unseen_candidates(model, shop):
    shopper = shop.train["shopper"][0]
    seen = set(shop.train["product"][shop.train["shopper"] == shopper])
    everything = model.recommend({"shopper": [shopper]}, k=30, exclude_seen=False)
    vocabulary = model.vocabularies["product"]
    tables = {
        name: ops.convert_to_numpy(tower.encoder.parts[0].embedding.embeddings)
        for name, tower in model.towers.items()
    }
    query = tables["shopper"][model.vocabularies["shopper"].ids([shopper])[0]]
    names = shop.catalogue["product"]
    by_hand = tables["product"][vocabulary.ids(names)] @ query
    order = np.argsort(-by_hand)
    assert everything["product"][0].tolist() == names[order].tolist()
    np.testing.assert_allclose(everything["score"][0], by_hand[order], rtol=1e-4, atol=1e-6)
    unseen = model.recommend({"shopper": [shopper]}, k=30)
    expected = [name for name in names[order] if name not in seen]
    assert unseen["product"][0].tolist() == expected + [""] * len(seen)
    assert np.isneginf(unseen["score"][0][len(expected) :]).all()


def test_a_model_that_has_diverged_recommends_nothing(shop):
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    model.adapt(shop)
    table = model.towers["shopper"].trainable_variables[0]
    values = np.array(ops.convert_to_numpy(table))
    values[model.vocabularies["shopper"].ids([4])[0]] = np.inf
    table.assign(values)
    found = '1 of 2 embeddings of the tower "shopper" are not finite'
    with pytest.raises(ModelError, match=found):
        model.recommend({"shopper": [3, 4]}, k=3)


def test_recommend_by_another_task_sorts_by_its_scores(model):
    best = model.recommend({"shopper": [4]}, k=3, task="rating", exclude_seen=False)
    rows = model.encode({"shopper": [4] * 3, "product": best["product"][0]})
    predicted = model.predict(rows, verbose=0)["rating"]
    np.testing.assert_allclose(best["score"][0], predicted, rtol=1e-5)
    assert (np.diff(best["score"][0]) <= 0).all()


def test_unseen_ids_get_the_out_of_vocabulary_embedding(model):
    rows = {"shopper": ["stranger", "another"], "product": ["product 01", "product 01"]}
    assert model.encode(rows)["shopper"].tolist() == [0, 0]
    scores = model.predict(model.encode(rows), verbose=0)
    assert scores["rating"][0] == scores["rating"][1]


def test_training_top_k_counts_among_the_candidates_of_the_batch(shop):
    find = mtf.Retrieval("find", query="shopper", candidate="product", training_top_k=[1, 5])
    model = hand_model(shop, find)
    columns = shop.encode(shop_rows(40, seed=4))
    batches = mtf.Batches(columns, model.feature_columns, batch_size=40, shuffle=False)
    results = model.evaluate(batches, return_dict=True, verbose=0)
    tables = {
        name: ops.convert_to_numpy(tower.encoder.parts[0].embedding.embeddings)
        for name, tower in model.towers.items()
    }
    scores = tables["shopper"][columns["shopper"]] @ tables["product"].T
    ranks = [
        sum(row[other] > row[own] for other in set(columns["product"]))
        for row, own in zip(scores, columns["product"], strict=True)
    ]
    for k in (1, 5):
        assert results[f"find/top_{k}"] == pytest.approx(np.mean(np.array(ranks) < k))


def test_uniform_negatives_reach_candidates_that_no_row_holds(shop):
    rows = shop_rows(64, seed=4)
    rows["product"][:] = "product 03"
    find = mtf.Retrieval(
        "find", query="shopper", candidate="product", num_uniform_negatives=40, logq=False
    )
    model = hand_model(shop, find)
    (table,) = model.towers["product"].trainable_variables
    before = np.array(ops.convert_to_numpy(table))
    columns = shop.encode(rows)
    model.fit(mtf.Batches(columns, model.feature_columns, batch_size=80), epochs=4, verbose=0)
    moved = (before != ops.convert_to_numpy(table)).any(axis=1)
    assert moved.sum() > 15
    assert not moved[0], "the out-of-vocabulary embedding is not a candidate"


def numeric_tower():
    return mtf.Tower("shopper", ["shopper", "age"], embedding_dim=8, hidden_units=[16])


def test_towers_mix_ids_and_numbers(shop):
    model = mtf.MultiTaskModel([numeric_tower(), make_towers()[1]], make_tasks())
    model.adapt(shop)
    model.compile()
    history = model.fit(batches_of(model, shop, "train", 80), epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def refuses(error, text, make, *arguments, **keywords):
    with pytest.raises(error) as raised:
        make(*arguments, **keywords)
    assert text in str(raised.value)
    assert "expected: " in str(raised.value)
    assert "fix: " in str(raised.value)


def adapted(towers, tasks, shop=None):
    model = mtf.MultiTaskModel(towers, tasks)
    model.adapt(shop or make_shop())
    return model


@pytest.mark.parametrize(
    ("text", "make"),
    [
        (
            'Two tasks are named "rating"',
            lambda: mtf.MultiTaskModel(make_towers(), [make_tasks()[0], make_tasks()[0]]),
        ),
        (
            'No task reads the tower "season"',
            lambda: mtf.MultiTaskModel(
                [*make_towers(), mtf.Tower("season", ["age"])], [make_tasks()[1]]
            ),
        ),
        ('task "rating" (Ranking) has no label', lambda: mtf.Ranking("rating")),
        (
            'there is no such tower. Did you mean "shopper"?',
            lambda: mtf.MultiTaskModel(
                make_towers(), [mtf.Retrieval("find", query="shoper", candidate="product")]
            ),
        ),
        ("has loss_weight = -1", lambda: mtf.Ranking("r", label="stars", loss_weight=-1)),
        ("has loss_weight = '2'", lambda: mtf.Ranking("r", label="stars", loss_weight="2")),
        ("has loss_weight = None", lambda: mtf.Ranking("r", label="stars", loss_weight=None)),
        ("has label = 3", lambda: mtf.Ranking("r", label=3)),
        ("has sample_weight = ''", lambda: mtf.Ranking("r", label="stars", sample_weight="")),
        (
            'Did you mean "mean_squared_error"?',
            lambda: mtf.Ranking("r", label="stars", loss="mean_sqared_error"),
        ),
        ("tasks = 'rating'", lambda: mtf.MultiTaskModel(make_towers(), "rating")),
        (
            "the class Ranking and no object of it",
            lambda: mtf.MultiTaskModel(make_towers(), [mtf.Ranking]),
        ),
        ("The list towers is empty", lambda: mtf.MultiTaskModel([], make_tasks())),
        ("has features = 'shopper'", lambda: mtf.Tower("shopper", "shopper")),
        (
            'No training row counts for the task "r"',
            lambda: adapted(
                make_towers(),
                [mtf.Ranking("r", label="stars"), *make_tasks()[1:]],
                make_shop(train={**shop_rows(9, 0), "stars": np.full(9, np.nan, "float32")}),
            ),
        ),
        (
            'label "stars" of the task "b" holds',
            lambda: adapted(make_towers(), [mtf.BinaryFeedback("b", label="stars")]),
        ),
        (
            'sample weight "age" of the task "r" holds -',
            lambda: adapted(make_towers(), [mtf.Ranking("r", label="stars", sample_weight="age")]),
        ),
        (
            'The query tower "shopper" of the task "find" has the key "age"',
            lambda: adapted(
                [mtf.Tower("shopper", ["age", "shopper"]), make_towers()[1]],
                [mtf.Retrieval("find", query="shopper", candidate="product")],
            ),
        ),
        (
            "compares embeddings of unequal sizes: {'shopper': 4, 'product': 8}",
            lambda: adapted(
                [mtf.Tower("shopper", ["shopper"], embedding_dim=4), make_towers()[1]],
                [mtf.Retrieval("find", query="shopper", candidate="product")],
            ),
        ),
        (
            'The column "shopper" is categorical, and the task "r" reads it as a numeric label',
            lambda: adapted(make_towers(), [mtf.Ranking("r", label="shopper")]),
        ),
        (
            "loss = 'binary_crossentropy' and activation = None",
            lambda: mtf.Ranking("r", label="stars", loss="binary_crossentropy"),
        ),
        (
            'label "stars" of the task "r" holds',
            lambda: adapted(
                make_towers(),
                [mtf.Ranking("r", label="stars", loss="binary_crossentropy", activation="sigmoid")],
            ),
        ),
        ("has temperature = 0", lambda: mtf.Retrieval("find", temperature=0)),
        (
            'Did you mean "catalogue"?',
            lambda: mtf.Retrieval("find", negatives="catalog"),
        ),
        ("has positive_from = 4", lambda: mtf.Retrieval("find", positive_from=4)),
        ("has num_hard_negatives = 0", lambda: mtf.Retrieval("find", num_hard_negatives=0)),
    ],
)
def test_model_refuses(text, make):
    refuses(ModelError, text, make)


@pytest.mark.parametrize(
    ("text", "make"),
    [
        (
            'There is no column "shoper". Did you mean "shopper"?',
            lambda: adapted([mtf.Tower("s", ["shoper"])], [mtf.Ranking("r", label="stars")]),
        ),
        (
            'There is no column "star". Did you mean "stars"?',
            lambda: adapted(make_towers(), [mtf.Ranking("r", label="star")]),
        ),
        ("the data set is empty", lambda: make_shop(train=shop_rows(0, 0))),
        (
            'The feature "age" is nan in row 0 of the test rows',
            lambda: make_shop(test={**shop_rows(2, 0), "age": np.full(2, np.nan)}),
        ),
    ],
)
def test_data_is_refused(text, make):
    refuses(DataError, text, make)


def test_model_refuses_to_be_used_before_adapt():
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    features = {"shopper": np.ones(2, "int32"), "product": np.ones(2, "int32")}
    refuses(ModelError, "before it knows its columns", model, features)


def test_model_refuses_a_second_adapt(model, shop):
    refuses(ModelError, "already adapted", model.adapt, shop)


def test_compile_refuses_a_loss(model):
    refuses(ModelError, "compile was given loss", model.compile, loss="mse")


def test_recommend_refuses_k_above_the_catalogue(model):
    refuses(
        ModelError, "k is 31, and the catalogue holds 30", model.recommend, {"shopper": [1]}, k=31
    )


def test_recommend_refuses_an_unknown_task(model):
    refuses(
        ModelError,
        'no task "ratng". Did you mean "rating"?',
        model.recommend,
        {"shopper": [1]},
        task="ratng",
    )


def test_recommend_refuses_queries_that_nobody_can_be_known_by(shop):
    towers = [mtf.Tower("age", ["age"], embedding_dim=8), make_towers()[1]]
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("rating", label="stars")])
    model.adapt(shop)
    refuses(ModelError, 'lack the column "shopper"', model.recommend, {"age": [0.1]}, k=2)
    assert model.recommend({"age": [0.1]}, k=2, exclude_seen=False)["product"].shape == (1, 2)


def test_numbers_that_are_none_are_refused_when_serving(shop):
    model = mtf.MultiTaskModel([numeric_tower(), make_towers()[1]], make_tasks())
    model.adapt(shop)
    query = {"shopper": [1], "age": [float("nan")]}
    refuses(DataError, 'The feature "age" is nan in row 0', model.recommend, query, k=2)
    query["age"] = ["old"]
    refuses(DataError, 'The numeric column "age" holds', model.recommend, query, k=2)


def test_compile_before_adapt_keeps_heads_of_absent_tasks_as_well(shop):
    tasks = [LabelAsLoss("a", label="stars"), LabelAsLoss("b", label="bought")]
    model = mtf.MultiTaskModel(make_towers(), tasks)
    model.compile(optimizer=keras.optimizers.Adam(0.1))
    model.adapt(shop)
    model.fit(batches_of(model, shop, "train", 80), epochs=1, verbose=0)
    before = float(ops.convert_to_numpy(model.tasks["a"].bias))
    rows = {**shop_rows(16, seed=3), "stars": np.full(16, np.nan, "float32")}
    columns = shop.encode(rows)
    model.fit(
        mtf.Batches(columns, model.feature_columns, model.label_columns, batch_size=16), verbose=0
    )
    assert float(ops.convert_to_numpy(model.tasks["a"].bias)) == before


def test_predict_refuses_missing_columns(model):
    refuses(
        ModelError,
        'lack the column "product" of the tower "product"',
        model.predict,
        {"shopper": np.ones(2, "int32")},
        verbose=0,
    )


def test_schema_is_kept_with_the_model(model, tmp_path):
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").schema == SHOP_SCHEMA

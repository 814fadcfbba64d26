"""`Categories`: classes by name, by hand and through a model."""

import dataclasses

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.evaluation.evaluate import metrics_of_scores

SCHEMA = mtf.Schema(
    (
        mtf.Column("shopper", "categorical", "query"),
        mtf.Column("product", "categorical", "candidate"),
        mtf.Column("reason", "categorical", "label"),
    ),
    query_key="shopper",
    candidate_key="product",
)
PRODUCTS = {"product": ["shoe", "shirt", "lamp"]}
REASON_OF = {"shoe": "too small", "shirt": "too large", "lamp": "damaged"}


def rows(*more: tuple[str, object]) -> dict:
    """Returns 60 returned products, with the reason of each, and some rows behind them."""
    products = [PRODUCTS["product"][i % 3] for i in range(60)]
    reasons = [REASON_OF[each] for each in products]
    products += [product for product, _ in more]
    return {
        "shopper": [f"s{i % 7}" for i in range(len(products))],
        "product": products,
        "reason": np.array([*reasons, *(reason for _, reason in more)], object),
    }


def trained(data: mtf.Dataset) -> mtf.MultiTaskModel:
    keras.utils.set_random_seed(0)
    towers = [mtf.Tower("shopper", ["shopper"]), mtf.Tower("product", ["product"])]
    model = mtf.MultiTaskModel(towers, [mtf.Categories("why", label="reason", hidden_units=[8])])
    model.adapt(data)
    model.compile(keras.optimizers.Adam(0.03))
    model.fit(mtf.batches_of(model, data, "train", batch_size=32), epochs=4, verbose=0)
    return model


def test_the_loss_is_the_logarithm_of_the_probability_of_the_row_s_own_class():
    task = mtf.Categories("why", label="reason")
    task.use_classes(["a", "b", "c"])
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]], "float32")) + 4
    losses = task.example_losses(ops.convert_to_tensor(np.float32([3, 2])), logits, {})
    np.testing.assert_allclose(ops.convert_to_numpy(losses), -np.log([0.5, 0.2]), rtol=1e-5)
    scores = task.scores(logits)
    assert list(scores) == ["a", "b", "c"]
    np.testing.assert_allclose(ops.convert_to_numpy(scores["b"]), [0.3, 0.2], rtol=1e-5)


def test_classes_go_in_and_come_out_by_name(tmp_path):
    """Missing and unknown classes do not count; what is saved knows the names."""
    train = rows(("shoe", None), ("lamp", float("nan")), ("lamp", ""), ("lamp", "[UNK]"))
    test = rows(("lamp", "stolen"), ("lamp", "stolen"), ("shirt", None))
    data = mtf.Dataset(SCHEMA, train, test, PRODUCTS)
    assert data.vocabularies["reason"].known_values.tolist() == [
        "damaged",
        "too large",
        "too small",
    ]
    model = trained(data)
    found = mtf.evaluate(model, data)
    # Of the first 60 rows the product tells all; the other three do not count.
    assert [found["why/accuracy"], found["why/accuracy_3"]] == [1.0, 1.0]
    said = [note for note in found.notes if note.startswith("why:")]
    assert said == [
        'why: 2 of 63 test rows have a "reason" that training never met, such as "stolen", and '
        "count as without a label."
    ]

    asked = model.encode({"shopper": ["s1", "new"], "product": ["lamp", "shoe"]})
    probabilities = model.predict(asked, verbose=0)["why"]
    assert max(probabilities, key=lambda name: probabilities[name][0]) == "damaged"
    assert max(probabilities, key=lambda name: probabilities[name][1]) == "too small"
    np.testing.assert_allclose(sum(probabilities.values()), 1.0, rtol=1e-5)
    of_rows = model.predict(model.encode(test), verbose=0)["why"]
    own = [of_rows[REASON_OF[test["product"][i]]][i] for i in range(60)]
    assert found["why/log_loss"] == pytest.approx(-np.log(own).mean(), rel=1e-3, abs=1e-6)

    model.save(tmp_path / "model.keras")
    again = mtf.load_model(tmp_path / "model.keras").predict(asked, verbose=0)["why"]
    for name, each in probabilities.items():
        np.testing.assert_allclose(again[name], each, rtol=1e-5)

    with pytest.raises(ModelError, match="predicts several numbers"):
        model.recommend({"shopper": ["s1"]}, k=1)


def test_a_label_of_another_kind_is_refused():
    data = mtf.Dataset(SCHEMA, rows(), rows(), PRODUCTS)
    towers = [mtf.Tower("shopper", ["shopper"]), mtf.Tower("product", ["product"])]
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("why", label="reason")])
    with pytest.raises(ModelError, match=r'"reason" is categorical.*numeric label') as error:
        model.adapt(data)
    assert "Categories" in error.value.fix
    columns = (*SCHEMA.columns[:2], mtf.Column("reason", "numeric", "label"))
    numbers = {**rows(), "reason": np.ones(60)}
    data = mtf.Dataset(dataclasses.replace(SCHEMA, columns=columns), numbers, numbers, PRODUCTS)
    model = mtf.MultiTaskModel(towers, [mtf.Categories("why", label="reason")])
    with pytest.raises(ModelError, match=r'"reason" is numeric.*categorical label'):
        model.adapt(data)


def test_one_class_is_none():
    one = {**rows(), "reason": ["too small"] * 60}
    towers = [mtf.Tower("shopper", ["shopper"]), mtf.Tower("product", ["product"])]
    model = mtf.MultiTaskModel(towers, [mtf.Categories("why", label="reason")])
    with pytest.raises(ModelError, match=r"has the classes \['too small'\]"):
        model.adapt(mtf.Dataset(SCHEMA, one, one, PRODUCTS))


MEANINGS = {"shopper": "query key", "product": "candidate key", "reason": "categorical label"}


def test_files_hold_classes_whole_and_streamed(tmp_path):
    table = pa.table({**rows(("lamp", None)), "shopper": [f"s{i % 7}" for i in range(61)]})
    pq.write_table(table, tmp_path / "rows.parquet")
    files = {"interactions": str(tmp_path / "rows.parquet"), "rejects": str(tmp_path / "bad.csv")}
    for in_memory in (True, False):
        source = mtf.Tables(columns=MEANINGS, repeats="keep", in_memory=in_memory, **files)
        data = source.load(lambda text: None)
        assert data.vocabularies["reason"].size == 4
        ids = np.concatenate([data.encoded_split(name)["reason"] for name in ("train", "test")])
        assert len(ids) == 61
        assert (ids == 0).sum() == 1


def test_of_merged_events_the_latest_class_stays(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(
        "shopper,product,what,reason\ns1,shoe,buy,\ns1,shoe,return,too small\ns1,shoe,view,\n"
        "s2,lamp,view,\ns2,shoe,return,damaged\ns2,shoe,return,too large\n"
    )
    source = mtf.Tables(
        str(log),
        {**MEANINGS, "what": "event"},
        events=["buy", "return", "view"],
        split={"test": str(log)},
        rejects=str(tmp_path / "bad.csv"),
    )
    assert source.load(lambda text: None).train["reason"].tolist() == ["too small", "", "too large"]
    valued = mtf.Tables(
        str(log),
        {**MEANINGS, "what": "event"},
        events={"buy": None, "return": "reason", "view": None},
        split={"test": str(log)},
        rejects=str(tmp_path / "bad.csv"),
    )
    with pytest.raises(DataError, match='"reason" is declared as categories'):
        valued.load(lambda text: None)


def test_the_baseline_is_the_share_of_each_class():
    task = mtf.Categories("why", label="reason")
    task.use_classes(["a", "b", "c"])
    shares = task.constant_scores(np.array([0, 0, 1, 2]))
    assert shares == {"a": 0.5, "b": 0.25, "c": 0.25}
    of_rows = {name: np.full(2, share, "float32") for name, share in shares.items()}
    ids = np.float32([1, 2])  # of the classes a and b
    found = metrics_of_scores(task, ids, of_rows, np.zeros(2, int), [])
    expected = {"accuracy": 0.5, "accuracy_3": 1.0, "log_loss": -np.log([0.5, 0.25]).mean()}
    assert found == pytest.approx(expected, rel=1e-5)

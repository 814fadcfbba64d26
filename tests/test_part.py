"""A part computes as it is told, whatever the global policy is."""

import keras
import numpy as np
import pytest
from shop import make_shop

import mtframework as mtf
from mtframework.errors import ModelError
from mtframework.part import Part

MIXED = "mixed_bfloat16"


def parts():
    """Parts that hold every kind of inner layer: some made in constructors, some in build."""
    encoder = mtf.HSTU(num_layers=1, dtype=MIXED)
    return {
        "crossed tower": mtf.Tower(
            "user", ["user", "age"], hidden_units=[4], dropout=0.1, cross_layers=1, dtype=MIXED
        ),
        "history tower": mtf.HistoryTower(
            "user", history="item", key="user", features=["age"], dropout=0.1, dtype=MIXED
        ),
        "sequence tower": mtf.SequenceTower(
            "user", history="item", key="user", features=["age"], dropout=0.1, dtype=MIXED
        ),
        "encoder": encoder,
        "ranking": mtf.Ranking("click", label="click", bilinear=True, dtype=MIXED),
        "feedback": mtf.BinaryFeedback("click", label="click", dtype=MIXED),
        "retrieval": mtf.Retrieval(
            "watch", query="user", candidate="item", query_units=[4], dtype=MIXED
        ),
        "mmoe": mtf.MMoE(num_experts=2, expert_units=[4], gate_dropout=0.1, dtype=MIXED),
        "ple": mtf.PLE(num_levels=2, expert_units=[4], dtype=MIXED),
        "cross-stitch": mtf.CrossStitch(hidden_units=[4], dtype=MIXED),
        "category": mtf.Categorical("item", dtype=MIXED),
    }


def built(part: Part) -> Part:
    if isinstance(part, mtf.BaseTower):
        part.build({"user": 5, "item": 7, "age": None})
    elif isinstance(part, mtf.Encoder):
        part.build(4, 10)
    elif isinstance(part, mtf.Feature):
        part.build(7, 4)
    elif isinstance(part, mtf.Sharing):
        part.build({"click": (None, 4), "watch": (None, 4)})
    else:
        towers = {"user": (None, 4), "item": (None, 4)}
        num_ids = {"user": 5, "item": 7}
        part.build({"representation": (None, 8), "towers": towers, "num_ids": num_ids})
    return part


# What is float32 by design, under any policy.
EXACT = ("gate_use",)


@pytest.mark.parametrize("name", parts())
@pytest.mark.parametrize("saved", [False, True], ids=["made", "saved"])
def test_every_inner_layer_has_the_policy_of_its_part(name, saved):
    part = parts()[name]
    if saved:
        part = type(part).from_config(part.get_config())
    layers = [each for each in built(part)._flatten_layers() if each.name not in EXACT]
    assert {each.dtype_policy.name for each in layers} == {MIXED}
    assert keras.config.dtype_policy().name == "float32"


def test_a_tower_in_half_precision_trains_beside_a_tower_in_float32(tmp_path):
    shop = make_shop()
    towers = [
        mtf.Tower("shopper", ["shopper", "age"], 8, hidden_units=[8], dtype=MIXED),
        mtf.Tower("product", ["product"], 8),
    ]
    model = mtf.MultiTaskModel(towers, [mtf.Retrieval("see", query="shopper", candidate="product")])
    model.adapt(shop)
    model.compile("adam")
    rows = model.encode(shop.train)
    model.fit(
        mtf.Batches(rows, model.feature_columns, model.label_columns, batch_size=80), verbose=0
    )
    embeddings = model.towers["shopper"](rows)
    assert keras.backend.standardize_dtype(embeddings.dtype) == "bfloat16"
    assert all(np.isfinite(each).all() for each in model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.towers["shopper"].dense_layers[0].compute_dtype == "bfloat16"
    assert loaded.towers["product"].compute_dtype == "float32"


@pytest.mark.parametrize("dtype", ["bfloat17", "int32", 16])
def test_what_is_no_policy_is_refused(dtype):
    with pytest.raises(ModelError, match="mixed_bfloat16") as refused:
        mtf.Tower("user", ["user"], dtype=dtype)
    assert repr(dtype) in refused.value.found

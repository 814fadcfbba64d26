"""A retrieval of a plugin in a SavedModel."""

import tensorflow as tf
from sampled_bpr import SampledBPR
from shop import make_towers

import mtframework as mtf


def test_a_retrieval_of_a_plugin_is_exported(shop, tmp_path):
    model = mtf.MultiTaskModel(make_towers(), [SampledBPR("find", "shopper", "product")])
    model.adapt(shop)
    mtf.export(model, tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["recommend"]
    asked = {"shopper": tf.constant(["2"]), "k": tf.constant(3)}
    asked |= {"exclude": tf.constant([[""]]), "exclude_seen": tf.constant(False)}
    best = model.recommend({"shopper": ["2"]}, k=3, exclude_seen=False)["product"]
    assert [each.decode() for each in served(**asked)["ids"].numpy()[0]] == best[0].tolist()

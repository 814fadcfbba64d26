"""What Keras's doors of the model take, and what they refuse."""

import keras
import numpy as np
import pytest
from shop import make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.training.seed import set_seed
from mtframework.training.train import batches_of

FEATURES = ("shopper", "product")


def some(model, num_rows=6):
    rows = shop_rows(max(num_rows, 1), seed=3)
    return model.encode({name: rows[name][:num_rows] for name in FEATURES})


@pytest.mark.parametrize("argument", ["loss", "loss_weights", "metrics", "weighted_metrics"])
def test_compile_leaves_losses_and_metrics_to_the_tasks(model, argument):
    with pytest.raises(ModelError, match=f"compile was given {argument}"):
        model.compile("sgd", **{argument: ["auc"]})


@pytest.mark.parametrize("kind", [str, "int64", "int16", "float32"])
@pytest.mark.parametrize(
    "door",
    [
        "predict", "fit", "evaluate", "predict_on_batch", "train_on_batch", "test_on_batch",
        "__call__",
    ],
)  # fmt: skip
def test_raw_columns_are_refused_with_the_way_to_encode_them(model, kind, door):
    raw = {name: np.arange(4).astype(kind) for name in FEATURES}
    with pytest.raises(ModelError, match=r'"shopper" holds raw values.*(\n.*)*model\.encode'):
        getattr(model, door)(raw)


def test_raw_columns_in_batches_are_refused(model, shop):
    batches = mtf.Batches(shop.train, model.feature_columns, model.label_columns)
    with pytest.raises(ModelError, match="holds raw values"):
        model.fit(batches, verbose=0)


def test_columns_of_two_dimensions_and_ids_beyond_the_vocabulary_are_refused(model):
    encoded = some(model)
    with pytest.raises(ModelError, match=r"int32 of the shape \(6, 1\)"):
        model.predict({**encoded, "shopper": encoded["shopper"][:, None]})
    with pytest.raises(ModelError, match='"product" holds the id 31, and there are 31 ids'):
        model.predict({**encoded, "product": np.full(6, 31, "int32")})


DOORS = ["predict", "fit", "evaluate", "predict_on_batch", "train_on_batch", "test_on_batch"]


@pytest.mark.parametrize("door", DOORS)
def test_features_that_no_tower_reads_or_of_unequal_lengths_are_refused(model, door):
    encoded = some(model)
    call = getattr(model, door)
    with pytest.raises(ModelError, match='"histroy", which the model does not know'):
        call({**encoded, "histroy": np.zeros(6, "int32")})
    with pytest.raises(ModelError, match=r'"prodct", .*Did you mean "product"'):
        call({**encoded, "prodct": encoded["product"]})
    with pytest.raises(ModelError, match='numbers of rows: "shopper" 6, "product" 3'):
        call({**encoded, "product": encoded["product"][:3]})
    for other, kind in (([encoded], "list"), (np.zeros((6, 2)), "ndarray")):
        with pytest.raises(ModelError, match=f"The features are of the type {kind}"):
            call(other)


def test_columns_of_the_data_that_no_tower_reads_may_be_there(model, shop):
    encoded = shop.encode({name: values[:6] for name, values in shop.train.items()})
    assert set(encoded) > set(FEATURES)
    expected = model.predict(some(model), verbose=0)
    assert expected.keys() == model.predict(encoded, verbose=0).keys()


def test_a_raw_column_of_two_dimensions_is_refused(model):
    raw = {"shopper": np.array([["1"], ["2"]]), "product": np.array(["1", "2"])}
    with pytest.raises(DataError, match=r'"shopper" has the shape \(2, 1\)'):
        model.encode(raw)


@pytest.mark.parametrize("k", [0, -1, 2.5, "2", True, None])
def test_k_is_a_number_of_candidates(model, k):
    with pytest.raises(ModelError, match=f"k is {k}, and the catalogue holds"):
        model.recommend({"shopper": ["1"]}, k=k)


def test_hdf5_would_hold_no_vocabularies_and_is_refused(model, tmp_path):
    with pytest.raises(ModelError, match=r"holds no vocabularies.*\n.*m\.keras"):
        model.save(tmp_path / "m.h5")
    assert not list(tmp_path.iterdir())


def test_weights_that_name_no_task_are_refused(model):
    labels = {"stars": np.ones(6, "float32"), "bought": np.ones(6, "float32")}
    with pytest.raises(ModelError, match="class_weight was given"):
        model.fit(some(model), labels, class_weight={0: 1.0, 1: 9.0})
    with pytest.raises(ModelError, match="sample_weight is ndarray"):
        model.fit(some(model), labels, sample_weight=np.ones(6))


def test_no_rows_predict_nothing_and_harm_nothing(model):
    encoded = some(model)
    before = model.predict(encoded, verbose=0)
    nothing = model.predict(some(model, 0), verbose=0)
    assert {name: each.shape for name, each in nothing.items()} == dict.fromkeys(before, (0,))
    np.testing.assert_array_equal(model.predict(encoded, verbose=0)["buy"], before["buy"])


def test_a_batch_is_predicted_as_rows_are(model):
    encoded = some(model)
    expected = model.predict(encoded, verbose=0)
    for name, values in model.predict_on_batch(encoded).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5)


def test_a_clone_asks_to_be_adapted_and_can_be(model, shop):
    clone = keras.models.clone_model(model)
    with pytest.raises(ModelError, match="before it knows its columns"):
        clone.recommend({"shopper": ["1"]})
    clone.adapt(shop)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(
        clone.predict(some(model), verbose=0)["rating"],
        model.predict(some(model), verbose=0)["rating"],
        rtol=1e-5,
    )
    few = make_shop(train={name: values[:9] for name, values in shop.train.items()})
    clone = keras.models.clone_model(model)
    with pytest.raises(ModelError, match="different numbers of ids"):
        clone.adapt(few)


def test_policy_and_frozen_parts_are_kept(shop, tmp_path):
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = mtf.MultiTaskModel(make_towers(), make_tasks(), mtf.SharedBottom([4]))
        model.adapt(shop)
    finally:
        keras.config.set_dtype_policy(usual)
    model.towers["product"].trainable = False
    model.tasks["buy"].trainable = False
    model.save(tmp_path / "model.keras")
    again = mtf.load_model(tmp_path / "model.keras")
    parts = [again.towers["shopper"], again.tasks["rating"], again.tasks["rating"].head]
    parts += [again.sharing, again]
    assert {part.dtype_policy.name for part in parts} == {"mixed_bfloat16"}
    assert not again.towers["product"].trainable
    assert not again.tasks["buy"].trainable
    shapes = [[each.shape for each in one.trainable_variables] for one in (model, again)]
    assert shapes[0] == shapes[1]


def test_a_part_may_be_frozen_after_compile(model, shop):
    batches = batches_of(model, shop, "train", 100)
    model.optimizer.learning_rate = 0.3
    tower = model.towers["product"]
    tower.trainable = False
    before = [np.array(keras.ops.convert_to_numpy(each)) for each in tower.weights]
    model.fit(batches, verbose=0)
    after = [keras.ops.convert_to_numpy(each) for each in tower.weights]
    np.testing.assert_array_equal(before, after)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.3)
    tower.trainable = True
    if keras.backend.backend() == "jax":
        with pytest.raises(ModelError, match="frozen or thawed"):
            model.fit(batches, verbose=0)
        model.compile("adam")
    model.fit(batches, verbose=0)


@pytest.mark.parametrize(
    "part",
    [
        lambda: mtf.Tower("shopper", ["shopper", mtf.Bucketed("age", 4)], hidden_units=[4]),
        lambda: mtf.HistoryTower("shopper", "product", "shopper"),
        lambda: mtf.Ranking("rating", label="stars", hidden_units=[4]),
        lambda: mtf.Bucketed("age", 4),
        lambda: mtf.MMoE(),
        lambda: mtf.UncertaintyWeights(),
        lambda: mtf.ProjectConflicting(),
    ],
    ids=lambda make: type(make()).__name__,
)
def test_a_part_by_itself_keeps_its_policy_and_stays_frozen(part):
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = part()
    finally:
        keras.config.set_dtype_policy(usual)
    made.trainable = False
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    policies = [[each.dtype_policy.name for each in one._flatten_layers()] for one in (again, made)]
    assert policies[0] == policies[1]
    assert not again.trainable
    assert part().trainable
    assert keras.config.dtype_policy() == usual


def test_a_frozen_feature_of_a_tower_that_trains_stays_frozen(shop, tmp_path):
    hashed = mtf.Hashed("shopper", 8)
    tower = mtf.Tower("shopper", ["shopper", hashed], embedding_dim=8)
    model = mtf.MultiTaskModel([tower, make_towers()[1]], make_tasks())
    model.adapt(shop)
    num_trainable = len(model.trainable_variables)
    hashed.trainable = False
    assert len(model.trainable_variables) == num_trainable - 1
    model.save(tmp_path / "model.keras")
    again = mtf.load_model(tmp_path / "model.keras")
    assert len(again.trainable_variables) == num_trainable - 1
    clone = keras.models.clone_model(model)
    clone.adapt(shop)
    assert len(clone.trainable_variables) == num_trainable - 1


def test_a_frozen_task_keeps_the_weights_that_are_its_own(shop, tmp_path):
    """Those of `bilinear` are no layer's within the task."""
    tasks = [mtf.Ranking("rating", label="stars", hidden_units=[], bilinear=True)]
    model = mtf.MultiTaskModel(make_towers(), tasks)
    model.tasks["rating"].trainable = False
    model.adapt(shop)
    for each in (model, mtf.MultiTaskModel.from_config(model.get_config())):
        if not each.is_adapted:
            each.adapt(shop)
        own = {id(variable) for variable in each.tasks["rating"].variables}
        assert len(own) == 3
        assert not [v.path for v in each.trainable_variables if id(v) in own]


def test_a_seed_before_adapt_decides_the_weights():
    def weights(before):
        set_seed(before)
        model = mtf.MultiTaskModel(make_towers(), make_tasks())
        set_seed(7)
        model.adapt(make_shop())
        return model.get_weights()

    for one, two in zip(weights(1), weights(2), strict=True):
        np.testing.assert_array_equal(one, two)


def test_quantize_says_that_it_is_not_supported(model):
    with pytest.raises(ModelError, match="quantize was called"):
        model.quantize("int8")


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"shopper": ["1"], "shoper": ["2"]}, 'column "shoper". Did you mean "shopper"'),
        ({"shopper": "1"}, "is one value, '1'"),
        ({"shopper": 1}, "is one value, 1"),
        ({"shopper": [["1"]]}, r"values of shape \(1, 1\)"),
    ],
)
@pytest.mark.parametrize("door", ["model", "recommender"])
def test_a_request_names_columns_that_are_read_with_a_value_a_row(model, request_, found, door):
    recommend = model.recommend if door == "model" else mtf.Recommender(model).recommend
    with pytest.raises(mtf.MtframeworkError, match=found):
        recommend(request_, k=2)


def test_a_data_frame_is_a_request(model):
    pandas = pytest.importorskip("pandas")
    best = model.recommend(pandas.DataFrame({"shopper": ["1", "2"]}), k=2)
    again = model.recommend({"shopper": ["1", "2"]}, k=2)
    np.testing.assert_array_equal(best["product"], again["product"])


def test_labels_of_two_dimensions_are_refused(model):
    labels = {"stars": np.ones((6, 1), "float32"), "bought": np.ones(6, "float32")}
    with pytest.raises(ModelError, match=r'label "stars" has the shape \(6, 1\)'):
        model.fit(some(model), labels)


def test_a_loss_weight_that_a_callback_changes_is_what_the_next_steps_use(model, shop):
    class Louder(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.tasks["rating"].loss_weight = 0.5 + 2.5 * epoch

    batches = mtf.Batches(
        shop.encode(shop.train),
        model.feature_columns,
        model.label_columns,
        model.sample_weight_columns,
        batch_size=200,
    )
    history = model.fit(batches, epochs=2, verbose=0, callbacks=[Louder()]).history
    assert history["rating/weight"] == pytest.approx([0.5, 3.0])
    assert history["buy/weight"] == pytest.approx([1.0, 1.0])
    with pytest.raises(ModelError, match="loss_weight = -1"):
        model.tasks["rating"].loss_weight = -1


def test_a_schedule_of_loss_weights_compiles_nothing_again(model, shop, monkeypatch):
    """The weight of each step is read by one compiled step, and kept, but not as a weight."""
    task, given, compiled = model.tasks["rating"], [], []
    loss = type(task).example_losses

    def counted(*arguments):
        compiled.append(True)
        return loss(*arguments)

    monkeypatch.setattr(type(task), "example_losses", counted)

    class Schedule(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            given.append(2.0**batch)
            task.loss_weight = given[-1]  # not by way of the callback's own model

    batches = mtf.batches_of(model, shop, "train", batch_size=100)
    model.fit(batches, epochs=1, verbose=0, callbacks=[Schedule()])
    before = len(compiled)
    history = model.fit(batches, epochs=2, verbose=0, callbacks=[Schedule()]).history
    assert given == [1.0, 2.0, 4.0, 8.0] * 3
    assert history["rating/weight"] == pytest.approx([15 / 4, 15 / 4])
    assert keras.backend.backend() == "torch" or len(compiled) == before
    assert (task.loss_weight, task.get_config()["loss_weight"]) == (8.0, 8.0)
    assert not [weight.path for weight in model.weights if "loss_weight" in weight.path]
    task.loss_weight = 0
    assert model.evaluate(batches, return_dict=True, verbose=0)["rating/share"] == 0


def test_keras_export_names_ours(model, tmp_path):
    with pytest.raises(ModelError, match=r"Write mtframework\.export\(model"):
        model.export(tmp_path / "graph")


@pytest.mark.parametrize("activation", ["softmax", "log_softmax"])
def test_an_activation_of_several_numbers_is_refused(activation):
    with pytest.raises(ModelError, match="which is of several numbers"):
        mtf.Ranking("stars", label="stars", activation=activation)

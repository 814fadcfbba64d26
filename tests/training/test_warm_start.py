"""What a new model takes over from a trained one."""

import keras
import numpy as np
import pytest
from keras import ops
from shop import SHOP_SCHEMA, make_shop, shop_rows

import mtframework as mtf
from mtframework.errors import ModelError
from mtframework.sharing.mmoe import MMoE


class Shop(mtf.DatasetSource):
    """The shop of the tests, and one that has got a product and a shopper more."""

    schema = SHOP_SCHEMA

    def __init__(self, grown: bool = False):
        self.grown = grown

    def load(self, progress=None):
        if not self.grown:
            return make_shop()
        train = shop_rows(100, seed=5)
        train["shopper"][:5] = 99
        train["product"][train["product"] == "product 00"] = "product 01"
        train["product"][:10] = "a lamp"
        products = ["a lamp", *(f"product {i:02}" for i in range(1, 30))]  # one is sold out
        return make_shop(train=train, catalogue={"product": np.array(products)})


def make_model(query=("shopper",), tasks=("rating", "find", "buy"), towers=None, hidden=8, **parts):
    every_task = [
        mtf.Ranking("rating", label="stars", hidden_units=[hidden]),
        mtf.Retrieval("find", query="shopper", candidate="product"),
        mtf.BinaryFeedback("buy", label="bought", hidden_units=[]),
        mtf.BinaryFeedback("like", label="stars", positive_from=4.0),
    ]
    towers = towers or [
        mtf.Tower("shopper", query, embedding_dim=8),
        mtf.Tower("product", ["product"], embedding_dim=8),
    ]
    return mtf.MultiTaskModel(towers, [task for task in every_task if task.name in tasks], **parts)


def adapted(model, source=None):
    """Returns the model with weights that are told apart."""
    model.adapt((source or Shop()).load())
    draw = np.random.default_rng(len(model.weights))
    for weight in model.trainable_weights:
        weight.assign(draw.normal(size=weight.shape))
    return model


def start(trained, model, source=None):
    """Returns the report and the sentences."""
    told = []
    warm_start = mtf.WarmStart(trained, told.append)
    model.adapt(warm_start.grow((source or Shop()).load()))
    return warm_start.restore(model), told


def table(model, tower):
    return ops.convert_to_numpy(model.towers[tower].encoder.parts[0].embedding.embeddings)


def test_the_same_experiment_goes_on_from_the_same_predictions(tmp_path):
    def make():
        ages = (mtf.Normalized("age"), mtf.Bucketed("age", 4))
        return make_model(("shopper", *ages, mtf.Hashed("shopper", 5)))

    trained = adapted(make())
    trained.save(tmp_path / "model.keras")
    keras.layers.Dense(1)  # so that Keras's numbers are others here
    model = make()
    report, told = start(mtf.load_model(tmp_path / "model.keras"), model)
    every = ["tower shopper", "tower product", "task rating", "task find", "task buy"]
    assert report.restored == every
    assert told == [f"Restored: {', '.join(every)}."]
    rows = shop_rows(20, seed=4)
    here, there = (each.predict(each.encode(rows), verbose=0) for each in (model, trained))
    for task in here:
        np.testing.assert_allclose(here[task], there[task], rtol=1e-5)


def test_vocabularies_grow_and_rows_move_by_value():
    trained, model = adapted(make_model()), make_model()
    report, _ = start(trained, model, Shop(grown=True))
    assert report.grown == {
        "tower shopper": "1 more of shopper",
        "tower product": "1 more of product",
    }
    assert report.anew == {}
    # What was known keeps its id, also the sold-out product; "a lamp" would have come first.
    known = trained.vocabularies["product"].known_values.tolist()
    assert model.vocabularies["product"].known_values.tolist() == [*known, "a lamp"]
    np.testing.assert_array_equal(table(model, "product")[:-1], table(trained, "product"))
    # Keras draws embeddings within 0.05; those above are of size 1.
    assert 0 < np.abs(table(model, "product")[-1]).max() <= 0.05
    # Frequencies are those of the new rows: 10 of 100 are of the lamp, the others' shares differ.
    shares = ops.convert_to_numpy(model.tasks["find"].sampling_probability)
    assert 0.09 < shares[-1] <= 0.1  # less what candidates without a row are given
    assert model.catalogue.size == 30


def test_a_vocabulary_of_another_order():
    trained, model = adapted(make_model()), make_model()
    data = Shop().load()
    reverse = mtf.Vocabulary(data.vocabularies["product"].known_values[::-1])
    model.adapt(make_shop(vocabularies={"product": reverse}))
    mtf.WarmStart(trained, print).restore(model)
    expected = table(trained, "product")[[0, *range(30, 0, -1)]]
    np.testing.assert_array_equal(table(model, "product"), expected)


def test_tasks_come_and_go():
    trained = adapted(make_model(sharing=MMoE(num_experts=2, expert_units=[4])))
    model = make_model(tasks=("rating", "buy", "like"), sharing=MMoE(2, [4]))
    _, told = start(trained, model)
    assert told == [
        "Restored: tower shopper, tower product, task rating, task buy.",
        "Started afresh: the sharing layer (gates_0/networks_0/kernel_0, gates_0/networks_0/bias_0)"
        "; task like (not in the trained model).",
        "Left behind: task find.",
    ]
    for before, now in zip(
        trained.sharing.experts.weights, model.sharing.experts.weights, strict=True
    ):
        np.testing.assert_array_equal(ops.convert_to_numpy(now), ops.convert_to_numpy(before))


def test_what_changed_begins_anew():
    trained = adapted(make_model(("shopper", mtf.Bucketed("age", 4), mtf.Hashed("shopper", 5))))
    model = make_model(("shopper", mtf.Hashed("shopper", 7), mtf.Bucketed("age", 4)), hidden=6)
    report, _ = start(trained, model)
    assert report.anew == {
        # The sizes of the dense layer are the same, but not what goes into it.
        "tower shopper": "encoder_0/shopper_hashed_0/bucket_of_id_0, "
        "encoder_0/shopper_hashed_0/table_0/embeddings_0, embedding_0/kernel_0, embedding_0/bias_0",
        "task rating": "head_0/dense_0/kernel_0, head_0/dense_0/bias_0, head_0/dense_1/kernel_0",
    }
    np.testing.assert_array_equal(table(model, "shopper"), table(trained, "shopper"))
    kept = model.towers["shopper"].feature_layers[2]
    before = trained.towers["shopper"].feature_layers[1]
    for weight, old in zip(kept.weights, before.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), ops.convert_to_numpy(old))


def test_other_towers_before_the_heads():
    trained = adapted(make_model())
    towers = [mtf.Tower("shopper", ["shopper"], 8), mtf.Tower("thing", ["product"], 8)]
    model = mtf.MultiTaskModel(towers, [mtf.BinaryFeedback("buy", label="bought", hidden_units=[])])
    report, told = start(trained, model)
    assert report.restored == ["tower shopper"]
    assert report.anew == {
        "tower thing": "not in the trained model",
        "task buy": "head_0/dense_0/kernel_0, head_0/dense_0/bias_0",
    }
    assert told[-1] == "Left behind: tower product, task rating, task find."


def test_the_tables_of_a_history():
    def make():
        history = mtf.HistoryTower("shopper", "product", "shopper", label="stars", embedding_dim=8)
        return make_model(towers=[history, mtf.Tower("product", ["product"], embedding_dim=8)])

    trained, model = adapted(make()), make()
    report, _ = start(trained, model, Shop(grown=True))
    assert report.grown["tower shopper"] == "1 more of product"
    for name in ("interactions", "deviations"):
        here, there = (
            ops.convert_to_numpy(getattr(each.towers["shopper"], name)) for each in (model, trained)
        )
        np.testing.assert_array_equal(here[:-1], there)


def test_what_is_refused():
    with pytest.raises(ModelError, match="A warm start was given"):
        mtf.WarmStart(make_model())
    trained = adapted(make_model())
    other = mtf.MultiTaskModel(
        [mtf.Tower("a", ["shopper"]), mtf.Tower("b", ["product"])],
        [mtf.Retrieval("c", query="a", candidate="b")],
    )
    with pytest.raises(ModelError, match="No weight of the model to start from fits"):
        start(trained, other)
    columns = {"shopper": np.array(["1"]), "film": np.array(["Emma"])}
    schema = mtf.Schema(
        (
            mtf.Column("shopper", "categorical", "query"),
            mtf.Column("film", "categorical", "candidate"),
        ),
        "shopper",
        "film",
    )
    films = mtf.Dataset(schema, columns, columns, {"film": columns["film"]})
    with pytest.raises(ModelError, match='has the candidate_key "film", the model to start from'):
        mtf.WarmStart(trained).grow(films)


def test_training_goes_on_where_it_was(tmp_path):
    def experiment(**changes):
        arguments = {"optimizer": keras.optimizers.Adam(0.01), "batch_size": 128, **changes}
        return mtf.Experiment(dataset=Shop(), model=make_model(), **arguments)

    first = mtf.train(experiment(epochs=8), mtf.Run.create(tmp_path / "first"))
    model = mtf.Run.open(tmp_path / "first").load_model()
    second = mtf.train(experiment(epochs=1), warm_start=mtf.WarmStart(model, print))
    assert second.history["loss"][0] < 1.05 * first.history["loss"][-1]
    assert second.history["loss"][0] < 0.8 * first.history["loss"][0]


def test_two_features_of_one_column_and_class_are_told_apart():
    def make():
        query = ("shopper", mtf.Bucketed("age", 4), mtf.Bucketed("age", 4))
        return make_model(query=query)

    trained = adapted(make())
    start(trained, model := make())
    names = [each.name for each in trained.towers["shopper"].feature_layers]
    assert names == ["shopper_categorical", "age_bucketed", "age_bucketed_2"]
    towers = trained.towers["shopper"], model.towers["shopper"]
    for one, two in zip(*(tower.weights for tower in towers), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(two))
    age = mtf.Bucketed("age")
    twice = make_model(query=("shopper", age, age))
    with pytest.raises(ModelError, match='one Bucketed of "age" twice'):
        adapted(twice)


def later_shop() -> mtf.Dataset:
    """Rows that came later: of a new shopper and a new product, the others passed over."""
    train = shop_rows(6, seed=8)
    train["shopper"][:] = [99, 3, 3, 4, 4, 4]
    train["product"][:] = ["a lamp", *train["product"][1:]]
    products = ["a lamp", *(f"product {i:02}" for i in range(30))]
    return make_shop(train=train, catalogue={"product": np.array(products)}, is_continued=True)


def test_who_has_seen_what_is_remembered_where_rows_were_passed_over():
    before, data = make_shop(), later_shop()
    trained, model = adapted(make_model()), make_model()
    warm_start = mtf.WarmStart(trained, print)
    model.adapt(warm_start.grow(data))
    warm_start.restore(model)
    warm_start.remember(model)
    bought = {}
    for rows in (before.train, data.train):
        for shopper, product in zip(rows["shopper"], rows["product"], strict=True):
            bought.setdefault(str(shopper), set()).add(str(product))
    products = model.vocabularies["product"].values(model.catalogue.columns["product"])
    for shopper, expected in bought.items():
        query = int(model.vocabularies["shopper"].ids([shopper])[0])
        assert set(products[model.catalogue.seen(query)]) == expected


def test_training_remembers_only_where_rows_were_passed_over():
    class Later(mtf.DatasetSource):
        schema = SHOP_SCHEMA

        def __init__(self, **changes):
            self.changes = changes

        def load(self, progress=None):
            data = later_shop()
            return make_shop(train=data.train, catalogue=data.catalogue, **self.changes)

    trained = adapted(make_model())
    sizes = []
    for changes in ({}, {"is_continued": True}):
        experiment = mtf.Experiment(Later(**changes), make_model(), keras.optimizers.SGD())
        result = mtf.train(experiment, warm_start=mtf.WarmStart(trained, print))
        sizes.append(len(result.model.catalogue.seen_rows))
    rows = {*zip(*(make_shop().train[name].tolist() for name in ("shopper", "product")))}  # noqa: B905
    new = {*zip(*(later_shop().train[name].tolist() for name in ("shopper", "product")))}  # noqa: B905
    assert sizes == [len(new), len(rows | new)]


class Timed(mtf.DatasetSource):
    """Rows at the seconds 100, 200, …"""

    schema = mtf.Schema(
        (*SHOP_SCHEMA.columns, mtf.Column("at", "numeric", "timestamp")), "shopper", "product"
    )

    def __init__(self, since=None):
        self.since = since

    def load(self, progress=None):
        loaded.append(self.since)
        rows = {**shop_rows(400, seed=1), "at": 100 * np.arange(1, 401)}
        return make_shop(schema=self.schema, train=rows, test={**shop_rows(9, 2), "at": [9] * 9})


loaded = []


def test_new_rows_are_those_after_the_model_s(tmp_path):
    loaded.clear()
    source = Timed("last_run")
    trained = mtf.train(
        mtf.Experiment(source, make_model(), keras.optimizers.SGD()), mtf.Run.create(tmp_path / "a")
    )
    assert trained.model.trained_until == 40_000
    model = mtf.Run.open(tmp_path / "a").load_model()
    assert model.trained_until == 40_000
    experiment = mtf.Experiment(source, make_model(), keras.optimizers.SGD())
    mtf.train(experiment, warm_start=mtf.WarmStart(model, print))
    assert loaded == ["last_run", 40_001]
    assert source.since == "last_run"
    without_times = mtf.WarmStart(adapted(make_model()), print)
    with pytest.raises(ModelError, match="does not know until when its own are"):
        without_times.new_rows_of(source)
    other = Timed("2020-01-01")
    assert without_times.new_rows_of(other) is other


def optimizer_of(model, optimizer):
    model.compile(optimizer=optimizer)
    return model.optimizer


def filled(optimizer, seed):
    """Returns the optimizer with numbers that are told apart, by name."""
    draw = np.random.default_rng(seed)
    for each in optimizer.variables:
        if each.name not in ("iteration", "learning_rate", "dynamic_scale", "step_counter"):
            each.assign(draw.uniform(1, 2, each.shape))
    optimizer.iterations.assign(70)
    return optimizer


@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize(
    ("make", "initial"),
    [
        (lambda: keras.optimizers.Adam(0.01), 0.0),
        (lambda: keras.optimizers.Adagrad(0.01, initial_accumulator_value=0.5), 0.5),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9), 0.0),
    ],
)
def test_what_the_optimizer_remembers_moves_with_the_rows(make, initial, share):
    trained, model = adapted(make_model()), make_model()
    there = filled(optimizer_of(trained, make()), seed=1)
    told = []
    warm_start = mtf.WarmStart(trained, told.append, keep_optimizer=share)
    model.adapt(warm_start.grow(Shop(grown=True).load()))
    warm_start.restore(model)
    here = optimizer_of(model, make())
    warm_start.restore_optimizer(model)
    num_weights = 8  # two tables, and the kernels and biases of three dense layers
    assert told[-1] == (
        f"The optimizer keeps {share:.4g} of what it remembers of {num_weights} weights, and goes "
        "on at step 70."
    )
    assert int(here.iterations) == 70
    slots = [each for each in here.variables if each.name not in ("iteration", "learning_rate")]
    before = [each for each in there.variables if each.name not in ("iteration", "learning_rate")]
    assert len(slots) == len(before) >= num_weights
    for new, old in zip(slots, before, strict=True):
        new, old = ops.convert_to_numpy(new), ops.convert_to_numpy(old)
        expected = initial + share * (old - initial)
        np.testing.assert_allclose(new[: len(old)], expected, rtol=1e-6)
        np.testing.assert_array_equal(new[len(old) :], initial)  # of a new shopper, a new product
    assert any(new.shape != old.shape for new, old in zip(slots, before, strict=True))


def test_training_goes_on_with_what_the_optimizer_remembers(tmp_path):
    """Two trainings of an epoch each are one of two epochs, where the optimizer is kept."""

    def experiment(epochs, **changes):
        data = {"dataset": Shop(), "model": make_model(), "batch_size": 400}
        optimizer = keras.optimizers.Adam(0.01)
        return mtf.Experiment(**data, optimizer=optimizer, epochs=epochs, **changes)

    reference = mtf.train(experiment(3)).history["loss"]
    first = mtf.train(experiment(1), mtf.Run.create(tmp_path / "first"))
    assert first.history["loss"] == pytest.approx(reference[:1])
    third = {}
    for share in (0.0, 1.0):
        model = mtf.Run.open(tmp_path / "first").load_model()
        warm_start = mtf.WarmStart(model, print, keep_optimizer=share)
        third[share] = mtf.train(experiment(2), warm_start=warm_start).history["loss"]
    assert third[1.0] == pytest.approx(reference[1:], rel=1e-5)
    assert third[0.0] != pytest.approx(reference[1:], rel=1e-5)


def test_what_the_optimizer_remembers_of_rows_and_of_a_scaled_loss():
    def make():
        return mtf.MultiTaskModel(
            [mtf.Tower(name, [name], embedding_dim=4) for name in ("shopper", "product")],
            [mtf.BinaryFeedback("buy", label="bought", hidden_units=[])],
        )

    def optimizer():
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))

    trained, model = adapted(make()), make()
    rows = mtf.EmbeddingOptimizer(dense_up_to=0)
    trained.compile(optimizer=optimizer(), embedding_optimizer=rows)
    filled(trained.optimizer, seed=1)
    warm_start = mtf.WarmStart(trained, print, keep_optimizer=1.0)
    model.adapt(warm_start.grow(Shop(grown=True).load()))
    warm_start.restore(model)
    model.compile(optimizer=optimizer(), embedding_optimizer=rows)
    warm_start.restore_optimizer(model)
    checked = 0
    for new, old in zip(model.optimizer.variables, trained.optimizer.variables, strict=True):
        new, old = ops.convert_to_numpy(new), ops.convert_to_numpy(old)
        if old.ndim:
            np.testing.assert_array_equal(new[: len(old)], old)
            checked += 1
    assert checked == 8  # two moments of two tables, a kernel and a bias
    steps = [each for each in model.optimizer.variables if each.name == "iteration"]
    assert {int(each) for each in steps} == {70}


def test_an_optimizer_that_remembers_something_else_is_refused():
    trained, model = adapted(make_model()), make_model()
    with pytest.raises(ModelError, match="without what its optimizer remembers"):
        mtf.WarmStart(trained, print, keep_optimizer=1.0)
    trained.compile(optimizer=keras.optimizers.Adam())
    with pytest.raises(ModelError, match="WarmStart has keep_optimizer = 2"):
        mtf.WarmStart(trained, print, keep_optimizer=2)
    warm_start = mtf.WarmStart(trained, print, keep_optimizer=0.5)
    model.adapt(warm_start.grow(Shop().load()))
    warm_start.restore(model)
    model.compile(optimizer=keras.optimizers.SGD(momentum=0.9))
    with pytest.raises(ModelError, match="model to start from is Adam, the new one SGD"):
        warm_start.restore_optimizer(model)

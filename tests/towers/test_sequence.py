"""Sequence towers: what comes out, how requests bring histories, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import DataError, ModelError
from mtframework.model.batches import batches_of
from mtframework.testing import check_tower, each_clause

SCHEMA = mtf.Schema(
    (
        mtf.Column("reader", "categorical", "query"),
        mtf.Column("age", "numeric", "query"),
        mtf.Column("book", "categorical", "candidate"),
        mtf.Column("genre", "categorical", "candidate"),
        mtf.Column("kind", "categorical", "context"),
        mtf.Column("stars", "numeric", "label"),
        mtf.Column("when", "numeric", "timestamp"),
    ),
    query_key="reader",
    candidate_key="book",
)
NUM_BOOKS = 12


def make_rows(num_rows: int, first: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    readers, books = draw.integers(0, 6, num_rows), draw.integers(0, NUM_BOOKS, num_rows)
    stars = draw.integers(1, 6, num_rows).astype("float32")
    return {
        "reader": np.char.add("r", readers.astype(str)),
        "age": 20.0 + readers,
        "book": books.astype(str),
        "genre": np.array(["crime", "poetry", "travel"])[books % 3],
        "kind": np.array(["view", "buy"])[draw.integers(0, 2, num_rows)],
        "stars": np.where(draw.random(num_rows) < 0.2, np.nan, stars),
        "when": first + np.sort(draw.integers(0, 10_000, num_rows)),
    }


@pytest.fixture(scope="module")
def data() -> mtf.Dataset:
    books = np.arange(NUM_BOOKS)
    genres = np.array(["crime", "poetry", "travel"])[books % 3]
    return mtf.Dataset(
        SCHEMA,
        train=make_rows(90, 1_000_000, 1),
        test=make_rows(20, 2_000_000, 2),
        catalogue={"book": books.astype(str), "genre": genres},
    )


def make_model(data, train: bool = True, **arguments) -> mtf.MultiTaskModel:
    given = {"encoder": mtf.DecayedMean(), "embedding_dim": 8, "max_length": 5, **arguments}
    keras.utils.set_random_seed(3)
    model = mtf.MultiTaskModel(
        towers=[
            mtf.SequenceTower("reader", history="book", key="reader", **given),
            mtf.Tower("book", ["book", "genre"], embedding_dim=8),
        ],
        tasks=[
            mtf.Retrieval("next", query="reader", candidate="book", negatives="catalogue"),
            mtf.Ranking("stars", label="stars", hidden_units=[8]),
        ],
    )
    model.adapt(data)
    if train:
        model.compile(keras.optimizers.Adam(0.02))
        model.fit(batches_of(model, data, "train", 90), epochs=6, verbose=0)
    return model


@pytest.fixture(scope="module")
def model(data) -> mtf.MultiTaskModel:
    everything = {"event_features": ["genre", "kind", "stars"], "times": "when"}
    return make_model(data, features=["age"], **everything)


@pytest.fixture(scope="module")
def plain(data) -> mtf.MultiTaskModel:
    return make_model(data)


def tower() -> mtf.SequenceTower:
    return mtf.SequenceTower(
        "reader",
        history="contract_candidate",
        key="reader",
        encoder=mtf.DecayedMean(),
        features=["age"],
        event_features=["kind", "stars"],
        embedding_dim=8,
        max_length=4,
        dropout=0.1,
    )


test_contract = each_clause(
    check_tower,
    tower,
    kinds={"age": "numeric", "stars": "numeric"},
    other_key="contract_candidate",
)


def embedded(model, queries) -> np.ndarray:
    encoded = model.encode(queries)
    return ops.convert_to_numpy(model.embed(["reader"], encoded)["reader"])


def history_of(data, reader: str, max_length: int = 5) -> dict[str, list]:
    """Returns a reader's last training rows as a request gives them."""
    rows = np.flatnonzero(data.train["reader"] == reader)
    rows = rows[np.argsort(data.train["when"][rows], kind="stable")][-max_length:]
    return {name: data.train[name][rows].tolist() for name in ("book", "kind", "stars", "when")}


def test_packed_rows_are_embedded_as_rows_side_by_side(data, model):
    batch, _ = batches_of(model, data, "test", 64, shuffle=False)[0]
    packed = ops.convert_to_numpy(model.embed(["reader"], batch)["reader"])
    for row in range(len(data.test["reader"])):
        reader, now = data.test["reader"][row], data.test["when"][row]
        before = {
            name: np.concatenate([data.train[name], data.test[name][:row]]) for name in data.test
        }
        mine = np.flatnonzero((before["reader"] == reader) & (before["when"] <= now))
        mine = mine[np.argsort(before["when"][mine], kind="stable")][-5:]
        names = ("book", "kind", "stars", "when")
        request = {
            "reader": ["somebody"],
            "age": [data.test["age"][row]],
            "history": [{name: before[name][mine].tolist() for name in names}],
        }
        np.testing.assert_allclose(embedded(model, request)[0], packed[row], rtol=2e-4, atol=2e-5)


def test_a_new_person_is_answered_as_a_known_one_with_the_same_history(data, model):
    known = {"reader": ["r1"], "age": [30.0]}
    new = {"reader": ["never seen"], "age": [30.0], "history": [history_of(data, "r1")]}
    np.testing.assert_allclose(embedded(model, new), embedded(model, known), rtol=2e-4, atol=1e-5)
    found = model.recommend(known, k=3, exclude_seen=False)
    again = model.recommend(new, k=3, exclude_seen=False)
    assert (found["book"] == again["book"]).all()


def test_recent_events_come_behind_what_is_known(data, plain):
    whole = [*history_of(data, "r2")["book"], "3", "4"]
    behind = embedded(plain, {"reader": ["r2"], "recent": [["3", "4"]]})
    np.testing.assert_allclose(
        behind, embedded(plain, {"reader": ["r2"], "history": [whole]}), rtol=1e-5
    )
    np.testing.assert_allclose(
        behind, embedded(plain, {"reader": ["r2"], "history": ["|".join(whole)]}), rtol=1e-5
    )


def test_only_the_last_events_count(plain):
    long = {"reader": ["x"], "history": [[str(number) for number in range(12)]]}
    last = {"reader": ["x"], "history": [[str(number) for number in range(7, 12)]]}
    np.testing.assert_allclose(embedded(plain, long), embedded(plain, last))


def test_without_events_there_is_the_profile_alone(model, plain):
    nothing = embedded(plain, {"reader": ["x", "y"], "history": [[], []]})
    np.testing.assert_allclose(
        nothing[0], ops.convert_to_numpy(plain.towers["reader"].without_events)
    )
    ages = embedded(model, {"reader": ["x", "x"], "age": [20.0, 25.0], "history": [[], []]})
    assert not np.allclose(ages[0], ages[1])


def test_a_history_needs_no_name(plain):
    named = {"reader": ["x"], "history": [["1", "2"]]}
    nameless = {"history": [["1", "2"]]}
    np.testing.assert_array_equal(embedded(plain, named), embedded(plain, nameless))
    assert (plain.recommend(named, k=3)["book"] == plain.recommend(nameless, k=3)["book"]).all()


def test_what_was_in_the_history_is_not_recommended(plain):
    history = {"reader": ["x"], "history": [["1", "2", "3"]]}
    everything = plain.recommend(history, k=NUM_BOOKS, exclude_seen=False)["book"][0]
    assert set(everything) == {str(number) for number in range(NUM_BOOKS)}
    found = plain.recommend(history, k=NUM_BOOKS)["book"][0]
    assert set(found) - {""} == set(everything) - {"1", "2", "3"}


def test_a_saved_model_knows_the_same(model, data, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = mtf.load_model(tmp_path / "model.keras")
    for queries in (
        {"reader": ["r1", "r4"], "age": [21.0, 24.0]},
        {"reader": ["x"], "age": [30.0], "history": [history_of(data, "r3")]},
    ):
        np.testing.assert_allclose(embedded(loaded, queries), embedded(model, queries), rtol=1e-5)


@pytest.mark.parametrize("encoder", [mtf.Transformer(1, 2), mtf.HSTU(1, 2, use_times=True)])
def test_tied_candidates_are_those_of_their_tower(data, encoder, tmp_path):
    tied = make_model(data, encoder=encoder, tied_to="book", times="when", train=False)
    assert not any("candidates" in each.path for each in tied.towers["reader"].weights)
    assert tied.history_columns == ("book", "genre", "when")
    queries = {"reader": ["r1"]}
    before = embedded(tied, queries)
    tied.towers["book"].trainable_variables[0].assign_add(
        np.ones(tied.towers["book"].trainable_variables[0].shape)
    )
    assert not np.allclose(embedded(tied, queries), before)
    tied.compile(keras.optimizers.Adam(0.02))
    tied.fit(batches_of(tied, data, "train", 90), epochs=3, verbose=0)
    tied.save(tmp_path / "tied.keras")
    loaded = mtf.load_model(tmp_path / "tied.keras")
    np.testing.assert_allclose(embedded(loaded, queries), embedded(tied, queries), rtol=1e-5)
    assert mtf.evaluate(loaded, data) == mtf.evaluate(tied, data)


def test_a_chain_of_items_is_learned(data):
    """Whoever took n takes n + 1 next: an encoder that reads the order knows it, new people too."""
    books = (np.arange(40)[:, None] + np.arange(6)) % NUM_BOOKS
    rows = {
        "reader": np.repeat([f"p{number}" for number in range(40)], 6),
        "book": books.ravel().astype(str),
    }
    schema = mtf.Schema(
        (
            mtf.Column("reader", "categorical", "query"),
            mtf.Column("book", "categorical", "candidate"),
        ),
        query_key="reader",
        candidate_key="book",
    )
    catalogue = {"book": np.arange(NUM_BOOKS).astype(str)}
    chain = mtf.Dataset(schema, rows, rows, catalogue, rows_in_order=True)
    keras.utils.set_random_seed(1)
    encoder = mtf.Transformer(num_layers=1, dropout=0.0)
    model = mtf.MultiTaskModel(
        [
            mtf.SequenceTower("reader", "book", "reader", encoder, embedding_dim=16, max_length=5),
            mtf.Tower("book", ["book"], embedding_dim=16),
        ],
        [mtf.Retrieval("next", query="reader", candidate="book", negatives="catalogue")],
    )
    model.adapt(chain)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(batches_of(model, chain, "train", 48), epochs=30, verbose=0)
    asked = {"reader": ["new", "newer"], "history": [["2", "3", "4"], ["9", "10"]]}
    assert model.recommend(asked, k=1)["book"].tolist() == [["5"], ["11"]]


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ("1|2", 'The column "history" is str'),
        ([["1"], ["2"]], "2"),
        ([7], '"book" of a history'),
        ([{"kind": ["buy"]}], 'lacks the column "book"'),
        ([{"book": ["1"], "kind": ["buy", "buy"], "when": [5]}], 'has 1 of "book" and 2 of "kind"'),
        ([{"book": ["1"], "when": [5]}], 'lacks the column "kind"'),
        ([{"book": ["1", "2"], "kind": ["buy", "buy"], "when": [9, 5]}], "goes back in time"),
        ([{"book": ["1"], "kind": ["buy"], "when": [5], "color": ["red"]}], '"color"'),
        ([{"book": ["1"], "kind": ["buy"], "when": ["soon"]}], "when"),
    ],
)
def test_histories_that_are_refused(model, history, found):
    request = {"reader": ["x"], "age": [30.0], "history": history}
    for door in (model.encode, lambda each: model.recommend(each, k=2)):
        with pytest.raises(DataError) as caught:
            door(request)
        assert found in caught.value.found


def test_a_missing_label_counts_as_an_average_one(model):
    base = {"book": ["1"], "kind": ["buy"], "when": [5]}
    missing, none = dict(base), {**base, "stars": [None]}
    one, other = (
        embedded(model, {"reader": ["x"], "age": [30.0], "history": [each]})
        for each in (missing, none)
    )
    np.testing.assert_allclose(one, other)


def test_unknown_candidates_have_a_vector(plain):
    found = embedded(plain, {"reader": ["x"], "history": [["no such book"]]})
    assert np.isfinite(found).all()
    assert not np.allclose(found, embedded(plain, {"reader": ["x"], "history": [[]]}))


def test_rows_without_histories_are_refused(model, data):
    rows = model.encode(data.train)
    with pytest.raises(ModelError, match="hold the rows themselves"):
        model.fit(rows, {"stars": data.train["stars"]})
    features = {name: rows[name] for name in model.feature_columns}
    with pytest.raises(ModelError, match="have no histories"):
        model.predict(features)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"history": "genre"}, "history = 'genre'"),
        ({"times": "stars"}, "times = 'stars'"),
        ({"event_features": ["when"]}, "event_features = 'when'"),
        ({"event_features": ["nothing"]}, 'no column "nothing"'),
        ({"tied_to": "books"}, "tied_to = 'books'"),
        ({"tied_to": "book", "embedding_dim": 4}, "embeddings of the size 8"),
        ({"encoder": "transformer"}, "encoder = 'transformer'"),
        ({"encoder": mtf.HSTU(use_times=True)}, "times = None"),
        ({"max_length": 0}, "max_length = 0"),
        ({"encoder": mtf.Transformer(num_heads=3)}, "num_heads is 3"),
    ],
)
def test_arguments_that_are_refused(data, arguments, found):
    given = {"history": "book", "embedding_dim": 8, **arguments}

    def adapted() -> None:
        model = mtf.MultiTaskModel(
            [
                mtf.SequenceTower("reader", key="reader", **given),
                mtf.Tower("book", ["book"], embedding_dim=8),
            ],
            [mtf.Retrieval("next", query="reader", candidate="book")],
        )
        model.adapt(data)

    with pytest.raises((ModelError, DataError)) as caught:
        adapted()
    assert found in caught.value.found

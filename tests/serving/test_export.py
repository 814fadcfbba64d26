"""A SavedModel against the recommender that it was made of, where there is no Keras."""

import json
import os
import subprocess
import venv
from pathlib import Path

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from wide_shop import make_catalogue, make_model, make_rows, make_tasks, make_towers

import mtframework as mtf
from mtframework.errors import ModelError, RunError
from mtframework.serving import saved_model
from mtframework.serving.export import export
from mtframework.serving.known_queries import known_queries

FUSION = mtf.Fusion({"rating": 1.0, "buy": -5.0, "find": 0.25})
OLD = {name: values[[6]] for name, values in make_catalogue().items()}

ASK = """
import json, sys
import tensorflow as tf

for name in ("keras", "mtframework"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} is here")
loaded = tf.saved_model.load(sys.argv[1])
answers = []
for name, request in json.load(open(sys.argv[2])):
    signature = loaded.signatures[name]
    kinds = signature.structured_input_signature[1]
    answer = signature(**{each: tf.constant(v, kinds[each].dtype) for each, v in request.items()})
    answer = {each: v.numpy().tolist() for each, v in answer.items()}
    if "ids" in answer:
        answer["ids"] = [[each.decode() for each in row] for row in answer["ids"]]
    answers.append(answer)
json.dump(answers, open(sys.argv[3], "w"))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of a virtual environment with what is installed here, less Keras and ours."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, symlinks=True, with_pip=False)
    [inside] = place.glob("lib/python*/site-packages")
    for package in Path(np.__file__).parents[1].iterdir():
        ours = ("keras", "tf_keras", "mtframework", "mtf_", "_mtf", "__editable__")
        if not package.name.startswith(ours) and package.suffix != ".pth":
            (inside / package.name).symlink_to(package)
    return place / "bin/python"


def as_request(columns) -> dict:
    """Returns raw columns as a caller in any language has them: strings and numbers."""
    numbers = ("age", "price", "when")
    return {
        name: values.tolist() if name in numbers else values.astype(str).tolist()
        for name, values in columns.items()
    }


def ask(python, folder, requests, tmp_path) -> list[dict[str, np.ndarray]]:
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    (tmp_path / "ask.py").write_text(ASK)
    names = ("ask.py", folder, "requests.json", "answers.json")
    done = subprocess.run(
        [python, *names], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    answers = json.loads((tmp_path / "answers.json").read_text())
    return [{name: np.array(values) for name, values in answer.items()} for answer in answers]


def assert_same(answer, found: mtf.Recommendations):
    assert answer["ids"].tolist() == found.ids.tolist()
    np.testing.assert_allclose(answer["score"], found.score, rtol=1e-5, atol=1e-5)
    assert {name for name in answer if "/" in name} == {f"score/{each}" for each in found.scores}
    for task, scores in found.scores.items():
        np.testing.assert_allclose(answer[f"score/{task}"], scores, rtol=1e-5, atol=1e-5)


def test_saved_model_answers_as_the_recommender_without_keras(
    python, queries, tmp_path, monkeypatch
):
    monkeypatch.setattr(saved_model, "_SCORES_AT_ONCE", 4 * 26)  # four of the nine queries
    model = make_model(make_towers(["brand", "tags", mtf.Normalized("price")]), make_tasks())
    recommender = mtf.Recommender(model, FUSION, num_retrieved=8)
    recommender.add_candidates({**OLD, "product": ["brand new"], "price": [2.5]})
    export(recommender, tmp_path / "exported")
    pairs = make_rows(40, seed=5)
    pairs["product"][0], pairs["brand"][1], pairs["interests"][:3] = "new", "other", "|toys|none"
    pairs = {name: pairs[name] for name in model.feature_columns}
    asked = as_request(queries)
    exclude = [["product ä01", "brand new"], [""], *[["product ä03", "nothing"]] * 7]
    padded = [[*each, ""][:2] for each in exclude]
    requests = [
        ("recommend", {**asked, "k": 4, "exclude": padded, "exclude_seen": True}),
        ("recommend", {**asked, "k": 26, "exclude": [[""]], "exclude_seen": False}),
        ("recommend", {**asked, "k": 26, "exclude": [["brand new"]], "exclude_seen": True}),
        ("score", as_request(pairs)),
    ]
    few, all_of_them, all_unseen, scores = ask(python, "exported", requests, tmp_path)
    assert_same(few, recommender.recommend(queries, 4, exclude=exclude))
    assert_same(all_of_them, recommender.recommend(queries, 26, False))
    assert_same(all_unseen, recommender.recommend(queries, 26, exclude=[["brand new"]] * 9))
    assert (all_unseen["ids"][:, -1] == "").all()
    predicted = model.predict(model.encode(pairs), verbose=0)
    assert (
        scores.keys() == predicted.keys() == {"rating", "click", "find", "buy", "buy_given_click"}
    )
    for task, expected in predicted.items():
        np.testing.assert_allclose(scores[task], expected, rtol=1e-5, atol=1e-5)


def test_without_retrieval_it_ranks_all_and_names_are_what_tensorflow_allows(tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(saved_model, "_PAIRS_AT_ONCE", 4)  # one query
    schema = mtf.Schema(
        (
            mtf.Column("who asks", "categorical", "query"),
            mtf.Column("_größe", "numeric", "query"),
            mtf.Column("thing", "categorical", "candidate"),
            mtf.Column("stars", "numeric", "label"),
        ),
        query_key="who asks",
        candidate_key="thing",
    )
    rows = {
        "who asks": np.array(["a", "b", "b"]),
        "_größe": np.array([1.0, 2.0, 3.0]),
        "thing": np.array(["x", "y", "z"]),
        "stars": np.array([1.0, 2.0, 3.0]),
    }
    towers = [
        mtf.HistoryTower("who", "thing", "who asks", ["_größe"], embedding_dim=4),
        mtf.Tower("thing", ["thing"], embedding_dim=4),
    ]  # fmt: skip
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("how_much", label="stars")])
    data = mtf.Dataset(schema, rows, rows, {"thing": np.array(["w", "x", "y", "z"])})
    model.adapt(data)
    recommender = mtf.Recommender(model)
    known = known_queries(model)
    assert {name: each.tolist() for name, each in known.items()} == {"who asks": ["a", "b"]}
    export(recommender, tmp_path / "exported", known)

    loaded = tf.saved_model.load(tmp_path / "exported")
    asked = {"who_asks": tf.constant([" b", "new"]), "x_gruf6udfe": tf.constant([2.0, 0.5])}
    request = {"exclude": tf.constant([["w\n"]]), "exclude_seen": tf.constant(True)}
    answer = loaded.signatures["recommend"](**asked, **request, k=tf.constant(3))
    expected = recommender.recommend(
        {"who asks": ["b", "new"], "_größe": [2.0, 0.5]}, 3, exclude=[["w"], ["w"]]
    )
    ids = [[each.decode() for each in row] for row in answer["ids"].numpy()]
    assert ids == expected.ids.tolist()
    assert ids[0] == ["x", "", ""]
    np.testing.assert_allclose(answer["score"], expected.score, rtol=1e-5)
    np.testing.assert_allclose(answer["score/how_much"], expected.score, rtol=1e-5)

    nobody = {name: each[:0] for name, each in asked.items()}
    answer = loaded.signatures["recommend"](**nobody, **request, k=tf.constant(3))
    assert answer["ids"].shape == answer["score"].shape == (0, 3)

    for wrong, message in (
        ({"k": tf.constant(0)}, "k is not from 1 to 4"),
        ({"k": tf.constant(5)}, "k is not from 1 to 4"),
        ({"x_gruf6udfe": tf.constant([1.0, np.nan])}, 'The feature "_größe" is not finite'),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            loaded.signatures["recommend"](**{**asked, **request, "k": tf.constant(1), **wrong})

    candidates = pq.read_table(tmp_path / "exported/candidate_embeddings.parquet")
    assert candidates["thing"].to_pylist() == ["w", "x", "y", "z"]
    written = np.array(candidates["thing_embedding"].to_pylist(), "float32")
    np.testing.assert_array_equal(written, recommender.candidates.embeddings["thing"])
    asking = pq.read_table(tmp_path / "exported/query_embeddings.parquet")
    assert asking.column_names == ["who asks", "who_embedding"]
    described = {**known, "_größe": [1.0, 3.0]}  # the last rows'
    embedded = model.embed(["who"], model.encode(described))["who"]
    np.testing.assert_allclose(np.array(asking["who_embedding"].to_pylist()), embedded, rtol=1e-6)


def test_vectors_are_inputs_and_classes_outputs_by_name(tmp_path):
    import tensorflow as tf

    columns = (
        mtf.Column("who", "categorical", "query"),
        mtf.Column("what", "categorical", "candidate"),
        mtf.Column("image", "vector", "candidate", size=2),
        mtf.Column("why", "categorical", "label"),
    )
    schema = mtf.Schema(columns, query_key="who", candidate_key="what")

    def model_of(*classes):
        images = [[0.5, 1.0], [2.0, -1.0]]
        rows = {"who": list("abc"), "what": list("xyx"), "why": classes}
        rows["image"] = [images[0], images[1], images[0]]
        towers = [mtf.Tower("who", ["who"], 4), mtf.Tower("what", ["what", mtf.Vector("image")], 4)]
        find = mtf.Retrieval("find", query="who", candidate="what")
        model = mtf.MultiTaskModel(towers, [find, mtf.Categories("return", label="why")])
        model.adapt(mtf.Dataset(schema, rows, rows, {"what": list("xy"), "image": images}))
        return model

    model = model_of("too large", "größer", "too large")
    export(mtf.Recommender(model), tmp_path / "exported")
    score = tf.saved_model.load(tmp_path / "exported").signatures["score"]
    asked = {"who": ["a", "new"], "what": ["y", "x"], "image": [[1.0, 3.0], [2.0, -1.0]]}
    answer = score(**{name: tf.constant(each) for name, each in asked.items()})
    expected = model.predict(model.encode(asked), verbose=0)["return"]
    np.testing.assert_allclose(answer["return/too_large"], expected["too large"], rtol=1e-5)
    assert sorted(answer) == ["find", "return/gruf6udfer", "return/too_large"]
    with pytest.raises(ModelError, match='would both be called "score/return/a_b"'):
        export(mtf.Recommender(model_of("a b", "a_b", "c")), tmp_path / "other")


def test_known_queries(wide_model, monkeypatch):
    expected = sorted(set(make_rows(90, seed=1)["shopper"].astype(str).tolist()))
    assert known_queries(wide_model)["shopper"].tolist() == expected
    model = make_model(
        [mtf.Tower("shopper", ["shopper"], embedding_dim=6), make_towers()[1]], make_tasks()
    )
    assert known_queries(model)["shopper"].tolist() == expected
    # As of a file of version 0.1:
    monkeypatch.setattr(wide_model.queries, "columns", {})
    with pytest.raises(ModelError, match='read "age", "interests", and its file says them of no'):
        known_queries(wide_model)


def test_what_cannot_be_exported(wide_model, tmp_path, monkeypatch):
    recommender = mtf.Recommender(wide_model)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "file").touch()
    for path in ("full", "file"):
        with pytest.raises(RunError, match="exists and is not empty"):
            export(recommender, tmp_path / path)
    with pytest.raises(RunError, match="cannot be written"):
        export(recommender, tmp_path / "file/inside")

    broken = mtf.Recommender(wide_model)
    broken.candidates.embeddings = {"product": "no embedding"}
    with pytest.raises(TypeError, match="MatMul"):
        export(broken, tmp_path / "half")
    assert not list(tmp_path.glob("*half*")), "a half-written folder"
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(
        ModelError, match=r"Keras runs on jax[\s\S]*KERAS_BACKEND=tensorflow mtframework export"
    ):
        export(recommender, tmp_path / "other")
    monkeypatch.undo()

    schema = mtf.Schema(
        (
            mtf.Column("who", "categorical", "query"),
            mtf.Column("k", "numeric", "query"),
            mtf.Column("what", "categorical", "candidate"),
            mtf.Column("stars", "numeric", "label"),
        ),
        query_key="who",
        candidate_key="what",
    )
    rows = {"who": ["a"], "k": [1.0], "what": ["b"], "stars": [2.0]}
    towers = [mtf.Tower("who", ["who", "k"]), mtf.Tower("what", ["what"])]
    model = mtf.MultiTaskModel(towers, [mtf.Ranking("rating", label="stars")])
    model.adapt(mtf.Dataset(schema, rows, rows, {"what": ["b"]}))
    with pytest.raises(ModelError, match='The column "k" would be the input "k", and so would'):
        export(mtf.Recommender(model), tmp_path / "clash")


def test_a_retrieval_with_a_view_of_its_own_is_exported(tmp_path):
    import tensorflow as tf

    schema = mtf.Schema(
        (
            mtf.Column("who", "categorical", "query"),
            mtf.Column("what", "categorical", "candidate"),
            mtf.Column("bought", "numeric", "label"),
        ),
        query_key="who",
        candidate_key="what",
    )
    rows = {"who": np.array(["a", "b"]), "what": np.array(["x", "y"]), "bought": np.ones(2)}
    tasks = [
        mtf.Retrieval("buy", query="who", candidate="what", candidate_bias=True, start_from="cart"),
        mtf.Retrieval("cart", query="who", candidate="what"),
    ]
    towers = [mtf.Tower("who", ["who"], 4), mtf.Tower("what", ["what"], 4)]
    model = mtf.MultiTaskModel(towers, tasks, sharing=mtf.MMoE(2, [3]))
    model.adapt(mtf.Dataset(schema, rows, rows, {"what": np.array(["x", "y", "z"])}))
    draw = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(draw.normal(size=weight.shape))
    recommender = mtf.Recommender(model, num_retrieved=3)
    export(recommender, tmp_path / "served", queries={"who": ["a"]})
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["recommend"]
    asked = {"who": tf.constant(["a", "b"]), "k": tf.constant(3)}
    asked |= {"exclude": tf.constant([[""]]), "exclude_seen": tf.constant(False)}
    answer = {name: each.numpy() for name, each in served(**asked).items()}
    answer["ids"] = np.char.decode(answer["ids"].astype(bytes))
    assert_same(answer, recommender.recommend({"who": ["a", "b"]}, 3, exclude_seen=False))
    written = pq.read_table(tmp_path / "served/query_embeddings.parquet").to_pydict()
    candidates = pq.read_table(tmp_path / "served/candidate_embeddings.parquet").to_pydict()
    scores = np.array(candidates["what_embedding"]) @ written["who/buy_embedding"][0]
    scores += np.array(candidates["what/buy_embedding"])[:, 0]
    np.testing.assert_allclose(-np.sort(-scores), answer["score"][0], rtol=1e-4, atol=1e-5)

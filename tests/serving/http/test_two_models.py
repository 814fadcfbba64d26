"""Two models that share the queries of one service."""

import asyncio
import re
from collections import Counter

import numpy as np
import pytest
from fastapi.testclient import TestClient
from shop import make_shop, make_tasks, make_towers
from who_what_when import SCHEMA

import mtframework as mtf
from mtframework.errors import ModelError, RunError
from mtframework.serving.app import BESIDE, RUN, SHARE, Served
from mtframework.serving.http.app import create_app
from mtframework.serving.http.event_log import EventLog
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service

SHOPPERS = [str(number) for number in range(20)]


@pytest.fixture(scope="module")
def turned(recommender) -> mtf.Recommender:
    """The same model, asked for what is rated worst."""
    return mtf.Recommender(recommender.model, mtf.Fusion({"rating": -1.0}))


@pytest.fixture
def asking(recommender, turned, log):
    services = Service(recommender, "usual", log), Service(turned, "turned", log)
    app = create_app(lambda: Models(*services, share=0.4), "shop", Limits(max_wait=0.01))
    with TestClient(app) as client:
        yield client


def test_a_query_stays_with_its_model_and_models_with_their_shares(recommender, turned):
    def of_second(share):
        models = Models(Service(recommender, "1"), Service(turned, "2"), share)
        return {each for each in range(10_000) if models.place_of({"shopper": str(each)}) == 1}

    found = {share: of_second(share) for share in (0, 0.1, 0.4, 1)}
    assert [len(found[share]) for share in (0, 1)] == [0, 10_000]
    for share in (0.1, 0.4):  # four standard deviations of as many draws
        assert abs(len(found[share]) / 10_000 - share) < 4 * np.sqrt(share * (1 - share) / 10_000)
    assert found[0.1] < found[0.4] == of_second(0.4)
    models = Models(Service(recommender, "1"), Service(turned, "2"), 0.5)
    for each in range(20):  # one key, however it is written, and whatever comes with it
        rows = {"shopper": each}, {"shopper": f" {each} "}, {"shopper": str(each), "age": 3.0}
        assert len({models.place_of(row) for row in rows}) == 1
    nameless = [models.place_of({"age": float(each)}) for each in range(40)]
    assert set(nameless) == {0, 1}
    assert nameless == [models.place_of({"age": float(each)}) for each in range(40)]


def test_each_query_is_answered_by_its_model_in_any_company(asking, recommender, turned):
    rows = [{"shopper": name} for name in SHOPPERS]
    exclude = [[f"product {number:02}"] for number in range(20)]
    body = {"queries": rows, "k": 3, "exclude_seen": False, "exclude": exclude}
    sent = asking.post("/recommend", json=body)
    assert sent.headers["model-version"] in ("usual, turned", "turned, usual")
    answer = sent.json()
    num = Counter(answer["versions"])
    assert set(num) == {"usual", "turned"}
    library = {"usual": recommender, "turned": turned}
    for row, hidden, version, found in zip(
        rows, exclude, answer["versions"], answer["recommendations"], strict=True
    ):
        columns = {"shopper": [row["shopper"]]}
        for asked in (version, *({"usual", "turned"} - {version})):
            one = {**body, "queries": [row], "exclude": [hidden], "version": asked}
            alone = asking.post("/recommend", json=one).json()
            assert alone["versions"] == [asked]
            expected = library[asked].recommend(columns, 3, False, [hidden])
            ids = expected.ids[0].tolist()
            assert [each["id"] for each in alone["recommendations"][0]] == ids
            if asked == version:
                assert [each["id"] for each in found] == ids
    metrics = asking.get("/metrics").text
    for version in num:  # of all together, and of each alone by both
        assert f'mtframework_queries_total{{version="{version}"}} {num[version] + 20.0}' in metrics
        line = f'requests_total{{path="/recommend",status="200",version="{version}"}} 20.0'
        assert line in metrics
        wrong = {**body, "version": version, "fusion": {"nothing": 1.0}}
        assert asking.post("/recommend", json=wrong).status_code == 422
        failures = f'mtframework_failures_total{{version="{version}"}} 1.0'
        assert failures in asking.get("/metrics").text

    pairs = [{"shopper": name, "product": "product 04"} for name in SHOPPERS]
    scored = asking.post("/score", json={"pairs": pairs}).json()
    assert scored["versions"] == answer["versions"]
    inputs = {"shopper": SHOPPERS, "k": 3, "exclude_seen": False, "exclude": exclude}
    served = asking.post("/v1/models/shop:predict", json={"inputs": inputs})
    assert served.headers["model-version"] == sent.headers["model-version"]
    assert served.json()["outputs"]["ids"] == [
        [each["id"] for each in found] for found in answer["recommendations"]
    ]


def test_what_a_client_must_know_is_told_of_both(asking, recommender):
    told = asking.get("/model").json()
    usual, other = told.pop("models")
    assert (usual["version"], usual["share"]) == ("usual", pytest.approx(0.6))
    assert (other["version"], other["share"]) == ("turned", 0.4)
    assert (usual["fusion"], other["fusion"]) == ({"find": 1.0, "rating": 0.5}, {"rating": -1.0})
    assert told["tasks"] == ["rating", "find", "buy"]
    assert asking.get("/health/ready").json()["versions"] == ["usual", "turned"]
    assert asking.get("/queries/3").json()["shopper"] == "3"
    assert asking.get("/candidates/product 04").status_code == 200


def sequence_model(dim: int) -> mtf.MultiTaskModel:
    model = mtf.MultiTaskModel(
        [
            mtf.SequenceTower("who", "what", "who", mtf.DecayedMean(), embedding_dim=dim),
            mtf.Tower("what", ["what"], embedding_dim=dim),
        ],
        [mtf.Retrieval("next", query="who", candidate="what")],
    )
    rows = {"who": ["Ann", "Ben", "Ben"], "what": ["w0", "w1", "w2"], "when": [1, 1, 2]}
    catalogue = {"what": [f"w{number}" for number in range(12)]}
    model.adapt(mtf.Dataset(SCHEMA, rows, rows, catalogue))
    return model


def test_an_event_counts_in_both_models_histories(tmp_path):
    recommenders = [mtf.Recommender(sequence_model(dim)) for dim in (4, 8)]
    log = EventLog(tmp_path / "events.jsonl", SCHEMA)
    first, second = (
        Service(each, version, log) for each, version in zip(recommenders, "12", strict=True)
    )
    done = {"who": "Zoe", "when": 5}
    events = [{"event_id": what, "what": what, **done} for what in ("w3", "w7")]
    with TestClient(create_app(lambda: Models(first, second, 0.5))) as client:
        assert client.post("/events", json={"events": events}).json() == {"written": 2}
        for version, recommender in zip("12", recommenders, strict=True):
            body = {"queries": [{"who": "Zoe"}], "k": 10, "version": version}
            [found] = client.post("/recommend", json=body).json()["recommendations"]
            asked = {"who": ["Zoe"], "recent": [["w3", "w7"]]}
            expected = recommender.recommend(asked, 10, exclude=[["w3", "w7"]])
            assert [each["id"] for each in found] == expected.ids[0].tolist()
            scores = [each["score"] for each in found]
            np.testing.assert_allclose(scores, expected.score[0], rtol=1e-4)
            unaware = recommender.recommend({"who": ["Zoe"]}, 10).score
            assert not np.allclose(scores, unaware[0])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"version": "usul"}, 'One of "turned", "usual".'),
        ({"exclude": [["product 01"]]}, "1 lists for 20"),
        ({"queries": [{"shopper": "1"}, {"age": 3.0}, {"shopper": "4"}]}, "Row 1 has the columns"),
    ],
)
def test_a_request_that_cannot_be_shared_is_refused(asking, body, text):
    rows = [{"shopper": name} for name in SHOPPERS]
    answer = asking.post("/recommend", json={"queries": rows, **body})
    assert answer.status_code == 422
    assert text in " ".join(answer.json().values())


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan"), "half"])
def test_a_share_that_is_none_is_refused(recommender, turned, share):
    services = Service(recommender, "1"), Service(turned, "2")
    with pytest.raises(ModelError, match=re.escape("A number from 0 to 1.")):
        Models(*services, share=share)


def test_models_that_understand_other_requests_are_refused(recommender, turned):
    with pytest.raises(ModelError, match='are called "1"'):
        Models(Service(recommender, "1"), Service(turned, "1"), 0.5)
    towers = make_towers()
    towers[0] = mtf.Tower("shopper", ["shopper", "age"], embedding_dim=8)
    model = mtf.MultiTaskModel(towers, make_tasks()[:2])
    model.adapt(make_shop())
    with pytest.raises(ModelError) as refused:
        Models(Service(recommender, "1"), Service(mtf.Recommender(model), "2"), 0.5)
    assert refused.value.found == (
        '"1" and "2" do not answer the same requests: they differ in tasks ("buy"), '
        'columns ("age").'
    )


@pytest.mark.parametrize(
    ("beside", "share", "text"),
    [
        (None, "0.5", "one model answers all of them"),
        ("runs/b", "half", "A number from 0 to 1"),
        ("runs/b", "2", "A number from 0 to 1"),
        ("runs/b", "nan", "A number from 0 to 1"),
        ("runs/b", "0.5", "runs/a is not a run folder"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(monkeypatch, tmp_path, beside, share, text):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RUN, "runs/a")
    for name, value in ((BESIDE, beside), (SHARE, share)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises((ModelError, RunError), match=text):
        Served.of_environment()


def test_a_start_that_is_refused_says_why_without_a_traceback(recommender):
    def load():
        return Models(Service(recommender, "1"), Service(recommender, "1"), 0.5)

    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    with pytest.raises(ModelError) as refused:
        asyncio.run(create_app(load)({"type": "lifespan", "app": None}, receive, send))
    assert sent == [{"type": "lifespan.startup.failed", "message": str(refused.value)}]

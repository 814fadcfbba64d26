"""The service asked over HTTP, against the library's own answers."""

import concurrent.futures

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mtframework.errors import DataError
from mtframework.serving.http.app import create_app
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service


def recommended(client, **body):
    answer = client.post("/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["recommendations"]


def test_recommends_what_the_library_does(client, recommender):
    found = recommended(client, queries=[{"shopper": "3"}, {"shopper": "nobody"}], k=4)
    expected = recommender.recommend({"shopper": ["3", "nobody"]}, k=4)
    assert [[each["id"] for each in query] for query in found] == expected.ids.tolist()
    scores = [[each["scores"]["rating"] for each in query] for query in found]
    np.testing.assert_allclose(scores, expected.scores["rating"], rtol=1e-5)
    fused = [[each["score"] for each in query] for query in found]
    by_hand = np.array(
        [[e["scores"]["find"] + 0.5 * e["scores"]["rating"] for e in q] for q in found]
    )
    np.testing.assert_allclose(fused, by_hand, rtol=1e-5)


def test_weights_of_one_request_change_its_order_alone(client):
    query = {"queries": [{"shopper": "3"}], "k": 30, "exclude_seen": False}
    [usual] = recommended(client, **query)
    [turned] = recommended(client, **query, fusion={"rating": -1.0})
    [again] = recommended(client, **query)
    assert usual == again
    ratings = [each["scores"]["rating"] for each in turned]
    assert ratings == sorted(ratings)
    assert len(ratings) == 30


def test_only_what_meets_the_conditions_and_as_many_as_there_are(client):
    wanted = ["product 01", "product 07", "product 20"]
    [found] = recommended(
        client, queries=[{"shopper": "3"}], k=5, exclude_seen=False, only={"product": wanted}
    )
    assert sorted(each["id"] for each in found) == wanted
    [none] = recommended(client, queries=[{"shopper": "3"}], only={"product": "product 99"})
    assert none == []


def test_what_is_excluded_is_not_found(client):
    [found] = recommended(client, queries=[{"shopper": "3"}], k=3)
    best = [each["id"] for each in found]
    [others] = recommended(client, queries=[{"shopper": "3"}], k=3, exclude=[best])
    assert not set(best) & {each["id"] for each in others}


def test_scores_are_those_of_predict(client, recommender):
    pairs = [{"shopper": "3", "product": "product 04"}, {"shopper": "5", "product": "product 11"}]
    answer = client.post("/score", json={"pairs": pairs}).json()
    columns = {name: [pair[name] for pair in pairs] for name in pairs[0]}
    expected = recommender.model.predict(recommender.model.encode(columns), verbose=0)
    for task, scores in expected.items():
        found = [each[task] for each in answer["scores"]]
        np.testing.assert_allclose(found, scores, rtol=1e-5, err_msg=task)
    assert answer["versions"] == ["shop-1"] * 2


def test_answers_are_the_same_alone_and_among_many(client):
    bodies = [
        {"queries": [{"shopper": str(number % 20)}], "k": 3 + number % 2, "exclude_seen": False}
        for number in range(60)
    ]
    alone = [recommended(client, **body) for body in bodies]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda body: recommended(client, **body), bodies))
    for one, other in zip(alone, together, strict=True):
        assert [each["id"] for each in one[0]] == [each["id"] for each in other[0]]
        np.testing.assert_allclose(
            [each["score"] for each in one[0]], [each["score"] for each in other[0]], rtol=1e-5
        )


def test_a_wrong_request_does_not_spoil_those_it_waits_with(recommender):
    app = create_app(lambda: Models(Service(recommender, "1")), limits=Limits(max_wait=0.2))
    good, bad = {"queries": [{"shopper": "3"}]}, {"queries": [{"shopper": True}]}
    with TestClient(app) as client, concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: client.post("/recommend", json=body), [good, bad] * 2))
    assert [answer.status_code for answer in answers] == [200, 422, 200, 422]


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/recommend", {"queries": [{"shoper": "3"}]}, 422, 'Did you mean "shopper"?'),
        ("/recommend", {"queries": [{"shopper": "3"}], "k": 0}, 422, "body.k"),
        ("/recommend", {"queries": [{"shopper": "3"}], "k": 31}, 422, "at most 30"),
        ("/recommend", {"queries": [{"shopper": "3"}] * 51}, 422, "at most 50"),
        ("/recommend", {"queries": [{"shopper": "3"}], "histroy": []}, 422, "body.histroy"),
        ("/recommend", {"queries": [{"shopper": "3"}, {"age": 3}]}, 422, "same columns"),
        ("/recommend", {"queries": [{"shopper": "3"}], "exclude": []}, 422, "0 lists for 1"),
        ("/recommend", {"queries": [{"shopper": "3"}], "fusion": {"fnd": 1}}, 422, '"find"'),
        ("/recommend", {"queries": [{"shopper": "3"}], "only": {"shelf": "a"}}, 422, '"shelf"'),
        ("/recommend", {"queries": [{"shopper": "3" * 30_000}]}, 413, "20000 bytes"),
        ("/score", {"pairs": [{"shopper": "3", "product": "a novelty"}]}, 200, "rating"),
        ("/score", {"pairs": [{"shopper": [["3"]]}]}, 422, "body.pairs"),
        ("/events", {"events": [{"shopper": "3"}]}, 422, '"event_id"'),
    ],
)
def test_what_cannot_be_answered_is_said(client, path, body, status, text):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert text in answer.text if status == 200 else text in " ".join(answer.json().values())


HALF = r'"\ud800"'  # of a pair; JSON can write it, UTF-8 cannot


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/recommend", f'{{"queries": [{{"shopper": {HALF}}}]}}'),
        ("/recommend", f'{{"queries": [{{{HALF}: "3"}}]}}'),
        ("/recommend", f'{{"queries": [{{"shopper": "3"}}], "exclude": [[{HALF}]]}}'),
        ("/recommend", f'{{"queries": [{{"shopper": "3"}}], "only": {{"product": {HALF}}}}}'),
        ("/recommend", f'{{"queries": [{{"shopper": "3"}}], "fusion": {{{HALF}: 1}}}}'),
        ("/recommend", f'{{"queries": [{{"shopper": "3"}}], "version": {HALF}}}'),
        ("/recommend", f'{{"queries": [{{"shopper": "3"}}], {HALF}: 3}}'),
        ("/score", f'{{"pairs": [{{"shopper": "3", "product": {HALF}}}]}}'),
        ("/events", f'{{"events": [{{"event_id": {HALF}, "shopper": "3", "product": "a"}}]}}'),
        ("/events", f'{{"events": [{{"event_id": "1", "shopper": "3", "product": {HALF}}}]}}'),
        ("/v1/models/shop:predict", f'{{"inputs": {{"shopper": [{HALF}]}}}}'),
        ("/v1/models/shop:predict", f'{{"signature_name": {HALF}, "inputs": {{"a": [1]}}}}'),
        ("/v2/models/shop/infer", f'{{"inputs": [{{"name": {HALF}}}]}}'),
    ],
)  # fmt: skip
def test_half_a_character_is_no_text(client, path, body):
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["found"]


def test_no_queries_are_answered_by_nothing(client):
    assert recommended(client, queries=[]) == []
    assert client.post("/score", json={"pairs": []}).json()["scores"] == []


def test_what_is_known_of_candidates_and_queries(client, recommender):
    assert client.get("/candidates/product 04").json() == {"product": "product 04"}
    assert client.get("/candidates/product 99").status_code == 404
    known = client.get("/queries/3").json()
    seen = recommender.model.catalogue.seen(recommender.model.vocabularies["shopper"].ids(["3"])[0])
    assert known["num_seen"] == len(seen)
    assert known["events"] == []
    assert client.get("/queries/nobody").status_code == 404


def test_an_event_counts_in_the_next_request_and_once(client, log):
    ask = {"queries": [{"shopper": "a newcomer"}], "k": 1}
    [[before]] = recommended(client, **ask)
    event = {"event_id": "e1", "shopper": "a newcomer", "product": before["id"], "stars": 5}
    assert client.post("/events", json={"events": [event, event]}).json() == {"written": 1}
    assert client.post("/events", json={"events": [event]}).json() == {"written": 0}
    [[after]] = recommended(client, **ask)
    assert after["id"] != before["id"]
    assert client.get("/queries/a newcomer").json()["events"] == [event]
    [shown] = recommended(client, **ask, exclude_seen=False)
    assert shown[0]["id"] == before["id"]


def test_metrics_count_requests_queries_and_unknown_ones(client):
    recommended(client, queries=[{"shopper": "3"}, {"shopper": "nobody"}])
    text = client.get("/metrics").text
    assert 'mtframework_queries_total{version="shop-1"} 2.0' in text
    assert 'mtframework_unknown_queries_total{version="shop-1"} 1.0' in text
    line = 'mtframework_requests_total{path="/recommend",status="200",version="shop-1"} 1.0'
    assert line in text


def test_the_token_is_asked_for_but_by_health_and_the_page(recommender):
    app = create_app(lambda: Models(Service(recommender, "1")), token="sécret")
    with TestClient(app) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/page/page.js").status_code == 200
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sécret".encode()}):
            assert client.get("/model", headers=header).status_code == 401
        right = {"Authorization": "Bearer sécret".encode()}
        assert client.get("/model", headers=right).json()["tasks"] == ["rating", "find", "buy"]


def test_a_broken_model_is_refused_and_the_old_one_goes_on(recommender):
    versions = iter(
        [Models(Service(recommender, "1")), DataError("Broken.", "A model.", "Mend it.")]
    )

    def load():
        models = next(versions)
        if isinstance(models, Exception):
            raise models
        return models

    app = create_app(load, token="t")
    with TestClient(app, headers={"Authorization": "Bearer t"}) as client:
        answer = client.post("/models/reload")
        assert answer.status_code == 422
        assert answer.json()["found"] == "Broken."
        assert recommended(client, queries=[{"shopper": "3"}], k=1)
        assert client.get("/health/ready").json()["versions"] == ["1"]


def test_a_new_model_answers_after_a_reload(recommender):
    versions = iter("12")
    app = create_app(lambda: Models(Service(recommender, next(versions))), token="t")
    with TestClient(app, headers={"Authorization": "Bearer t"}) as client:
        assert client.post("/models/reload").json() == {"versions": ["2"]}
        body = {"queries": [{"shopper": "3"}]}
        assert client.post("/recommend", json=body).json()["versions"] == ["2"]


def test_more_than_may_wait_are_sent_away(recommender):
    app = create_app(lambda: Models(Service(recommender, "1")), limits=Limits(max_waiting=1))
    with TestClient(app) as client:
        answer = client.post("/recommend", json={"queries": [{"shopper": "3"}, {"shopper": "4"}]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"

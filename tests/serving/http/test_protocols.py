"""What clients of TensorFlow Serving and of the open inference protocol send, and get."""

import json
import struct

import numpy as np
import pytest


def test_tensorflow_serving_in_columns(client, recommender):
    body = {"signature_name": "recommend", "inputs": {"shopper": ["3", "5"], "k": 4}}
    outputs = client.post("/v1/models/shop:predict", json=body).json()["outputs"]
    expected = recommender.recommend({"shopper": ["3", "5"]}, k=4)
    assert outputs["ids"] == expected.ids.tolist()
    np.testing.assert_allclose(outputs["score"], expected.score, rtol=1e-5)
    np.testing.assert_allclose(outputs["score/buy"], expected.scores["buy"], rtol=1e-5)


def test_tensorflow_serving_in_rows(client, recommender):
    pairs = [{"shopper": "3", "product": "product 04"}, {"shopper": "5", "product": "product 11"}]
    body = {"signature_name": "score", "instances": pairs}
    found = client.post("/v1/models/shop/versions/1:predict", json=body).json()["predictions"]
    columns = {name: [pair[name] for pair in pairs] for name in pairs[0]}
    expected = recommender.model.predict(recommender.model.encode(columns), verbose=0)
    np.testing.assert_allclose([each["buy"] for each in found], expected["buy"], rtol=1e-5)


def test_tensorflow_serving_tells_its_state(client):
    [state] = client.get("/v1/models/shop").json()["model_version_status"]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    assert client.get("/v1/models/another").status_code == 404


def test_fewer_than_k_are_filled(client):
    everything = [f"product {number:02}" for number in range(28)]
    inputs = {"shopper": ["a newcomer"], "k": 4, "exclude": [everything]}
    answer = client.post("/v1/models/shop:predict", json={"inputs": inputs})
    outputs = answer.json()["outputs"]
    assert sorted(outputs["ids"][0]) == ["", "", "product 28", "product 29"]
    assert np.isneginf(outputs["score"][0][2:]).all()


def test_open_inference_in_json(client, recommender):
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/shop").json()["name"] == "shop"
    inputs = [
        {"name": "shopper", "datatype": "BYTES", "shape": [2], "data": ["3", "5"]},
        {"name": "k", "datatype": "INT32", "shape": [1], "data": [3]},
    ]
    body = json.dumps({"id": "7\ud800", "inputs": inputs})  # no text in UTF-8, and still an id
    answer = client.post("/v2/models/shop/infer", content=body).json()
    outputs = {each["name"]: each for each in answer["outputs"]}
    expected = recommender.recommend({"shopper": ["3", "5"]}, k=3)
    assert answer["id"] == "7\ud800"
    assert outputs["ids"]["shape"] == [2, 3]
    assert outputs["ids"]["data"] == expected.ids.ravel().tolist()
    np.testing.assert_allclose(outputs["score"]["data"], expected.score.ravel(), rtol=1e-5)


def test_open_inference_in_binary(client, recommender):
    texts = b"".join(struct.pack("<I", len(each)) + each for each in (b"3", "Zoë".encode()))
    tensor = {"name": "shopper", "datatype": "BYTES", "shape": [2]}
    tensor["parameters"] = {"binary_data_size": len(texts)}
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in ("ids", "score")]
    head = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
    answer = client.post(
        "/v2/models/shop/infer",
        content=head + texts,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    length = int(answer.headers["inference-header-content-length"])
    sizes = [
        each["parameters"]["binary_data_size"]
        for each in json.loads(answer.content[:length])["outputs"]
    ]
    rest = answer.content[length:]
    assert len(rest) == sum(sizes)
    scores = np.frombuffer(rest[sizes[0] :], "<f4").reshape(2, 10)
    expected = recommender.recommend({"shopper": ["3", "Zoë"]}, k=10)
    np.testing.assert_allclose(scores, expected.score, rtol=1e-5)
    first_length = struct.unpack_from("<I", rest)[0]
    assert rest[4 : 4 + first_length].decode() == expected.ids[0, 0]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/v1/models/shop:predict", {}, '"inputs" and "instances"'),
        ("/v1/models/shop:predict", {"inputs": {"shopper": "3"}}, "lists of one length"),
        ("/v1/models/shop:predict", {"instances": [3]}, "list of objects"),
        ("/v1/models/shop:predict", {"inputs": {"shopper": ["3"], "k": "4"}}, "whole number"),
        ("/v1/models/shop:predict", {"inputs": {"shopper": ["3"], "exclude": 7}}, "exclude"),
        ("/v2/models/shop/infer", {"inputs": 3}, "list of tensors"),
        (
            "/v2/models/shop/infer",
            {"inputs": [{"name": "k", "datatype": "INT8", "shape": [1], "data": [1]}]},
            "INT8",
        ),
        (
            "/v2/models/shop/infer",
            {"inputs": [{"name": "k", "datatype": "INT32", "shape": [2], "data": [1]}]},
            "cannot be read",
        ),
        ("/v2/models/shop/infer", [], "not a JSON object"),
    ],
)
def test_what_cannot_be_read_is_said(client, path, body, text):
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert text in answer.json()["found"]

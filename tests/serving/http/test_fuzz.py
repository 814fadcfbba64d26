"""Whatever the description of the interface allows, and more, is answered without a 500."""

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtframework.serving.http.app import create_app
from mtframework.serving.http.event_log import EventLog
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service

NUM_EACH = 30
FUZZ = settings(
    max_examples=NUM_EACH,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["inputs", "instances", "k", "exclude", "shopper", "name", "datatype"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_no_request_that_the_description_allows_fails(recommender, tmp_path):
    log = EventLog(tmp_path / "events.jsonl", recommender.model.schema)
    services = Service(recommender, "1", log), Service(recommender, "2", log)
    app = create_app(lambda: Models(*services, share=0.5), limits=Limits(max_wait=0))
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    with TestClient(app, raise_server_exceptions=False) as client:
        for operation in described.get_all_operations():
            case = operation.ok()

            @FUZZ
            @given(case.as_strategy())
            def ask(case):
                sent = case.as_transport_kwargs()
                answer = client.request(
                    sent["method"],
                    case.formatted_path,
                    json=sent.get("json"),
                    params=sent.get("params"),
                )
                assert answer.status_code != 500, (case.formatted_path, sent.get("json"))

            ask()


def test_no_body_of_a_protocol_fails(recommender):
    services = Service(recommender, "1"), Service(recommender, "2")
    app = create_app(lambda: Models(*services, share=0.5), limits=Limits(max_wait=0))
    with TestClient(app, raise_server_exceptions=False) as client:

        @FUZZ
        @given(st.sampled_from(["/v1/models/model:predict", "/v2/models/model/infer"]), JSON)
        def ask(path, body):
            assert client.post(path, json=body).status_code != 500, (path, body)

        ask()

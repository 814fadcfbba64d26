"""A small trained model behind the service."""

import pytest
from fastapi.testclient import TestClient
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf
from mtframework.serving.http.app import create_app
from mtframework.serving.http.event_log import EventLog
from mtframework.serving.http.limits import Limits
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service
from mtframework.training.train import batches_of


@pytest.fixture(scope="session")
def recommender() -> mtf.Recommender:
    import keras

    keras.utils.set_random_seed(0)
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    shop = make_shop()
    model.adapt(shop)
    model.compile(keras.optimizers.Adagrad(0.1))
    model.fit(batches_of(model, shop, "train", 80), epochs=2, verbose=0)
    return mtf.Recommender(model, mtf.Fusion({"find": 1.0, "rating": 0.5}))


@pytest.fixture
def log(recommender, tmp_path) -> EventLog:
    return EventLog(tmp_path / "events.jsonl", recommender.model.schema)


@pytest.fixture
def client(recommender, log):
    limits = Limits(max_k=30, max_rows=50, max_bytes=20_000)
    app = create_app(lambda: Models(Service(recommender, "shop-1", log)), "shop", limits)
    with TestClient(app, raise_server_exceptions=False) as asking:
        yield asking

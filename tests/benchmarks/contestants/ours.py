"""mtframework: `ours.py {step|step_top_k|evaluate|three_tasks PART|zipf_step|first_step}`."""

import sys

import keras
import numpy as np
import tutorial
from timing import report

import mtframework as mtf
from mtframework.registry import GRADIENT_BALANCERS, SHARING, load_builtin_parts
from mtframework.training.train import batches_of


def joint(data, top_k=()) -> mtf.MultiTaskModel:
    model = mtf.MultiTaskModel(
        towers=[mtf.Tower("user", ["user_id"]), mtf.Tower("movie", ["movie_title"])],
        tasks=[
            mtf.Ranking("rating", label="user_rating", hidden_units=[256, 128]),
            mtf.Retrieval(
                "watch",
                query="user",
                candidate="movie",
                logq=False,
                reduction="sum",
                training_top_k=top_k,
            ),
        ],
    )
    model.adapt(data)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    return model


def time_steps(model, batch, repeats=20) -> None:
    """Times training on one batch, prepared ahead, through Keras's own compiled step."""
    run = step_of(model, batch)
    report(run, repeats, warm_ups=3)


def step_of(model, batch):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = tf.nest.map_structure(tf.constant, batch)
        data = iter(tf.data.Dataset.from_tensors(tensors).cache().repeat().prefetch(2))
        model.make_train_function()
        return lambda: float(model.train_function(data)["loss"])
    return lambda: model.train_on_batch(*batch, return_dict=True)["loss"]


def step(top_k=()) -> None:
    data = tutorial.load()
    model = joint(data, top_k)
    time_steps(model, batches_of(model, data, "train", tutorial.BATCH)[0])


def step_top_k() -> None:
    step((1, 5, 10, 50, 100))


def evaluate() -> None:
    data = tutorial.load()
    model = joint(data)
    report(lambda: mtf.evaluate(model, data), repeats=5)


def three_task_model(part: str, data) -> mtf.MultiTaskModel:
    """Two ranking tasks and a retrieval at the tutorial's shapes, with one balancer or sharing."""
    load_builtin_parts()
    parts = {}
    if part in GRADIENT_BALANCERS:
        parts["gradient_balancer"] = GRADIENT_BALANCERS.get(part).cls()
    elif part in SHARING:
        parts["sharing"] = SHARING.get(part).cls()
    model = mtf.MultiTaskModel(
        towers=[mtf.Tower("user", ["user_id"]), mtf.Tower("movie", ["movie_title"])],
        tasks=[
            mtf.Ranking("rating", label="user_rating", hidden_units=[256, 128]),
            mtf.BinaryFeedback(
                "like", label="user_rating", positive_from=4, hidden_units=[256, 128]
            ),
            mtf.Retrieval("watch", query="user", candidate="movie"),
        ],
        **parts,
    )
    if part == "no_junction":
        model.junction = None
    model.adapt(data)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    return model


def three_tasks(part: str) -> None:
    data = tutorial.load()
    model = three_task_model(part, data)
    time_steps(model, batches_of(model, data, "train", tutorial.BATCH)[0])


def zipf_step(num_candidates=100_000, batch=8192, dim=64) -> None:
    draw = np.random.default_rng(0)
    ranks = (draw.zipf(1.1, 400_000) - 1) % num_candidates
    rows = {
        "query": draw.integers(0, 50_000, len(ranks)),
        "candidate": ranks,
        "rating": draw.integers(1, 6, len(ranks)).astype("float32"),
    }
    data = mtf.Dataset(
        schema=mtf.Schema(
            (
                mtf.Column("query", "categorical", "query"),
                mtf.Column("candidate", "categorical", "candidate"),
                mtf.Column("rating", "numeric", "label"),
            ),
            "query",
            "candidate",
        ),
        train=rows,
        test={name: values[:1] for name, values in rows.items()},
        catalogue={"candidate": np.arange(num_candidates)},
    )
    model = mtf.MultiTaskModel(
        towers=[
            mtf.Tower("query", ["query"], embedding_dim=dim),
            mtf.Tower("candidate", ["candidate"], embedding_dim=dim),
        ],
        tasks=[mtf.Retrieval("find", query="query", candidate="candidate", logq=False)],
    )
    model.adapt(data)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    time_steps(model, batches_of(model, data, "train", batch)[0], repeats=5)


def ranks_of_a_million(num_queries=2000, num_candidates=1_000_000, dim=64) -> None:
    from mtframework.metrics.catalogue_rank import catalogue_ranks, top_k_accuracy

    draw = np.random.default_rng(0)
    queries = draw.normal(size=(num_queries, dim)).astype("float32")
    candidates = draw.normal(size=(num_candidates, dim)).astype("float32")
    positives = draw.integers(0, num_candidates, num_queries)

    def run():
        return top_k_accuracy(catalogue_ranks(queries, positives, candidates)[0], 100)

    report(run, repeats=1, warm_ups=0)


def first_step() -> None:
    data = tutorial.load()
    model = joint(data)
    model.train_on_batch(*batches_of(model, data, "train", tutorial.BATCH)[0])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

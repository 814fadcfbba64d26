"""TensorFlow Recommenders 0.7: `tfrs_peer.py {step|step_top_k|evaluate|zipf_step|…}`.

The tutorial's own model, written as the tutorial does, on the same ids: its string lookups are left
out, which makes it faster than it is.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tutorial
from timing import report


class Tutorial(tfrs.Model):
    def __init__(self, num_users, num_movies, movie_ids, compute_metrics=True):
        super().__init__()
        self.compute_metrics = compute_metrics
        self.user_model = tf.keras.layers.Embedding(num_users, 32)
        self.movie_model = tf.keras.layers.Embedding(num_movies, 32)
        self.rating_model = tf.keras.Sequential(
            [tf.keras.layers.Dense(units, activation="relu") for units in (256, 128)]
            + [tf.keras.layers.Dense(1)]
        )
        self.rating_task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(),
            metrics=[tf.keras.metrics.RootMeanSquaredError()],
        )
        candidates = tf.data.Dataset.from_tensor_slices(movie_ids).batch(128)
        self.retrieval_task = tfrs.tasks.Retrieval(
            metrics=tfrs.metrics.FactorizedTopK(candidates=candidates.map(self.movie_model))
        )

    def compute_loss(self, features, training=False):
        users = self.user_model(features["user_id"])
        movies = self.movie_model(features["movie_title"])
        ratings = self.rating_model(tf.concat([users, movies], axis=1))
        rating_loss = self.rating_task(labels=features["user_rating"][:, None], predictions=ratings)
        return rating_loss + self.retrieval_task(
            users, movies, compute_metrics=self.compute_metrics or not training
        )


def joint(data, compute_metrics):
    movie_ids = data.encode(data.catalogue)["movie_title"]
    sizes = (data.vocabularies[name].size for name in ("user_id", "movie_title"))
    model = Tutorial(*sizes, movie_ids, compute_metrics)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    return model


def time_steps(model, batch, repeats=20):
    data = iter(tf.data.Dataset.from_tensors(batch).cache().repeat().prefetch(2))
    model.make_train_function()
    report(lambda: float(model.train_function(data)["total_loss"]), repeats, warm_ups=3)


def batch_of(data, split="train", size=tutorial.BATCH):
    return {name: values[:size] for name, values in tutorial.rows(data, split).items()}


def step(compute_metrics=False) -> None:
    data = tutorial.load()
    time_steps(joint(data, compute_metrics), batch_of(data))


def step_top_k() -> None:
    data = tutorial.load()
    time_steps(joint(data, True), batch_of(data), repeats=6)


def evaluate() -> None:
    data = tutorial.load()
    model = joint(data, True)
    test = tf.data.Dataset.from_tensor_slices(tutorial.rows(data, "test")).batch(4096).cache()
    report(lambda: model.evaluate(test, verbose=0), repeats=3)


def zipf_step(num_candidates=100_000, batch=8192, dim=64) -> None:
    draw = np.random.default_rng(0)

    class Retrieval(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.queries = tf.keras.layers.Embedding(50_001, dim)
            self.candidates = tf.keras.layers.Embedding(num_candidates + 1, dim)
            self.task = tfrs.tasks.Retrieval()

        def compute_loss(self, features, training=False):
            return self.task(
                self.queries(features["query"]),
                self.candidates(features["candidate"]),
                compute_metrics=False,
            )

    model = Retrieval()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    columns = {
        "query": draw.integers(0, 50_000, batch),
        "candidate": (draw.zipf(1.1, batch) - 1) % num_candidates,
    }
    time_steps(model, columns, repeats=5)


def ranks_of_a_million(num_queries=2000, num_candidates=1_000_000, dim=64) -> None:
    draw = np.random.default_rng(0)
    queries = tf.constant(draw.normal(size=(num_queries, dim)).astype("float32"))
    candidates = draw.normal(size=(num_candidates, dim)).astype("float32")
    positives = draw.integers(0, num_candidates, num_queries)
    true = tf.constant(candidates[positives])
    index = tfrs.layers.factorized_top_k.Streaming(k=100)
    index.index_from_dataset(tf.data.Dataset.from_tensor_slices(candidates).batch(8192))
    metric = tfrs.metrics.FactorizedTopK(candidates=index)
    report(lambda: metric.update_state(queries, true), repeats=1, warm_ups=0)


def first_step() -> None:
    data = tutorial.load()
    model = joint(data, False)
    model.fit(tf.data.Dataset.from_tensors(batch_of(data)), epochs=1, verbose=0)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

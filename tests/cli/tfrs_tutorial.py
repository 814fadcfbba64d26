"""Trains and saves the model of TFRS's multi-task tutorial; run in its own process, on Keras 2.

The argument is the folder to write: the SavedModels `tutorial`, `tanh` (with another activation),
`masked` (with a mask token), and what the first one predicts and recommends, `expected.json`.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

USERS = np.array(["42", "7", "138"])  # not sorted
MOVIES = np.array([f"Film {number}, the é ({1980 + number})" for number in range(14)])


def embedding(vocabulary, mask_token=None):
    return tf.keras.Sequential(
        [
            tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=mask_token),
            tf.keras.layers.Embedding(len(vocabulary) + 1 + (mask_token is not None), 5),
        ]
    )


class MovielensModel(tfrs.models.Model):
    def __init__(self, activation="relu", mask_token=None):
        super().__init__()
        self.movie_model = embedding(MOVIES)
        self.user_model = embedding(USERS, mask_token)
        self.rating_model = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(6, activation=activation),
                tf.keras.layers.Dense(4, activation=activation),
                tf.keras.layers.Dense(1),
            ]
        )
        self.rating_task = tfrs.tasks.Ranking(loss=tf.keras.losses.MeanSquaredError())
        self.retrieval_task = tfrs.tasks.Retrieval()

    def call(self, features):
        users = self.user_model(features["user_id"])
        movies = self.movie_model(features["movie_title"])
        return users, movies, self.rating_model(tf.concat([users, movies], axis=1))

    def compute_loss(self, features, training=False):
        ratings = features.pop("user_rating")
        users, movies, predictions = self(features)
        rating_loss = self.rating_task(labels=ratings, predictions=predictions)
        return rating_loss + self.retrieval_task(users, movies)


def trained(**arguments):
    tf.random.set_seed(0)
    draw = np.random.default_rng(0)
    rows = {
        "user_id": USERS[draw.integers(0, 3, 24)],
        "movie_title": MOVIES[draw.integers(0, 14, 24)],
        "user_rating": draw.integers(1, 6, (24, 1)).astype("float32"),
    }
    model = MovielensModel(**arguments)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.5))
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(12), epochs=2, verbose=0)
    return model


def main(folder):
    model = trained()
    tf.saved_model.save(model, str(folder / "tutorial"))
    tf.saved_model.save(trained(activation="tanh"), str(folder / "tanh"))
    tf.saved_model.save(trained(mask_token=""), str(folder / "masked"))
    users, movies = (
        np.array(["7", "42", "nobody"]),
        np.array([MOVIES[3], "No such film", MOVIES[9]]),
    )
    *_, ratings = model({"user_id": users, "movie_title": movies})
    index = tfrs.layers.factorized_top_k.BruteForce(model.user_model, k=10)
    candidates = tf.data.Dataset.from_tensor_slices(MOVIES).batch(5)
    index.index_from_dataset(candidates.map(lambda titles: (titles, model.movie_model(titles))))
    scores, titles = index(tf.constant(USERS))
    expected = {
        "rows": [list(row) for row in zip(users.tolist(), movies.tolist(), strict=True)],
        "ratings": ratings.numpy()[:, 0].tolist(),
        "users": USERS.tolist(),
        "titles": [[title.decode() for title in row] for row in titles.numpy()],
        "scores": scores.numpy().tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

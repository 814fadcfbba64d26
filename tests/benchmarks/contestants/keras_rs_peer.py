"""The two tasks written by hand with Keras 3 and keras-rs: B x B logits, no metrics."""

import keras
import tensorflow as tf
import tutorial
from keras import ops
from timing import report


class TwoTasks(keras.Model):
    def __init__(self, num_users, num_movies):
        super().__init__()
        self.users = keras.layers.Embedding(num_users, 32)
        self.movies = keras.layers.Embedding(num_movies, 32)
        self.rating = keras.Sequential(
            [keras.layers.Dense(units, activation="relu") for units in (256, 128)]
            + [keras.layers.Dense(1)]
        )

    def call(self, features):
        users, movies = self.users(features["user_id"]), self.movies(features["movie_title"])
        ratings = self.rating(ops.concatenate([users, movies], axis=1))
        return {"users": users, "movies": movies, "ratings": ops.squeeze(ratings, -1)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        logits = ops.matmul(y_pred["users"], ops.transpose(y_pred["movies"]))
        labels = ops.arange(ops.shape(logits)[0])
        retrieval = ops.sum(
            keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        )
        return retrieval + ops.mean(ops.square(y_pred["ratings"] - y))


def main() -> None:
    data = tutorial.load()
    sizes = (data.vocabularies[name].size for name in ("user_id", "movie_title"))
    model = TwoTasks(*sizes)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    columns = {name: v[: tutorial.BATCH] for name, v in tutorial.rows(data, "train").items()}
    labels = columns.pop("user_rating")
    model(columns)
    tensors = tf.nest.map_structure(tf.constant, (columns, labels))
    batches = iter(tf.data.Dataset.from_tensors(tensors).cache().repeat().prefetch(2))
    model.make_train_function()
    report(lambda: float(model.train_function(batches)["loss"]), repeats=10, warm_ups=3)


if __name__ == "__main__":
    main()

"""The tutorial's data, for every contestant alike: ids, titles and ratings, in batches of 8192."""

import numpy as np

from mtframework.data.sources.movielens import MovieLens100K

BATCH = 8192


def load():
    return MovieLens100K(split="tutorial").load()


def rows(data, split: str) -> dict[str, np.ndarray]:
    encoded = data.encode(data.split(split))
    return {name: encoded[name] for name in ("user_id", "movie_title", "user_rating")}

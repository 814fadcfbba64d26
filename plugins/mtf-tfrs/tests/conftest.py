"""What every test may use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import mtframework as mtf

SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("user_id", "categorical", "query"),
        mtf.Column("movie_title", "categorical", "candidate"),
        mtf.Column("user_rating", "numeric", "label"),
    ),
    query_key="user_id",
    candidate_key="movie_title",
)


def rows(num_rows, seed):
    """Returns rows whose ratings follow from the movie; a third of them is missing."""
    draw = np.random.default_rng(seed)
    movie = draw.integers(0, 9, num_rows)
    rating = np.where(draw.random(num_rows) < 1 / 3, np.nan, 1 + movie % 5)
    return {
        "user_id": draw.integers(0, 12, num_rows),
        "movie_title": movie,
        "user_rating": rating.astype("float32"),
    }


@pytest.fixture
def dataset():
    return mtf.Dataset(
        schema=SCHEMA,
        train=rows(120, 1),
        test=rows(40, 2),
        catalogue={"movie_title": np.arange(9)},
        name="the movies",
    )

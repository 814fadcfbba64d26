"""MovieLens 100K: 100,000 ratings that 943 users gave to 1,664 film titles."""

import re
from collections.abc import Callable

import numpy as np

from mtframework.arguments import is_whole_number
from mtframework.data import splits
from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.data.movielens import prepare as movielens_prepare
from mtframework.data.movielens.tutorial_order import tensorflow_shuffle_order
from mtframework.data.splits import check_held_out_share, hold_out
from mtframework.errors import DataError, did_you_mean, quoted_list
from mtframework.registry import register_dataset
from mtframework.schema.schema import Column, Schema

SPLITS = ("tutorial", *splits.SPLITS)
TEST_FRACTION = 0.2


@register_dataset("movielens_100k")
class MovieLens100K(DatasetSource):
    """The ratings of MovieLens 100K, through TFDS; fetched and prepared on the first load.

    A candidate is a film title, as in TensorFlow's tutorial. 18 titles belong to two films each;
    the catalogue holds such a title once, with the `movie_id` and genres of whichever comes first
    in `movielens/100k-movies`, and the ratings of both films count for it. `movie_year` is the year
    in the title, `"unknown"` of the one title that has none.

    The data are for research, under GroupLens's terms, which the first load prints.

    Args:
        split: Which rows are held out to test on:
            `"tutorial"`: the tutorial's 80,000 and 20,000, row for row, in its order;
            `"random"`: 20 % of the rows, drawn with `seed`;
            `"temporal"`: the latest 20 % of the rows;
            `"leave_last_out"`: each user's last row.
        validation_fraction: The share of the remaining rows to choose hyper-parameters on, held
            out as the test rows were (`"tutorial"`: at random). For `"leave_last_out"` it is the
            share of the users whose last remaining row is held out, and may be 1.
        seed: The seed of whatever is drawn; the tutorial's test rows are always the same.
        data_dir: TFDS's data folder; left out, `TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        raw_dir: A folder with `u.data`, `u.item` and `u.user`, or with `ml-100k.zip`, to prepare
            from; left out, they are fetched.

    Example:

    >>> source = MovieLens100K(split="temporal", validation_fraction=0.1)
    >>> source.schema.names("label")
    ('user_rating',)
    """

    schema = Schema(
        columns=(
            Column("user_id", "categorical", "query"),
            Column("user_gender", "categorical", "query"),
            Column("raw_user_age", "numeric", "query"),
            Column("bucketized_user_age", "categorical", "query"),
            Column("user_occupation_text", "categorical", "query"),
            Column("user_zip_code", "categorical", "query"),
            Column("movie_title", "categorical", "candidate"),
            Column("movie_genres", "multi_categorical", "candidate"),
            Column("movie_year", "categorical", "candidate"),
            Column("user_rating", "numeric", "label"),
            Column("timestamp", "numeric", "timestamp"),
        ),
        query_key="user_id",
        candidate_key="movie_title",
    )

    def __init__(
        self,
        split: str = "tutorial",
        validation_fraction: float = 0.0,
        seed: int = 0,
        data_dir: str | None = None,
        raw_dir: str | None = None,
    ):
        if split not in SPLITS:
            raise DataError(
                f'MovieLens 100K has no split "{split}".{did_you_mean(split, SPLITS)}',
                f"One of {quoted_list(SPLITS)}.",
                "Correct MovieLens100K.split.",
            )
        check_held_out_share(
            "MovieLens100K.validation_fraction", validation_fraction, split == "leave_last_out"
        )
        if not is_whole_number(seed) or seed < 0:
            raise DataError(
                f"MovieLens100K.seed is {seed!r}.",
                "A whole number of at least 0.",
                "Correct the seed.",
            )
        self.split = split
        self.validation_fraction = validation_fraction
        self.seed = seed
        self.data_dir = data_dir
        self.raw_dir = raw_dir

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set: under a second, or up to a minute the first time on a machine."""
        tables = movielens_prepare.read(self.data_dir, self.raw_dir, progress)
        catalogue = _first_of_each_title(tables["100k-movies"])
        ratings = _as_schema_says(tables["100k-ratings"], catalogue)
        kept, test = self._hold_out(ratings, TEST_FRACTION, self.seed, is_test=True)
        rows = {name: values[kept] for name, values in ratings.items()}
        train, validation = self._hold_out(
            rows, self.validation_fraction, self.seed + 1, is_test=False
        )
        return Dataset(
            schema=self.schema,
            train={name: values[train] for name, values in rows.items()},
            validation={name: values[validation] for name, values in rows.items()},
            test={name: values[test] for name, values in ratings.items()},
            catalogue=catalogue,
            name="MovieLens 100K",
        )

    def _hold_out(self, rows: dict[str, np.ndarray], fraction: float, seed: int, is_test: bool):
        if self.split == "tutorial" and is_test:
            order = tensorflow_shuffle_order(len(rows["user_id"]))
            return order[:80_000], order[80_000:]
        split = "random" if self.split == "tutorial" else self.split
        share = 1.0 if is_test and split == "leave_last_out" else fraction
        return hold_out(split, rows["user_id"], rows["timestamp"], share, seed)


def _as_schema_says(
    ratings: dict[str, np.ndarray], catalogue: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    titles, film_of = np.unique(ratings["movie_title"], return_inverse=True)
    order = np.argsort(catalogue["movie_title"])
    films = order[np.searchsorted(catalogue["movie_title"], titles, sorter=order)]
    return {
        **ratings,
        **{name: catalogue[name][films[film_of]] for name in ("movie_genres", "movie_year")},
        "user_gender": np.where(ratings["user_gender"] == 1, "male", "female"),
        "bucketized_user_age": ratings["bucketized_user_age"].astype("int32").astype(str),
    }


def _first_of_each_title(movies: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    _, first = np.unique(movies["movie_title"], return_index=True)
    films = {name: values[np.sort(first)] for name, values in movies.items()}
    years = [_YEAR.match(title) for title in films["movie_title"]]
    return {**films, "movie_year": np.array([year[1] if year else "unknown" for year in years])}


# The last one: "Land Before Time III: The Time of the Great Giving (1995) (V)".
_YEAR = re.compile(r".*\((\d{4})\)")

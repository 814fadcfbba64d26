"""The real MovieLens 100K."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.data.movielens.tutorial_order import tensorflow_shuffle_order, tfds_order
from mtframework.data.sources.movielens import MovieLens100K
from mtframework.errors import DataError
from mtframework.registry import DATASETS


def load(movielens, **arguments) -> Dataset:
    return MovieLens100K(**arguments, data_dir=str(movielens)).load()


@pytest.fixture(scope="module")
def tutorial(movielens) -> Dataset:
    return load(movielens)


@pytest.fixture(scope="module")
def ratings(movielens) -> dict[str, np.ndarray]:
    """All rows in TFDS's order: the tutorial's, unshuffled."""
    dataset = load(movielens)
    position = np.argsort(tensorflow_shuffle_order(100_000))
    return {
        name: np.concatenate([values, dataset.test[name]])[position]
        for name, values in dataset.train.items()
    }


def keys(rows) -> set[tuple]:
    """Returns what tells rows apart: no user rated a film twice."""
    return set(zip(rows["user_id"], rows["movie_id"], strict=True))


class TestFacts:
    def test_first_examples(self, ratings, tutorial):
        assert ratings["user_id"][0] == "138"
        assert ratings["movie_id"][0] == "357"
        assert tutorial.catalogue["movie_id"][0] == "1681"

    def test_counts(self, ratings, tutorial):
        assert len(keys(ratings)) == 100_000
        assert len(np.unique(ratings["user_id"])) == 943
        assert len(np.unique(ratings["movie_id"])) == 1_682
        assert len(np.unique(ratings["movie_title"])) == 1_664
        assert len(np.unique(tutorial.catalogue["movie_title"])) == 1_664
        assert set(tutorial.catalogue["movie_title"]) == set(ratings["movie_title"])
        assert ratings["user_rating"].mean() == pytest.approx(3.529, abs=0.001)

    def test_raw_ratings_can_be_rebuilt(self, ratings):
        """The file u.data, whose checksum is published, follows from the columns."""
        columns = [ratings[name] for name in ("user_id", "movie_id", "user_rating", "timestamp")]
        lines = [
            f"{user}\t{movie}\t{stars:g}\t{time}\n"
            for user, movie, stars, time in zip(*columns, strict=True)
        ]
        content = "".join(lines[position] for position in np.argsort(tfds_order(100_000)))
        assert hashlib.sha256(content.encode()).hexdigest() == (
            "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
        )

    def test_people(self, ratings):
        user = np.flatnonzero(ratings["user_id"] == "138")[0]
        assert ratings["raw_user_age"][user] == 46
        assert ratings["bucketized_user_age"][user] == "45"
        assert ratings["user_gender"][user] == "male"
        assert ratings["user_occupation_text"][user] == "doctor"
        assert ratings["user_zip_code"][user] == "53211"
        assert set(ratings["user_gender"]) == {"female", "male"}
        assert set(ratings["bucketized_user_age"]) == {"1", "18", "25", "35", "45", "50", "56"}
        assert len(set(ratings["user_occupation_text"])) == 21

    def test_genres(self, tutorial):
        titles, genres = (tutorial.catalogue[name] for name in ("movie_title", "movie_genres"))
        by_title = dict(zip(titles, genres, strict=True))
        assert by_title["Toy Story (1995)"] == "Animation|Children|Comedy"
        assert by_title["unknown"] == "Unknown"
        for rows in (tutorial.train, tutorial.test):
            expected = [by_title[title] for title in rows["movie_title"]]
            assert rows["movie_genres"].tolist() == expected
        assert len(tutorial.vocabularies["movie_genres"].known_values) == 19

    def test_years(self, tutorial):
        titles, years = (tutorial.catalogue[name] for name in ("movie_title", "movie_year"))
        by_title = dict(zip(titles, years, strict=True))
        assert by_title["Toy Story (1995)"] == "1995"
        assert by_title["2001: A Space Odyssey (1968)"] == "1968"
        assert by_title["Two Friends (1986) "] == "1986"
        video = "Land Before Time III: The Time of the Great Giving (1995) (V)"
        assert by_title[video] == "1995"
        assert titles[years == "unknown"].tolist() == ["unknown"]
        for rows in (tutorial.train, tutorial.test):
            expected = [by_title[title] for title in rows["movie_title"]]
            assert rows["movie_year"].tolist() == expected

    def test_odd_titles(self, tutorial):
        titles = set(tutorial.catalogue["movie_title"])
        assert {"unknown", "Two Friends (1986) "} <= titles
        assert "Cérémonie, La (1995)" in titles

    def test_a_title_of_two_films_stands_once_with_the_first(self, tutorial):
        titles = tutorial.catalogue["movie_title"]
        (row,) = np.flatnonzero(titles == "Kull the Conqueror (1997)")
        # Films 266 and 680; by md5("train" + row number) the rows 265 and 679 of u.item.
        digests = {
            film: hashlib.md5(f"train{film - 1}".encode()).hexdigest() for film in (266, 680)
        }
        assert tutorial.catalogue["movie_id"][row] == str(min(digests, key=digests.get))


class TestTutorial:
    def test_sizes(self, tutorial):
        assert len(tutorial.train["user_id"]) == 80_000
        assert len(tutorial.test["user_id"]) == 20_000
        with pytest.raises(DataError, match="The split validation of MovieLens 100K has no rows"):
            tutorial.split("validation")
        assert len(np.unique(tutorial.train["user_id"])) == 943
        assert len(np.unique(tutorial.train["movie_title"])) == 1_626
        unseen = set(tutorial.test["movie_title"]) - set(tutorial.train["movie_title"])
        assert len(unseen) == 38

    def test_row_for_row_as_tfds_and_tensorflow_give_them(self, tutorial, movielens):
        import tensorflow as tf
        import tensorflow_datasets as tfds

        names = ("user_id", "movie_id", "movie_title", "user_rating", "timestamp")
        decoders = tfds.decode.PartialDecoding(dict.fromkeys(names, True))
        rows = tfds.load(
            "movielens/100k-ratings", split="train", data_dir=movielens, decoders=decoders
        )
        tf.random.set_seed(42)
        shuffled = rows.shuffle(100_000, seed=42, reshuffle_each_iteration=False)
        (columns,) = tfds.as_numpy(shuffled.batch(100_000))
        for name in names:
            values = columns[name]
            texts = [value.decode() for value in values] if values.dtype == object else values
            np.testing.assert_array_equal(tutorial.train[name], texts[:80_000])
            np.testing.assert_array_equal(tutorial.test[name], texts[80_000:])

    def test_validation_comes_out_of_train(self, tutorial, movielens):
        dataset = load(movielens, validation_fraction=0.1)
        assert len(dataset.train["user_id"]) == 72_000
        assert len(dataset.validation["user_id"]) == 8_000
        assert keys(dataset.train) | keys(dataset.validation) == keys(tutorial.train)
        for name, values in tutorial.test.items():
            np.testing.assert_array_equal(dataset.test[name], values)


class TestOtherSplits:
    @pytest.mark.parametrize("split", ["random", "temporal", "leave_last_out"])
    def test_every_row_once(self, movielens, split):
        dataset = load(movielens, split=split, validation_fraction=0.25)
        parts = [keys(dataset.split(name)) for name in ("train", "validation", "test")]
        assert sum(len(part) for part in parts) == 100_000
        assert len(set.union(*parts)) == 100_000

    def test_random(self, movielens, tutorial):
        first, again, other = (load(movielens, split="random", seed=seed) for seed in (1, 1, 2))
        assert keys(first.test) == keys(again.test)
        assert len(keys(first.test)) == 20_000
        assert keys(first.test) != keys(other.test)
        assert keys(first.test) != keys(tutorial.test)

    def test_temporal(self, movielens):
        dataset = load(movielens, split="temporal", validation_fraction=0.1)
        assert len(dataset.test["timestamp"]) == 20_000
        assert len(dataset.validation["timestamp"]) == 8_000
        assert dataset.train["timestamp"].max() <= dataset.validation["timestamp"].min()
        assert dataset.validation["timestamp"].max() <= dataset.test["timestamp"].min()

    def test_leave_last_out(self, movielens, ratings):
        dataset = load(movielens, split="leave_last_out", validation_fraction=1.0)
        for rows in (dataset.test, dataset.validation):
            assert len(rows["user_id"]) == len(np.unique(rows["user_id"])) == 943
        last = {}
        for user, time in zip(ratings["user_id"], ratings["timestamp"], strict=True):
            last[user] = max(time, last.get(user, 0))
        held_out = zip(dataset.test["user_id"], dataset.test["timestamp"], strict=True)
        assert all(last[user] == time for user, time in held_out)


class TestSource:
    def test_is_registered(self):
        assert DATASETS.get("movielens_100k").cls is MovieLens100K
        assert issubclass(MovieLens100K, DatasetSource)

    def test_making_one_reads_nothing(self, tmp_path, no_network):
        source = MovieLens100K(data_dir=str(tmp_path / "tfds"))
        assert source.schema["user_rating"].role == "label"
        assert not (tmp_path / "tfds").exists()

    @pytest.mark.parametrize(
        ("split", "hint"),
        [("tutorail", ' Did you mean "tutorial"?'), ("leave_one_out", ""), ("x", "")],
    )
    def test_unknown_split(self, split, hint):
        with pytest.raises(DataError) as raised:
            MovieLens100K(split=split)
        text = str(raised.value)
        assert text.startswith(f'MovieLens 100K has no split "{split}".{hint}')
        assert text.endswith(
            '  expected: One of "leave_last_out", "random", "temporal", "tutorial".\n'
            "  fix: Correct MovieLens100K.split."
        )

    @pytest.mark.parametrize(
        ("split", "fraction", "expected"),
        [
            ("tutorial", -0.1, "0 to below 1"),
            ("temporal", 1.0, "0 to below 1"),
            ("leave_last_out", 1.01, "0 to 1"),
            ("random", "0.1", "0 to below 1"),
            ("random", None, "0 to below 1"),
        ],
    )
    def test_validation_fraction(self, split, fraction, expected):
        with pytest.raises(DataError) as raised:
            MovieLens100K(split=split, validation_fraction=fraction)
        assert str(raised.value) == (
            f"MovieLens100K.validation_fraction is {fraction!r}.\n"
            f"  expected: A number from {expected}.\n"
            "  fix: Give a share such as 0.1."
        )


WITHOUT_TENSORFLOW = """
import socket, sys
sys.modules["tensorflow"] = sys.modules["tensorflow_datasets"] = None
from mtframework.data.sources.movielens import MovieLens100K
from mtframework.errors import DataError
def refuse(*arguments, **options):
    raise AssertionError("A socket was opened.")
socket.socket = socket.getaddrinfo = refuse
print(len(MovieLens100K(data_dir=sys.argv[1]).load().train["user_id"]))
"""


def run_without_tensorflow(script, *arguments) -> str:
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_loads_where_tensorflow_cannot_be_imported(movielens):
    assert run_without_tensorflow(WITHOUT_TENSORFLOW, movielens) == "80000\n"


def test_preparing_needs_tensorflow(tmp_path, tiny_raw, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DataError) as raised:
        MovieLens100K(data_dir=str(tmp_path / "tfds"), raw_dir=str(tiny_raw)).load(progress=print)
    assert str(raised.value) == (
        "MovieLens 100K is not prepared yet, and TFDS cannot be imported: import of "
        "tensorflow_datasets halted; None in sys.modules.\n"
        "  expected: TensorFlow and tensorflow-datasets, once; what they prepared is read without "
        "them.\n"
        "  fix: Install both, or run mtframework data prepare where they are installed and copy "
        "its data folder."
    )
    assert os.listdir(tmp_path / "tfds") == []

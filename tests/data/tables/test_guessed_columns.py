import json

import pandas as pd
import pytest

from mtframework.data.tables.guessed_columns import guess_columns

# Two readers, two books, four readings.
LOG = pd.DataFrame(
    {
        "user_age": [30, 41, 30, 41],
        "userId": [1, 2, 1, 2],
        "movie_title": ["Emma", "Emma", "Dune", "Dune"],
        "year": [1996, 1996, 2021, 2021],
        "price": [9.5, 9.5, 12.25, 12.25],
        "genres": ["Drama|Comedy", "Drama|Comedy", "War", "War"],
        "is_member": [True, False, True, False],
        "device": ["phone", "desk", "desk", "phone"],
        "seconds": [1.5, 8.25, 1.25, 2.5],
        "stars": [4.0, None, 5.0, 1.0],
        "clicked": [1, 0, 1, 1],
        "shared": [0, 0, 1, 0],
        "created_at": [1_600_000_000_000 + second for second in range(4)],
        "release_date": ["1996-08-02", "1996-08-02", "2021-10-22", "2021-10-22"],
        "country": "US",
        "note": None,
    }
)


def write(table: pd.DataFrame, path) -> str:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    return str(path)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
def test_a_log_of_films(tmp_path, name):
    guess = guess_columns(write(LOG, tmp_path / name))
    assert guess.columns == {
        "user_age": "numeric query",
        "userId": "query key",
        "movie_title": "candidate key",
        "year": "numeric candidate",
        "price": "numeric candidate",
        "genres": "multi_categorical candidate",
        "is_member": "numeric query",
        "stars": "label",
        "clicked": "label",
        "shared": "label",
        "created_at": "timestamp in milliseconds",
        "release_date": "categorical candidate",
    }
    assert list(guess.columns) == [name for name in LOG if name in guess.columns]
    assert guess.left_out == {
        "device": "'categorical context'?",
        "seconds": "'label', 'weight' or 'numeric context'?",
        "country": "holds nothing but 'US'",
        "note": "has no value that can be read",
    }
    # 4, 5 and 1: mean 10/3, mean of squares 14
    assert guess.labels == {"stars": pytest.approx(14 - 100 / 9), "clicked": None, "shared": None}
    assert guess.events == {}


def test_columns_that_are_named(tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    guess = guess_columns(path, query="device", candidate="year", labels=["seconds"])
    assert guess.named("query key", "candidate key") == ["year", "device"]
    assert guess.columns["seconds"] == "label"
    # One value for each year, and as many users as devices, who have both.
    assert guess.columns["movie_title"] == "categorical candidate"
    assert guess.left_out["userId"] == "'categorical context'?"


def test_lists_are_several_categories(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [
        {"user": user, "item": item, "tags": ["red"] if item else ["blue", "old"]}
        for user in range(3)
        for item in range(2)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert guess_columns(str(path)).columns["tags"] == "multi_categorical candidate"


def test_events_and_their_values(tmp_path):
    log = pd.DataFrame(
        {
            "user_id": ["a", "a", "b", "b", "a", "b", "a"],
            "session_id": ["s", "s", "t", "t", "s", "t", "u"],
            "item_id": ["x", "x", "x", "y", "y", "x", "y"],
            "event_type": ["view", "buy", "view", "view", "view", "rate", "rate"],
            "stars": [None, None, None, None, None, 3, 5],
            "buy": [0.5, 1, 2, 3, 4, 5, 6],
            "timestamp": range(1_700_000_000, 1_700_000_007),
        }
    )
    guess = guess_columns(write(log, tmp_path / "log.csv"))
    assert guess.columns == {
        "user_id": "query key",
        "item_id": "candidate key",
        "event_type": "event",
        "timestamp": "timestamp",
    }
    assert guess.events == {"buy": None, "rate": "stars", "view": None}
    # Every pair was viewed: there is nothing to learn. 3 and 5 have variance 1.
    assert guess.labels == {"buy": None, "rate": 1.0}


def test_a_catalogue_says_what_describes_candidates(tmp_path):
    log = LOG[["userId", "movie_title", "year", "genres", "clicked"]]
    path = write(log, tmp_path / "log.csv")
    films = pd.DataFrame(
        {
            "movie_title": ["Emma", "Dune", "Ulysses"],
            "year": [1996, 2021, None],
            "tag": ["red", "red", "blue"],
        }
    )
    catalogue = write(films, tmp_path / "films.parquet")
    guess = guess_columns(path, catalogue)
    assert guess.columns == {
        "userId": "query key",
        "movie_title": "candidate key",
        "clicked": "label",
        "tag": "categorical candidate",
    }
    assert guess.left_out == {
        "genres": f"describes a candidate, and is not in {catalogue}",
        "year": "'numeric candidate', but empty in 33.3% of the rows",
    }


def test_a_bad_value_in_a_hundred_changes_nothing(tmp_path):
    log = pd.DataFrame(
        {
            "user": [row % 10 for row in range(100)],
            "item": [row % 9 for row in range(100)],
            "stars": [*range(99), "many"],
            "date": [*(1_700_000_000 + row for row in range(99)), "later"],
        }
    )
    guess = guess_columns(write(log, tmp_path / "log.csv"))
    assert guess.named("label", "timestamp") == ["stars", "date"]
    worse = log.assign(stars=[*range(98), "many", "few"], date=[*log["date"][:98], "now", "later"])
    assert not guess_columns(write(worse, tmp_path / "log.csv")).named("label", "timestamp")


def test_texts_that_hardly_repeat_are_no_feature(tmp_path):
    log = pd.DataFrame(
        {
            "user": [row % 3 for row in range(90)],
            "item": [row % 30 for row in range(90)],
            "address": [f"http://shop/{row % 30}" for row in range(90)],
        }
    )
    guess = guess_columns(write(log, tmp_path / "log.csv"))
    assert guess.left_out == {"address": "differs for nearly every candidate, as its key does"}
    assert not guess.labels

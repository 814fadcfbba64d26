"""Data sets from the files of a small book club, written out by hand."""

import gzip
import json

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import mtframework as mtf
from mtframework.errors import DataError

COLUMNS = {
    "reader": "query key",
    "age": "numeric query",
    "book": "candidate key",
    "stars": "label",
    "read_at": "timestamp",
}
LOG = pd.DataFrame(
    [
        ("ann", 30, "Emma", 4.0, 100),
        ("bob", 41, "Dune", np.nan, 200),
        ("ann", 30, "Dune", 5.0, 300),
        ("cy", 25, "Emma", 1.0, 400),
        ("bob", 41, "Emma", 2.0, 500),
    ],
    columns=["reader", "age", "book", "stars", "read_at"],
)
BOOKS = pd.DataFrame({"book": ["Dune", "Emma", "Ulysses"], "pages": [412, 474, 730]})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(**arguments) -> mtf.Dataset:
    told = []
    arguments = {"interactions": "log.csv", "columns": COLUMNS, **arguments}
    return mtf.Tables(**arguments).load(told.append)


def pairs(columns) -> list[tuple[str, str]]:
    return list(zip(columns["reader"].tolist(), columns["book"].tolist(), strict=True))


def write_by_pandas(table: pd.DataFrame, name: str) -> None:
    if name.endswith(".parquet"):
        table.to_parquet(name)
    elif name.endswith(".jsonl"):
        table.to_json(name, orient="records", lines=True)
    else:
        table.to_csv(name, index=False)


def write_by_duckdb(table: pd.DataFrame, name: str) -> None:
    kind = {"parquet": "PARQUET", "jsonl": "JSON"}.get(name.split(".")[1], "CSV")
    with duckdb.connect() as connection:
        connection.register("log", table)
        connection.execute(f"COPY log TO '{name}' (FORMAT {kind})")


def write_by_polars(table: pd.DataFrame, name: str) -> None:
    frame = pl.DataFrame({name: table[name].to_list() for name in table}, nan_to_null=True)
    path, *compression = name.split(".gz")
    kind = {"parquet": frame.write_parquet, "jsonl": frame.write_ndjson}
    kind.get(path.split(".")[1], frame.write_csv)(path)
    if compression:
        with open(path, "rb") as plain, gzip.open(name, "wb") as file:
            file.write(plain.read())


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.jsonl", "log.parquet"])
@pytest.mark.parametrize("write", [write_by_pandas, write_by_duckdb, write_by_polars])
def test_every_format_gives_the_same_rows(name, write):
    write(LOG, name)
    data = load(interactions=name, split="temporal")
    assert pairs(data.train) == [("ann", "Emma"), ("bob", "Dune"), ("ann", "Dune"), ("cy", "Emma")]
    assert pairs(data.test) == [("bob", "Emma")]
    assert data.train["age"].tolist() == [30, 41, 30, 25]
    np.testing.assert_array_equal(data.train["stars"], [4, np.nan, 5, 1])
    assert data.train["read_at"].tolist() == [100, 200, 300, 400]
    assert data.catalogue["book"].tolist() == ["Emma", "Dune"]
    assert data.vocabularies["reader"].known_values.tolist() == ["ann", "bob", "cy"]
    assert data.encode(data.test)["reader"].tolist() == [2]
    assert not data.has_validation


def test_candidates_of_their_own_file_bring_their_columns():
    write_by_pandas(LOG, "log.csv")
    write_by_pandas(BOOKS, "books.parquet")
    data = load(columns={**COLUMNS, "pages": "numeric candidate"}, candidates="books.parquet")
    assert data.catalogue["book"].tolist() == ["Dune", "Emma", "Ulysses"]
    assert data.catalogue["pages"].tolist() == [412, 474, 730]
    assert data.vocabularies["book"].size == 4
    for rows in (data.train, data.test):
        pages = [{"Dune": 412, "Emma": 474}[book] for book in rows["book"]]
        assert rows["pages"].tolist() == pages


def test_candidate_columns_of_the_interactions():
    write_by_pandas(LOG.merge(BOOKS), "log.csv")
    data = load(columns={**COLUMNS, "pages": "numeric candidate"})
    assert dict(zip(data.catalogue["book"], data.catalogue["pages"], strict=True)) == {
        "Emma": 474,
        "Dune": 412,
    }


def test_splits():
    write_by_pandas(LOG, "log.csv")
    last = load(split="leave_last_out")
    assert pairs(last.test) == [("ann", "Dune"), ("bob", "Emma")]
    assert pairs(last.train) == [("ann", "Emma"), ("bob", "Dune"), ("cy", "Emma")]
    drawn = load(split="random", test_fraction=0.4, validation_fraction=0.34, seed=3)
    parts = [drawn.train, drawn.validation, drawn.test]
    assert [len(part["book"]) for part in parts] == [1, 2, 2]
    assert sorted(each for part in parts for each in pairs(part)) == sorted(pairs(LOG))
    again = load(split="random", test_fraction=0.4, validation_fraction=0.34, seed=3)
    assert pairs(again.test) == pairs(drawn.test)


def test_the_users_own_split():
    for name, rows in (("log", LOG[:2]), ("test", LOG[2:4]), ("validation", LOG[4:])):
        write_by_pandas(rows, f"{name}.csv")
    data = load(split={"test": "test.csv", "validation": "validation.csv"})
    assert pairs(data.train) == [("ann", "Emma"), ("bob", "Dune")]
    assert pairs(data.test) == [("ann", "Dune"), ("cy", "Emma")]
    assert pairs(data.validation) == [("bob", "Emma")]
    # cy is in no training row, so the vocabulary does not know who that is.
    assert data.vocabularies["reader"].known_values.tolist() == ["ann", "bob"]


EVENTS = ["view", "view", "buy", "view", "rate"]
MERGED = {"view": [1, 1, 0, 1, 0], "buy": [0, 0, 1, 0, 0], "rate": [np.nan] * 4 + [2]}


def test_an_event_column():
    write_by_pandas(LOG.assign(what=EVENTS), "log.csv")
    columns = {name: meaning for name, meaning in COLUMNS.items() if name != "stars"}
    data = load(
        columns={**columns, "what": "event"},
        events={"view": None, "buy": None, "rate": "stars"},
        split={"test": "log.csv"},
    )
    for name, values in MERGED.items():
        np.testing.assert_array_equal(data.train[name], values)
    assert data.schema.names("label") == ("view", "buy", "rate")


def test_a_file_for_each_kind_of_event():
    for kind, rows in LOG.groupby(EVENTS):
        rows = rows if kind == "rate" else rows.drop(columns="stars")
        write_by_pandas(rows, f"{kind}.csv")
    columns = {name: meaning for name, meaning in COLUMNS.items() if name != "stars"}
    data = load(
        interactions={"view": "view.csv", "buy": "buy.csv", "rate": "rate.csv"},
        columns=columns,
        events={"rate": "stars"},
        split="temporal",
    )
    for name, values in MERGED.items():
        np.testing.assert_array_equal(np.append(data.train[name], data.test[name]), values)


def test_rejects_are_counted_written_and_bounded():
    write_by_pandas(pd.concat([LOG, LOG[:1]]), "log.csv")
    with pytest.raises(DataError) as raised:
        load()
    assert raised.value.found == (
        "log.csv: 6 rows read, 5 accepted, 1 rejected: a row appears twice (1)."
    )
    with open("rejects.jsonl") as file:
        assert json.load(file) == {
            "file": "log.csv",
            "line": 7,
            "reason": "a row appears twice",
            "raw": "ann,30,Emma,4.0,100",
        }
    told = []
    tables = mtf.Tables("log.csv", COLUMNS, max_rejected=0.2, rejects="others.jsonl")
    assert len(tables.load(told.append).train["book"]) == 4
    assert told == [
        "log.csv: 6 rows read, 5 accepted, 1 rejected: a row appears twice (1).",
        "The rejected rows are in others.jsonl.",
    ]


def with_events(**arguments) -> mtf.Tables:
    write_by_pandas(LOG.assign(what=EVENTS), "log.csv")
    columns = {name: meaning for name, meaning in COLUMNS.items() if name != "stars"}
    return mtf.Tables("log.csv", {**columns, "what": "event"}, **arguments)


def test_events_that_are_not_listed_are_passed_over():
    told = []
    data = with_events(events=["view"], split={"test": "log.csv"}).load(told.append)
    assert len(data.train["book"]) == 3
    assert told[2] == (
        "Passed over, since Tables.events does not list them: "
        '2 "buy", 2 "rate".'  # one each in the training and in the test rows
    )
    assert told[3].startswith('The label "view" is 1 in every row')


def test_a_kind_that_no_row_has_is_an_error_where_another_one_was_meant():
    with pytest.raises(DataError) as raised:
        with_events(events=["vieww", "buy"]).load(lambda sentence: None)
    assert raised.value.found == (
        'Tables.events lists "vieww", and no row is of that kind. Did you mean "view"?'
    )


def test_a_kind_that_no_row_has_is_told_where_none_was_meant():
    told = []
    data = with_events(events=["return", "view", "buy", "rate"], split={"test": "log.csv"}).load(
        told.append
    )
    assert 'Tables.events lists "return", and no row is of that kind.' in told
    assert not data.train["return"].any()


def test_unknown_candidates_and_events():
    write_by_pandas(LOG.assign(what=EVENTS), "log.csv")
    write_by_pandas(BOOKS[:1], "books.csv")
    with pytest.raises(DataError) as raised:
        load(
            columns={**COLUMNS, "what": "event"},
            events=["view", "rate"],
            candidates="books.csv",
        )
    assert raised.value.found.endswith(
        '2 accepted, 3 rejected: "book" is not among the candidates (3).'
    )


def test_nothing_is_read_before_the_load():
    assert mtf.Tables("no/such/file.csv", COLUMNS).schema.candidate_key == "book"
    with pytest.raises(DataError, match=r"no/such/file\.csv is not a file"):
        load(interactions="no/such/file.csv")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"interactions": None}, "Tables.interactions is not set."),
        ({"columns": {}}, "Tables.columns is not set."),
        ({"split": "temporl"}, 'There is no split "temporl". Did you mean "temporal"?'),
        ({"split": {"tst": "a.csv"}}, 'Tables.split names files for "tst".'),
        ({"test_fraction": 1.0}, "Tables.test_fraction is 1.0."),
        ({"validation_fraction": -1}, "Tables.validation_fraction is -1."),
        ({"max_rejected": "1%"}, "Tables.max_rejected is '1%'."),
        ({"events": ["view"]}, 'Tables.events lists "view", and no column names the event.'),
        (
            {"columns": {**COLUMNS, "what": "event"}},
            'The column "what" names events, and Tables.events is not set.',
        ),
        (
            {"interactions": {"view": "view.csv"}, "events": ["views"]},
            'Tables.events lists "views", which have no files. Did you mean "view"?',
        ),
        (
            {"interactions": {"view": "v.csv"}, "columns": {**COLUMNS, "what": "event"}},
            'Each kind has its own files, but "what" is the event column.',
        ),
        (
            {"interactions": {"view": "v.csv"}, "split": {"test": "t.csv"}},
            "Each kind has its own files, and Tables.split names files, too.",
        ),
        (
            {
                "columns": {"reader": "query key", "book": "candidate key"},
                "split": "leave_last_out",
            },
            'The split "leave_last_out" needs times, and no column is a timestamp.',
        ),
    ],
)
def test_arguments_that_are_refused(arguments, found):
    with pytest.raises(DataError) as raised:
        mtf.Tables(**{"interactions": "log.csv", "columns": COLUMNS, **arguments})
    assert raised.value.found == found


def read(text: str, name: str = "log.csv", **arguments) -> tuple[mtf.Dataset, list[str]]:
    """Returns the data set of a file with that text, and what was told."""
    told: list[str] = []
    with open(name, "w") as file:
        file.write(text)
    return mtf.Tables(interactions=name, **arguments).load(told.append), told


KEYS = {"reader": "query key", "book": "candidate key"}


@pytest.mark.parametrize(
    "text", ['[{"reader": "ann", "book": "Emma"}]', '[\n {"reader": "ann",\n  "book": "Emma"}\n]']
)
def test_a_json_array_is_named_with_the_way_to_convert_it(text):
    with pytest.raises(DataError, match=r"log\.jsonl holds one JSON array(.|\n)*jq -c"):
        read(text, "log.jsonl", columns=KEYS)


def test_a_header_inside_a_file_is_no_row():
    lines = ["reader,book", "ann,Emma", "bob,Dune", "reader,book", "cy,Emma", "ann,Dune"]
    data, told = read("\n".join(lines), columns=KEYS, max_rejected=0.5)
    assert sorted(data.catalogue["book"]) == ["Dune", "Emma"]
    assert "1 rejected: the header again" in told[0]
    assert pd.read_json("rejects.jsonl", lines=True)["line"].tolist() == [4]


def test_a_candidate_is_as_its_latest_row_describes_it():
    columns = {**KEYS, "price": "numeric candidate", "at": "timestamp"}
    lines = ["reader,book,price,at", "ann,Emma,9,300", "bob,Emma,4,100", "cy,Dune,5,50"]
    lines += ["cy,Emma,6,200", "bob,Dune,5,400"]
    data, told = read("\n".join(lines), columns=columns)
    assert dict(zip(data.catalogue["book"], data.catalogue["price"], strict=True)) == {
        "Emma": 9.0,
        "Dune": 5.0,
    }
    assert "1 candidates are described in more than one way; their latest rows count." in told
    del columns["at"]  # then the order of the file says what is latest
    data, _ = read("\n".join(lines), columns=columns)
    assert data.catalogue["price"][list(data.catalogue["book"]).index("Emma")] == 6.0


def test_times_of_another_unit_are_refused():
    columns = {**KEYS, "at": "timestamp in milliseconds"}
    lines = ["reader,book,at", "ann,Emma,1700000000", "bob,Dune,1700000900"]
    with pytest.raises(DataError, match=r'"at" counts seconds, not milliseconds \(2\)'):
        read("\n".join(lines), columns=columns)


def test_rows_that_stand_again():
    lines = ["reader,book", *["ann,Emma"] * 3, "bob,Dune", "bob,Emma", "cy,Dune"]
    with pytest.raises(DataError, match=r"a row appears twice \(2\)"):
        read("\n".join(lines), columns=KEYS)
    kept, _ = read("\n".join(lines), columns=KEYS, repeats="keep")
    assert len(kept.train["reader"]) + len(kept.test["reader"]) == 6
    counted, _ = read("\n".join(lines), columns=KEYS, repeats="count")
    rows = {name: np.concatenate([counted.train[name], counted.test[name]]) for name in kept.train}
    weights = np.concatenate([counted.train["repeats"], counted.test["repeats"]])
    assert dict(zip(pairs(rows), weights, strict=True)) == {
        ("ann", "Emma"): 3.0, ("bob", "Dune"): 1.0, ("bob", "Emma"): 1.0, ("cy", "Dune"): 1.0,
    }  # fmt: skip
    with pytest.raises(DataError, match=r"Tables\.repeats is 'kept'"):
        read("", columns=KEYS, repeats="kept")


@pytest.mark.parametrize("separator", [", ", ";"])
def test_another_separator_of_categories_is_told(separator):
    columns = {**KEYS, "kinds": "multi_categorical candidate"}
    text = "reader\tbook\tkinds\nann\tEmma\ta{0}b\nbob\tDune\tb{0}c\ncy\tEmma\ta{0}b\n"
    _, told = read(text.format(separator), columns=columns)
    assert any(f'"kinds" hold "{separator.strip()}" and no "|"' in each for each in told)
    data, told = read(text.format(" | "), columns=columns)
    assert data.vocabularies["kinds"].known_values.tolist() == ["a", "b", "c"]
    assert not any("kinds" in each for each in told)


def test_vectors_are_refused_by_name():
    table = pd.DataFrame({"reader": ["a", "b"], "book": ["x", "y"], "v": [[1.0, 2.0], [3.0, 4.0]]})
    table.to_parquet("log.parquet")
    with pytest.raises(DataError, match='"v" holds several values a row'):
        load(interactions="log.parquet", columns={**KEYS, "v": "numeric candidate"})


def test_one_long_text_does_not_widen_the_others():
    lines = ["reader,book", *(f"r{i % 40},b{i // 40}" for i in range(4000)), f"r1,{'z' * 100_000}"]
    data, _ = read("\n".join(lines), columns=KEYS)
    assert sum(len(each) for each in (data.train["book"], data.test["book"])) == 4001
    assert max(data.train["book"].nbytes, data.test["book"].nbytes) < 4_000_000  # 1.6 GB otherwise
    assert data.vocabularies["book"].size == 102


def test_ids_that_are_written_otherwise_are_read_as_one_and_told(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("who,what,how\nann, Amélie,1\nann ,Ame\u0301lie,2\nbob,Heat,3\n", "utf-8")
    told = []
    data = mtf.Tables(
        str(path), {"who": "query key", "what": "candidate key", "how": "label"},
        test_fraction=0.34, rejects=str(tmp_path / "r.jsonl"),
    ).load(told.append)  # fmt: skip
    assert data.catalogue["what"].tolist() == ["Amélie", "Heat"]
    changed = [each for each in told if "white space" in each]
    assert changed == [
        f'{path}: {count} rows have a "{name}" with white space around it, or not in Unicode NFC. '
        "It is read without the space, in NFC."
        for name, count in (("who", 1), ("what", 2))
    ]


@pytest.mark.parametrize("since", [300, "300", "1970-01-01T00:05:00", "1970-01-01 00:05:00"])
def test_since_passes_earlier_rows_over(since):
    LOG.to_csv("log.csv", index=False)
    told = []
    shop = mtf.Tables("log.csv", COLUMNS, split="temporal", test_fraction=0.5, since=since)
    data = shop.load(told.append)
    assert pairs(data.train) == [("ann", "Dune")]  # the split is of what is left
    assert pairs(data.test) == [("cy", "Emma"), ("bob", "Emma")]
    assert data.catalogue["book"].tolist() == ["Emma", "Dune"]
    assert data.is_continued
    assert (
        "3 rows are from 1970-01-01 00:05:00 UTC or later; 2 from before are passed over." in told
    )
    assert not load(split="temporal").is_continued


def test_since_takes_pairs_whose_latest_event_is_of_then():
    log = pd.DataFrame(
        [
            ("ann", "Emma", "view", 100),
            ("ann", "Dune", "view", 150),
            ("ann", "Emma", "buy", 300),
            ("bob", "Dune", "view", 400),
        ],
        columns=["reader", "book", "what", "at"],
    )
    log.to_csv("log.csv", index=False)
    columns = {"reader": "query key", "book": "candidate key", "what": "event", "at": "timestamp"}
    kinds = {"events": ["view", "buy"], "since": 200, "split": "temporal", "test_fraction": 0.5}
    data = load(columns=columns, **kinds)
    assert pairs(data.train) == [("ann", "Emma")]
    assert (data.train["view"][0], data.train["buy"][0]) == (1, 1)  # the view was earlier


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("yesterday", "Tables.since is 'yesterday'"),
        (True, "Tables.since is True"),
        (-5, "Tables.since is -5"),
        ("2999-01-01", "Tables.since is '2999-01-01'"),
        (501, "No row of log.csv is from 1970-01-01 00:08:21 UTC or later; 5 are from before"),
    ],
)
def test_since_that_is_none_is_refused(since, found):
    LOG.to_csv("log.csv", index=False)
    with pytest.raises(DataError, match=found):
        load(since=since)


def test_since_needs_times():
    without = {name: meaning for name, meaning in COLUMNS.items() if name != "read_at"}
    with pytest.raises(DataError, match="no column is a timestamp"):
        mtf.Tables("log.csv", without, since="2020-01-01")


def test_since_the_last_run_reads_everything_where_there_is_none():
    LOG.to_csv("log.csv", index=False)
    told = []
    data = mtf.Tables("log.csv", COLUMNS, since="last_run", test_fraction=0.2).load(told.append)
    assert len(data.train["book"]) + len(data.test["book"]) == 5
    assert told[0] == 'Tables.since is "last_run", and no model is started from: all rows are read.'

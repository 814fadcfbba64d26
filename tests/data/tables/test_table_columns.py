import pytest

from mtframework.data.tables.table_columns import TableColumns
from mtframework.errors import DataError

KEYS = {"user": "query key", "film": "candidate key"}


def test_the_schema_of_every_meaning():
    columns = TableColumns(
        {
            **KEYS,
            "age": "numeric query",
            "year": "numeric candidate",
            "device": "categorical context",
            "stars": "label",
            "trust": "weight",
            "when": "timestamp in milliseconds",
            "what": "event",
        },
        labels=("click",),
    )
    assert [(each.name, each.kind, each.role) for each in columns.schema] == [
        ("user", "categorical", "query"),
        ("film", "categorical", "candidate"),
        ("age", "numeric", "query"),
        ("year", "numeric", "candidate"),
        ("device", "categorical", "context"),
        ("stars", "numeric", "label"),
        ("trust", "numeric", "weight"),
        ("when", "numeric", "timestamp"),
        ("click", "numeric", "label"),
    ]
    assert (columns.schema.query_key, columns.schema.candidate_key) == ("user", "film")
    assert (columns.event, columns.timestamp) == ("what", "when")
    assert columns.candidate_columns == {"film": "candidate key", "year": "numeric candidate"}


@pytest.mark.parametrize(
    ("meanings", "text"),
    [
        ({**KEYS, "age": "numerical query"}, 'that "age" is "numerical query". Did you mean "nume'),
        ({"user": "query key"}, "has no columns that are a candidate key."),
        ({**KEYS, "item": "candidate key"}, "has 2 columns that are a candidate key."),
        ({**KEYS, "a": "event", "b": "event"}, 'of "a", "b" that they are the event.'),
        (
            {**KEYS, "a": "timestamp", "b": "timestamp in milliseconds"},
            'of "a", "b" that they are the timestamp.',
        ),
    ],
)
def test_meanings_that_are_refused(meanings, text):
    with pytest.raises(DataError) as raised:
        TableColumns(meanings)
    assert text in raised.value.found


def test_a_label_with_the_name_of_a_column():
    with pytest.raises(DataError, match='two columns of one name: "film"'):
        TableColumns(KEYS, labels=("film",))

import pytest

from mtframework.errors import DataError
from mtframework.schema.schema import Column, Schema

USER = Column("user_id", "categorical", "query")
MOVIE = Column("movie_title", "categorical", "candidate")
RATING = Column("user_rating", "numeric", "label")


def make_schema(*more, query_key="user_id", candidate_key="movie_title") -> Schema:
    return Schema((USER, MOVIE, RATING, *more), query_key, candidate_key)


def test_columns_by_name_and_role():
    schema = make_schema(Column("age", "numeric", "query"))
    assert schema["age"].kind == "numeric"
    assert "age" in schema
    assert "height" not in schema
    assert [column.name for column in schema] == ["user_id", "movie_title", "user_rating", "age"]
    assert schema.names("query") == ("user_id", "age")
    assert schema.names("weight") == ()


def test_columns_may_be_a_list():
    assert hash(Schema([USER, MOVIE], "user_id", "movie_title")) == hash(
        Schema((USER, MOVIE), "user_id", "movie_title")
    )


@pytest.mark.parametrize(
    ("kind", "role", "text"),
    [
        (
            "categoric",
            "query",
            'The column "age" has kind "categoric". Did you mean "categorical"?\n'
            '  expected: One of "categorical", "multi_categorical", "numeric", "vector".\n'
            "  fix: Correct the kind.",
        ),
        (
            "numeric",
            "x",
            'The column "age" has role "x".\n'
            '  expected: One of "candidate", "context", "label", "query", "timestamp", "weight".\n'
            "  fix: Correct the role.",
        ),
    ],
)
def test_unknown_kind_or_role(kind, role, text):
    with pytest.raises(DataError) as raised:
        Column("age", kind, role)
    assert str(raised.value) == text


@pytest.mark.parametrize("name", ["", None, 3])
def test_no_name(name):
    with pytest.raises(DataError, match=f"A column is named {name!r}"):
        Column(name, "numeric", "query")


def test_unknown_column():
    with pytest.raises(DataError) as raised:
        make_schema()["user_idd"]
    assert str(raised.value) == (
        'There is no column "user_idd". Did you mean "user_id"?\n'
        '  expected: One of "movie_title", "user_id", "user_rating".\n'
        "  fix: Correct the name, or add the column to the schema."
    )


def test_column_twice():
    with pytest.raises(DataError) as raised:
        make_schema(Column("user_rating", "numeric", "weight"))
    assert str(raised.value) == (
        'The schema has two columns of one name: "user_rating".\n'
        "  expected: Each column once.\n"
        "  fix: Remove or rename one of the two."
    )


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            {"query_key": "movie_title"},
            'query_key names the categorical candidate column "movie_title".\n'
            "  expected: A categorical query column.\n"
            "  fix: Name the column that identifies a query, or correct its kind and role.",
        ),
        (
            {"query_key": "age"},
            'query_key names the numeric query column "age".\n'
            "  expected: A categorical query column.\n"
            "  fix: Name the column that identifies a query, or correct its kind and role.",
        ),
        (
            {"candidate_key": "user_rating"},
            'candidate_key names the numeric label column "user_rating".\n'
            "  expected: A categorical candidate column.\n"
            "  fix: Name the column that identifies a candidate, or correct its kind and role.",
        ),
        (
            {"candidate_key": "movie"},
            'There is no column "movie". Did you mean "movie_title"?\n'
            '  expected: One of "age", "movie_title", "user_id", "user_rating".\n'
            "  fix: Correct the name, or add the column to the schema.",
        ),
    ],
)
def test_wrong_key(keys, text):
    with pytest.raises(DataError) as raised:
        make_schema(Column("age", "numeric", "query"), **keys)
    assert str(raised.value) == text

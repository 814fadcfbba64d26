import numpy as np
import pytest

from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.errors import DataError
from mtframework.schema.encoding import encode_columns
from mtframework.schema.schema import Column, Schema
from mtframework.schema.vocabulary import Vocabulary

SCHEMA = Schema(
    columns=(
        Column("reader", "categorical", "query"),
        Column("age", "numeric", "query"),
        Column("book", "categorical", "candidate"),
        Column("pages", "numeric", "candidate"),
        Column("stars", "numeric", "label"),
        Column("read_at", "numeric", "timestamp"),
    ),
    query_key="reader",
    candidate_key="book",
)


KEYS = ("reader", "book")


def make_rows(**changes) -> dict[str, np.ndarray]:
    rows = {
        "reader": np.array([7, 10, 7]),
        "age": np.array([30.0, 41.0, 30.0]),
        "book": np.array(["Emma", "Dune", "Dune"]),
        "pages": np.array([474, 412, 412]),
        "stars": np.array([4.0, np.nan, 5.0]),
        "read_at": np.array([1_700_000_001, 1_700_000_002, 1_700_000_003]),
    }
    rows.update(changes)
    return {name: values for name, values in rows.items() if values is not None}


def make_catalogue(**changes) -> dict[str, np.ndarray]:
    catalogue = {
        "book": np.array(["Ulysses", "Emma", "Dune"]),
        "pages": np.array([730, 474, 412]),
    }
    return {**catalogue, **changes}


def make_dataset(**changes) -> Dataset:
    arguments = {
        "schema": SCHEMA,
        "train": make_rows(),
        "test": make_rows(reader=np.array([10, 11, 7])),
        "catalogue": make_catalogue(),
        "name": "the library",
    }
    return Dataset(**{**arguments, **changes})


def error_text(**changes) -> str:
    with pytest.raises(DataError) as raised:
        make_dataset(**changes)
    return str(raised.value)


class TestVocabularies:
    def test_learned_from_train_and_catalogue_alone(self):
        vocabularies = make_dataset().vocabularies
        assert set(vocabularies) == {"reader", "book"}
        assert vocabularies["reader"].known_values.tolist() == ["10", "7"]
        assert vocabularies["book"].known_values.tolist() == ["Dune", "Emma", "Ulysses"]

    def test_given_ones_are_kept(self):
        given = Vocabulary(["11", "7"])
        dataset = make_dataset(vocabularies={"reader": given})
        assert dataset.vocabularies["reader"] is given
        assert dataset.vocabularies["book"].size == 4

    def test_of_bytes_and_texts(self):
        dataset = make_dataset(train=make_rows(book=np.array([b"Emma", b"Dune", b"Dune"])))
        assert dataset.vocabularies["book"].size == 4

    def test_for_a_numeric_column(self):
        assert error_text(vocabularies={"age": Vocabulary(["1"])}) == (
            'the library was given a vocabulary for the numeric column "age".\n'
            "  expected: Vocabularies of categorical columns.\n"
            "  fix: Leave the vocabulary out, or declare the column categorical."
        )

    def test_for_an_unknown_column(self):
        text = error_text(vocabularies={"raeder": Vocabulary(["1"])})
        assert text.startswith('There is no column "raeder". Did you mean "reader"?')


class TestEncode:
    def test_ids_and_numbers(self):
        dataset = make_dataset()
        encoded = dataset.encode({**dataset.test, "extra": np.zeros(3)})
        assert set(encoded) == {"reader", "age", "book", "pages", "stars", "read_at"}
        np.testing.assert_array_equal(encoded["reader"], np.array([1, 0, 2], "int32"))
        np.testing.assert_array_equal(encoded["book"], np.array([2, 1, 1], "int32"))
        np.testing.assert_array_equal(encoded["stars"], np.array([4, np.nan, 5], "float32"))
        assert encoded["reader"].dtype == np.int32
        assert encoded["pages"].dtype == np.float32

    def test_some_columns(self):
        dataset = make_dataset()
        assert set(dataset.encode(dataset.catalogue)) == {"book", "pages"}

    def test_timestamps_keep_their_seconds(self):
        encoded = make_dataset().encode(make_rows())
        assert encoded["read_at"].tolist() == [1_700_000_001, 1_700_000_002, 1_700_000_003]

    def test_timestamps_of_dates_and_fractions(self):
        dates = np.array(["2023-11-14T22:13:21", "1969-12-31T23:59:59", "1970-01-01"], "M8[ms]")
        encoded = make_dataset(train=make_rows(read_at=dates)).encode({"read_at": dates})
        assert encoded["read_at"].tolist() == [1_700_000_001, -1, 0]
        fractions = make_dataset().encode({"read_at": [1_700_000_001.75, -0.5]})
        assert fractions["read_at"].tolist() == [1_700_000_001, -1]

    def test_several_categories_a_row(self):
        schema = Schema((*SCHEMA, Column("genres", "multi_categorical", "candidate")), *KEYS)
        dataset = make_dataset(
            schema=schema,
            train=make_rows(genres=np.array(["novel", "space|novel", "space|novel"])),
            test=make_rows(genres=np.array(["novel", "space|unheard of", ""])),
            catalogue=make_catalogue(genres=[["modern", "novel"], ["novel"], ["space", "novel"]]),
        )
        assert dataset.vocabularies["genres"].known_values.tolist() == ["modern", "novel", "space"]
        found = dataset.encode(dataset.test)["genres"]
        np.testing.assert_array_equal(found, [[2, 0], [3, 0], [0, 0]])
        found = dataset.encode(dataset.catalogue)["genres"]
        np.testing.assert_array_equal(found, [[1, 2], [2, 0], [3, 2]])

    def test_none_is_a_missing_label(self):
        rows = make_rows(stars=np.array([4, None, 5], object))
        encoded = make_dataset(train=rows).encode(rows)
        np.testing.assert_array_equal(encoded["stars"], np.array([4, np.nan, 5], "float32"))

    def test_lists(self):
        rows = {name: values.tolist() for name, values in make_rows().items()}
        expected = make_dataset().encode(make_rows())
        found = make_dataset(train=rows).encode(rows)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)

    def test_bad_category_names_the_column(self):
        with pytest.raises(DataError) as raised:
            encode_columns({"book": ["Emma", None]}, SCHEMA, make_dataset().vocabularies)
        assert str(raised.value) == (
            'The categorical column "book" holds None, of type NoneType.\n'
            "  expected: Strings or integers.\n"
            "  fix: Fill missing categories with a string of your choice before training."
        )

    def test_bad_number_names_the_column(self):
        with pytest.raises(DataError) as raised:
            encode_columns({"age": ["30", "old"]}, SCHEMA, {})
        assert str(raised.value) == (
            "The numeric column \"age\" holds '30', of type str.\n"
            "  expected: Numbers, NaN where missing.\n"
            "  fix: Turn the values into numbers, or declare the column categorical."
        )


class TestSplits:
    def test_by_name(self):
        dataset = make_dataset(validation=make_rows())
        assert dataset.split("validation") is dataset.validation
        assert dataset.split("test") is dataset.test

    @pytest.mark.parametrize("validation", [{}, {name: [] for name in make_rows()}])
    def test_validation_may_have_no_rows(self, validation):
        dataset = make_dataset(validation=validation)
        with pytest.raises(DataError) as raised:
            dataset.split("validation")
        assert str(raised.value) == (
            "The split validation of the library has no rows.\n"
            "  expected: A split with rows.\n"
            "  fix: Ask for another split, or set the data set's test_fraction or "
            "validation_fraction."
        )

    def test_unknown(self):
        with pytest.raises(DataError) as raised:
            make_dataset().split("tests")
        assert str(raised.value) == (
            'There is no split "tests". Did you mean "test"?\n'
            '  expected: One of "test", "train", "validation".\n'
            "  fix: Correct the name."
        )


class TestBadData:
    @pytest.mark.parametrize("split", ["train", "validation", "test"])
    def test_missing_column(self, split):
        rows = {**make_rows(stars=None), "star": np.zeros(3)}
        assert error_text(**{split: rows}) == (
            f'The {split} rows of the library lack the column "stars". Did you mean "star"?\n'
            '  expected: The columns "age", "book", "pages", "read_at", "reader", "stars".\n'
            "  fix: Add or rename the column, or correct the schema."
        )

    def test_missing_column_of_the_catalogue(self):
        text = error_text(catalogue={"book": np.array(["Emma"])})
        assert text.startswith('The catalogue rows of the library lack the column "pages".')

    def test_unequal_lengths(self):
        text = error_text(train=make_rows(stars=np.zeros(2)))
        assert text.startswith("The train columns of the library have unequal lengths: {")
        assert "'stars': 2" in text

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_no_rows(self, split):
        assert error_text(
            **{split: {name: values[:0] for name, values in make_rows().items()}}
        ) == (
            f"There are no {split} rows in the library: the data set is empty.\n"
            "  expected: At least one row.\n"
            "  fix: Check the path, the filter and the split."
        )

    def test_candidate_twice(self):
        catalogue = make_catalogue(book=np.array(["Emma", "Dune", "Emma"]))
        assert error_text(catalogue=catalogue) == (
            'The catalogue of the library holds the same "book" twice.\n'
            "  expected: Each candidate once.\n"
            "  fix: Remove duplicate candidates from the catalogue."
        )

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("split", ["train", "validation", "test"])
    def test_feature_that_is_not_finite(self, split, value):
        rows = make_rows(age=np.array([30.0, value, value]))
        assert error_text(**{split: rows}) == (
            f'The feature "age" is {value} in row 1 of the {split} rows of the library, and not '
            "finite in 2 of 3.\n"
            "  expected: A finite number in every row.\n"
            "  fix: Fill the missing numbers, or leave the rows out."
        )

    def test_catalogue_feature_that_is_not_finite(self):
        text = error_text(catalogue=make_catalogue(pages=np.array([np.nan, 1, 1])))
        assert text.startswith('The feature "pages" is nan in row 0 of the catalogue rows')

    @pytest.mark.parametrize(
        ("value", "shown"), [(np.nan, "nan"), (1_700_000_000_123, "1700000000123")]
    )
    def test_timestamp_that_is_none(self, value, shown):
        text = error_text(test=make_rows(read_at=np.array([1.0, value, 2.0])))
        assert text == (
            f'The timestamp "read_at" is {shown} in row 1 of the test rows of the library.\n'
            "  expected: Seconds since 1970, before 2038, in every row.\n"
            "  fix: Fill missing timestamps, divide milliseconds by 1000, or take the column out "
            "of the schema."
        )

    def test_label_that_is_no_number(self):
        text = error_text(train=make_rows(stars=np.array([4, None, b"5"], object)))
        assert text.startswith("The numeric column \"stars\" holds b'5', of type bytes.")

    def test_key_that_is_no_category(self):
        text = error_text(train=make_rows(reader=np.array([1.0, 2.0, 3.0])))
        assert text.startswith('The categorical column "reader" holds values of type float64.')


class TestSource:
    def test_schema_is_known_before_loading(self):
        class Library(DatasetSource):
            schema = SCHEMA

            def load(self, progress=None):
                progress("reading")
                return make_dataset()

        said = []
        source = Library()
        assert source.schema.candidate_key == "book"
        assert source.load(said.append).name == "the library"
        assert said == ["reading"]

    def test_without_load(self):
        class Nothing(DatasetSource):
            schema = SCHEMA

        with pytest.raises(TypeError, match=r"abstract method '?load'?"):
            Nothing()

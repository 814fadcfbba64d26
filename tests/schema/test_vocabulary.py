import numpy as np
import pytest

from mtframework.errors import DataError
from mtframework.schema.vocabulary import Vocabulary

WORDS = ["b", "a", "b b", "É", "", "Zoë", "a", "10", "9"]


class TestIds:
    def test_sorted_by_code_point_from_1(self):
        vocabulary = Vocabulary.learn(WORDS)
        assert vocabulary.known_values.tolist() == ["", "10", "9", "Zoë", "a", "b", "b b", "É"]
        assert vocabulary.size == 9
        assert vocabulary.ids(["É", "b b", "b", "c", "[UNK]"]).tolist() == [8, 7, 6, 0, 0]
        assert vocabulary.ids(["É"]).dtype == np.int32

    def test_given_order_is_kept(self):
        vocabulary = Vocabulary(["c", "a", "b"])
        assert vocabulary.ids(["a", "b", "c", "d"]).tolist() == [2, 3, 1, 0]

    def test_longer_and_shorter_texts_than_known(self):
        vocabulary = Vocabulary.learn(["ab", "abc"])
        assert vocabulary.ids(["abcd", "a", "abc", "ab"]).tolist() == [0, 0, 2, 1]

    def test_what_utf8_cannot_write_is_refused(self):
        with pytest.raises(DataError, match=r"'a.ud800', cannot be written as UTF-8"):
            Vocabulary.learn(["b", "a\ud800"])

    def test_what_stands_behind_a_null_character_counts(self):
        vocabulary = Vocabulary.learn(["a\0b", "a\0c"])
        assert vocabulary.ids(["a\0c", "a\0b", "a"]).tolist() == [2, 1, 0]

    @pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,), (2, 0)])
    def test_shape(self, shape):
        vocabulary = Vocabulary.learn(["x", "y"])
        ids = vocabulary.ids(np.full(shape, "y"))
        assert ids.shape == shape
        assert (ids == 2).all()
        assert vocabulary.values(ids).shape == shape

    def test_of_no_values(self):
        vocabulary = Vocabulary([])
        assert vocabulary.size == 1
        assert vocabulary.ids(["a", "b"]).tolist() == [0, 0]
        assert vocabulary.values([0, 0]).tolist() == ["[UNK]", "[UNK]"]

    @pytest.mark.parametrize(
        "values",
        [
            ["3", "20"],
            [3, 20],
            [b"3", b"20"],
            np.array([3, 20]),
            np.array([3, 20], "uint8"),
            np.array([b"3", b"20"]),
            np.array([b"3", "20"], object),
            np.array([np.int64(3), 20], object),
            np.array(["3", "20"], np.dtypes.StringDType()),
            ("3", 20),
            (str(number) for number in (3, 20)),
            {3: None, 20: None}.keys(),
        ],
        ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
    )
    def test_one_value_of_many_types(self, values):
        vocabulary = Vocabulary.learn(values)
        assert vocabulary.known_values.tolist() == ["20", "3"]
        assert vocabulary.ids(["3", "20"]).tolist() == [2, 1]

    def test_bytes_are_utf_8(self):
        vocabulary = Vocabulary.learn(["Zoë", "Zoe"])
        assert vocabulary.ids(np.array(["Zoë ".encode(), b"Zoe"])).tolist() == [2, 1]


class TestValues:
    def test_back_and_forth(self):
        vocabulary = Vocabulary.learn(WORDS)
        assert vocabulary.values(vocabulary.ids(WORDS)).tolist() == WORDS
        assert vocabulary.values(0) == "[UNK]"

    @pytest.mark.parametrize(("ids", "bad"), [([0, 3], 3), ([-1, 1], -1)])
    def test_unknown_id(self, ids, bad):
        with pytest.raises(DataError) as raised:
            Vocabulary(["a", "b"]).values(ids)
        assert str(raised.value) == (
            f"A vocabulary of 3 ids was asked for id {bad}.\n"
            "  expected: Ids from 0 to 2.\n"
            "  fix: Use ids that this vocabulary returned."
        )

    def test_ids_of_another_type(self):
        with pytest.raises(DataError, match=r"A vocabulary was asked for ids of type float64\."):
            Vocabulary(["a", "b"]).values([1.0])


class TestBadValues:
    def test_twice(self):
        with pytest.raises(DataError) as raised:
            Vocabulary(["b", "a", "b"])
        assert str(raised.value) == (
            'A vocabulary was given the value "b" twice.\n'
            "  expected: Values without duplicates.\n"
            "  fix: Use Vocabulary.learn, which removes duplicates, or remove them yourself."
        )

    def test_unknown_as_a_value(self):
        with pytest.raises(DataError) as raised:
            Vocabulary(["b", "[UNK]"])
        assert str(raised.value) == (
            'A vocabulary was given the value "[UNK]", which stands for unknown.\n'
            "  expected: Values that are known.\n"
            "  fix: Use Vocabulary.learn, which leaves it out, or leave it out yourself."
        )
        assert Vocabulary.learn(["b", "[UNK]"]).ids(["[UNK]", "b"]).tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ([1.5, 2.0], "1.5, of type float"),
            (["a", None], "None, of type NoneType"),
            (["a", float("nan")], "nan, of type float"),
            (np.array(["a", np.nan], object), "nan, of type float"),
            ([True, False], "True, of type bool"),
        ],
    )
    def test_missing_or_of_another_type(self, values, found):
        with pytest.raises(DataError) as raised:
            Vocabulary.learn(values)
        assert str(raised.value) == (
            f"A categorical column holds {found}.\n"
            "  expected: Strings or integers.\n"
            "  fix: Fill missing categories with a string of your choice before training."
        )

    @pytest.mark.parametrize("dtype", ["float32", "bool", "datetime64[s]"])
    def test_array_of_another_type(self, dtype):
        with pytest.raises(DataError) as raised:
            Vocabulary.learn(np.zeros(3, dtype))
        assert str(raised.value) == (
            f"A categorical column holds values of type {dtype}.\n"
            "  expected: Strings or integers.\n"
            "  fix: Declare the column numeric, or turn its values into strings."
        )

    def test_other_encoding(self):
        with pytest.raises(DataError) as raised:
            Vocabulary.learn(["Zoë".encode("latin-1")])
        assert str(raised.value) == (
            "A categorical column holds b'Zo\\xeb', which is not valid UTF-8.\n"
            "  expected: Bytes in UTF-8.\n"
            "  fix: Decode the column with its own encoding first."
        )


def test_ids_are_compared_without_white_space_and_in_one_form_of_unicode():
    vocabulary = Vocabulary.learn([" i3", "Am\u0065\u0301lie", "i3 ", "\ti4"])
    assert vocabulary.known_values.tolist() == ["Am\u00e9lie", "i3", "i4"]
    asked = ["i3", " i3\n", "Am\u00e9lie", "Ame\u0301lie", "i4", "i 3", "ai4"]
    assert vocabulary.ids(asked).tolist() == [2, 2, 1, 1, 3, 0, 0]


def test_values_that_were_given_with_white_space_are_found_as_they_stand():
    """As in files of version 0.1."""
    assert Vocabulary([" a", "a"]).ids([" a", "a", "a "]).tolist() == [1, 2, 2]

"""Every feature against arithmetic by hand, on whatever it learned from training rows."""

import datetime

import keras
import numpy as np
import pytest
from keras import ops

from mtframework.errors import ModelError
from mtframework.features.bucketed import Bucketed
from mtframework.features.categorical import Categorical
from mtframework.features.crossed import Crossed
from mtframework.features.day_of_week import DayOfWeek
from mtframework.features.hashed import Hashed, bucket_of
from mtframework.features.normalized import Normalized
from mtframework.features.recency import Recency
from mtframework.features.time_of_day import TimeOfDay
from mtframework.schema.schema import Column
from mtframework.schema.vocabulary import Vocabulary


def numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def seconds(text: str) -> int:
    return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp())


def test_normalized_numbers_have_mean_0_and_variance_1():
    values = np.random.default_rng(0).normal(1995, 7, 500).astype("float32")
    feature = Normalized("year")
    feature.build(None, 8)
    feature.adapt(values, None)
    found = numpy(feature(values))
    assert found.shape == (500, 1)
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=1e-3)


def test_a_constant_column_normalizes_to_zeros():
    feature = Normalized("year")
    feature.build(None, 8)
    feature.adapt(np.full(5, 1995, "float32"), None)
    np.testing.assert_array_equal(numpy(feature(np.full(2, 1995, "float32"))), np.zeros((2, 1)))


def test_buckets_hold_equally_many_training_rows():
    values = np.random.default_rng(0).lognormal(size=1000).astype("float32")
    feature = Bucketed("price", num_buckets=4, embedding_dim=3)
    feature.build(None, 8)
    feature.adapt(values, None)
    buckets = numpy(feature.buckets(values))
    np.testing.assert_array_equal(np.bincount(buckets), [250] * 4)
    assert values[buckets == 1].max() < values[buckets == 2].min()
    np.testing.assert_array_equal(numpy(feature.buckets(np.array([-5.0, 1e9], "float32"))), [0, 3])
    (table,) = feature.trainable_variables
    np.testing.assert_array_equal(numpy(feature(values[:9])), numpy(table)[buckets[:9]])


def test_buckets_of_time_hold_equally_many_training_rows_to_the_second():
    earliest = 2_000_000_000
    times = earliest + np.arange(8, dtype="int32")
    feature = Bucketed("read_at", num_buckets=4, embedding_dim=3)
    feature.build(None, 8)
    feature.adapt(times, None)
    assert numpy(feature.buckets(times)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    day = 86_400
    others = np.array([0, earliest - day, earliest + day, 2**31 - 1], "int32")
    assert numpy(feature.buckets(others)).tolist() == [0, 0, 3, 3]


def test_hashed_categories_share_few_embeddings():
    words = [f"word {i}" for i in range(2000)]
    vocabulary = Vocabulary(words)
    feature = Hashed("word", num_buckets=50, num_hashes=2, embedding_dim=4)
    feature.build(vocabulary.size, 8)
    feature.adapt(np.zeros(1), vocabulary)
    (table,) = feature.trainable_variables
    assert table.shape == (50, 4)
    found = numpy(feature(vocabulary.ids(words[:20])))
    for word, vector in zip(words, found, strict=False):
        rows = [bucket_of(word, 50, salt) for salt in (0, 1)]
        np.testing.assert_allclose(vector, numpy(table)[rows].sum(0), rtol=1e-6)
    first, second = ([bucket_of(word, 50, salt) for word in words] for salt in (0, 1))
    for buckets in (first, second):  # 40 a bucket, with a standard deviation of 6
        counts = np.bincount(buckets, minlength=50)
        assert 15 < counts.min() < counts.max() < 70
    assert np.mean(np.equal(first, second)) < 0.05


def test_a_combination_of_categories_has_the_sum_of_their_hashes():
    towns, words = (Vocabulary([f"{what} {i}" for i in range(90)]) for what in ("town", "word"))
    feature = Crossed(["town", "word"], num_buckets=100, embedding_dim=3)
    feature.build((towns.size, words.size), 8)
    feature.adapt((np.zeros(1), np.zeros(1)), (towns, words))
    ids = tuple(each.ravel().astype("int32") for each in np.indices((91, 91)))
    buckets = numpy(feature.buckets(ids)).reshape(91, 91)
    text = [bucket_of("town 7", 100), bucket_of("word 3", 100, salt=1)]
    assert buckets[towns.ids(["town 7"])[0], words.ids(["word 3"])[0]] == sum(text) % 100
    unknown = [bucket_of("[UNK]", 100), bucket_of("word 3", 100, salt=1)]
    assert buckets[0, words.ids(["word 3"])[0]] == sum(unknown) % 100
    counts = np.bincount(buckets.ravel(), minlength=100)  # 83 a bucket; sums of hashes are even
    assert 40 < counts.min() < counts.max() < 140
    (table,) = feature.trainable_variables
    vectors = numpy(feature(ids))
    np.testing.assert_array_equal(vectors, numpy(table)[buckets.ravel()])


def test_columns_of_two_sides_are_not_crossed():
    columns = [Column("c", "categorical", "query"), Column("d", "categorical", "candidate")]
    with pytest.raises(ModelError, match='reads "c", which describes queries, and "d"'):
        Crossed(["c", "d"]).check_columns(columns)
    Crossed(["c", "d"]).check_columns([columns[0], Column("d", "categorical", "context")])


def test_a_hash_is_the_same_on_every_machine():
    # printf "Dr. No" | b2sum -l 64
    assert bucket_of("Dr. No", 2**64) == int.from_bytes(bytes.fromhex("f258058f1e4e9b8c"), "little")


@pytest.mark.parametrize("combiner", ["mean", "sum"])
def test_several_categories_are_combined_without_unknown_ones(combiner):
    feature = Categorical("genres", combiner=combiner)
    feature.build(5, 3)
    table = numpy(feature.trainable_variables[0])
    found = numpy(feature(np.array([[1, 4, 0], [0, 0, 0], [2, 0, 0]])))
    both = table[1] + table[4]
    expected = [both / 2 if combiner == "mean" else both, np.zeros(3), table[2]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_recency_tells_one_second_from_the_next():
    latest = 2_000_000_001
    feature = Recency("read_at")
    feature.build(None, 8)
    feature.adapt(np.array([latest - 86_400, latest], "int32"), None)
    found = numpy(feature(np.array([latest, latest - 1, latest - 2, latest + 9], "int32")))[:, 0]
    expected = np.log1p(np.array([0, 1, 2, 0]) / 86_400) / np.log(2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[0] < found[1] < found[2]


def test_times_of_day_lie_on_a_circle():
    feature = TimeOfDay("read_at", utc_offset_hours=5.5)
    feature.build(None, 8)
    noon_in_delhi = seconds("2024-02-29T06:30:00")
    six_in_delhi = seconds("2024-02-29T00:30:00")
    before_midnight = seconds("1969-12-31T18:29:59")
    found = numpy(feature(np.array([noon_in_delhi, six_in_delhi, before_midnight])))
    np.testing.assert_allclose(found, [[0, -1], [1, 0], [0, 1]], atol=1e-4)


@pytest.mark.parametrize("offset", [-10, 0, 14])
def test_days_of_the_week_are_those_of_the_calendar(offset):
    feature = DayOfWeek("read_at", utc_offset_hours=offset)
    feature.build(None, 3)
    times = np.random.default_rng(0).integers(-(2**30), 2**31 - 1, 50)
    zone = datetime.timezone(datetime.timedelta(hours=offset))
    expected = [datetime.datetime.fromtimestamp(int(each), zone).weekday() for each in times]
    np.testing.assert_array_equal(numpy(feature.days(times.astype("int32"))), expected)
    table = numpy(feature.trainable_variables[0])
    np.testing.assert_array_equal(numpy(feature(times.astype("int32"))), table[expected])


@pytest.mark.parametrize(
    "feature",
    [
        Categorical("c", 4, "sum"),
        Normalized("c"),
        Bucketed("c", 5, 4),
        Hashed("c", 5, 2, 4),
        Crossed(["c", "d"], 5, 4),
        Recency("c"),
        TimeOfDay("c", 1.0),
        DayOfWeek("c", -1.0, 4),
    ],
    ids=lambda feature: type(feature).__name__,
)
def test_configuration_round_trips(feature):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(feature))
    assert type(again) is type(feature)
    assert again.get_config() == feature.get_config()
    assert all(again.get_config().values())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Normalized(3), "A Normalized has column = 3."),
        (lambda: Bucketed("c", 1), "A Bucketed has num_buckets = 1."),
        (lambda: Bucketed("c", 4, 0), "A Bucketed has embedding_dim = 0."),
        (lambda: Hashed("c", 1), "A Hashed has num_buckets = 1."),
        (lambda: Hashed("c", num_hashes=0), "A Hashed has num_hashes = 0."),
        (lambda: Crossed(["c"]), "A Crossed has columns = ['c']."),
        (lambda: Crossed(["c", "c", "d"]), "A Crossed has columns = ['c', 'c', 'd']."),
        (lambda: Crossed("cd"), "A Crossed has columns = 'cd'."),
        (lambda: Crossed(["c", "d"], 1 << 25), "A Crossed has num_buckets = 33554432."),
        (lambda: Categorical("c", combiner="max"), "A Categorical has combiner = 'max'."),
        (lambda: TimeOfDay("c", 15), "A TimeOfDay has utc_offset_hours = 15."),
        (lambda: DayOfWeek("c", True), "A DayOfWeek has utc_offset_hours = True."),
    ],
)
def test_arguments_that_are_refused(make, text):
    with pytest.raises(ModelError) as raised:
        make()
    assert raised.value.found == text


@pytest.mark.parametrize(
    ("feature", "column", "found", "fix"),
    [
        (
            Bucketed("c"),
            Column("c", "categorical", "query"),
            'Bucketed reads the column "c", which is categorical.',
            "Give the tower its plain name, or name another column.",
        ),
        (
            Normalized("c"),
            Column("c", "numeric", "timestamp"),
            'Normalized reads the column "c", which is timestamp.',
            "Give the tower Bucketed, Recency, TimeOfDay or DayOfWeek, or name another column.",
        ),
        (
            Normalized("c"),
            Column("c", "numeric", "label"),
            'A tower reads the label column "c" as a feature.',
            "Remove it from the features, or correct its role.",
        ),
    ],
)
def test_columns_that_cannot_be_read(feature, column, found, fix):
    with pytest.raises(ModelError) as raised:
        feature.check(column)
    assert (raised.value.found, raised.value.fix) == (found, fix)

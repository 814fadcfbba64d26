"""`check_dataset`: built-in data sets pass, and each clause catches one that breaks it."""

import numpy as np
import pytest

import mtframework as mtf
from mtframework.errors import ContractError, ModelError
from mtframework.registry import DATASETS
from mtframework.testing import check_dataset, each_clause


def shop():
    return mtf.SyntheticShop(
        num_customers=20, num_products=30, views_per_customer=10, validation_fraction=0.2
    )


test_a_shop_passes = each_clause(check_dataset, shop)
test_sparse_labels_pass = each_clause(
    check_dataset, lambda: mtf.SparseLabels(shop(), "click", share=0.2)
)


@pytest.mark.parametrize("in_memory", [True, False])
def test_tables_pass(tmp_path, in_memory, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    rows = shop().load().train
    columns = {name: rows[name] for name in ("customer", "product", "price", "click")}
    pq.write_table(pa.table(columns), "views.parquet")
    meanings = {
        "customer": "query key",
        "product": "candidate key",
        "price": "numeric candidate",
        "click": "label",
    }
    check_dataset(lambda: mtf.Tables("views.parquet", meanings, in_memory=in_memory))


class Visits(mtf.DatasetSource):
    """Visitors and pages."""

    schema = mtf.Schema(
        (
            mtf.Column("visitor", "categorical", "query"),
            mtf.Column("page", "categorical", "candidate"),
            mtf.Column("length", "numeric", "candidate"),
            mtf.Column("seconds", "numeric", "label"),
            mtf.Column("importance", "numeric", "weight"),
        ),
        query_key="visitor",
        candidate_key="page",
    )

    def rows(self, seed):
        draw = np.random.default_rng(seed)
        page = draw.integers(0, 7, 30)
        return {
            "visitor": draw.integers(0, 9, 30),
            "page": page,
            "length": page / 2,
            "seconds": draw.exponential(9.0, 30),
            "importance": np.ones(30),
        }

    def arguments(self):
        return {
            "schema": self.schema,
            "train": self.rows(1),
            "test": self.rows(2),
            "catalogue": {"page": np.arange(7), "length": np.arange(7) / 2},
        }

    def load(self, progress=None):
        return mtf.Dataset(**self.arguments())


class HasNoSchema(Visits):
    schema = None

    def arguments(self):
        return {**super().arguments(), "schema": Visits.schema}


class LoadsMoreColumns(Visits):
    def arguments(self):
        columns = (*self.schema.columns, mtf.Column("more", "numeric", "label"))
        given = super().arguments()
        for split in ("train", "test"):
            given[split]["more"] = np.ones(30)
        return {**given, "schema": mtf.Schema(columns, "visitor", "page")}


class LacksAColumn(Visits):
    def rows(self, seed):
        rows = super().rows(seed)
        del rows["seconds"]
        return rows


class ReturnsRows(Visits):
    def load(self, progress=None):
        return self.rows(1)


class Prints(Visits):
    def load(self, progress=None):
        print("Reading visits.")
        return super().load(progress)


class TellsNumbers(Visits):
    def load(self, progress=None):
        if progress is not None:
            progress(30)
        return super().load(progress)


class TestsOnTrainingRows(Visits):
    def arguments(self):
        return {**super().arguments(), "test": self.rows(1)}


class ListsTooFewCandidates(Visits):
    def arguments(self):
        return {**super().arguments(), "catalogue": {"page": [1, 2], "length": [0.5, 1.0]}}


class DescribesACandidateTwice(Visits):
    def arguments(self):
        catalogue = {"page": np.arange(7), "length": np.arange(7) / 3}
        return {**super().arguments(), "catalogue": catalogue}


class ListsTooFewVisitors(Visits):
    def arguments(self):
        return {**super().arguments(), "vocabularies": {"visitor": mtf.Vocabulary([1, 2])}}


class TestsWithoutLabels(Visits):
    def arguments(self):
        given = super().arguments()
        given["test"]["seconds"] = np.full(30, np.nan)
        return given


class WeighsBelowZero(Visits):
    def arguments(self):
        given = super().arguments()
        given["train"]["importance"] = -np.ones(30)
        return given


class DrawsAnew(Visits):
    def arguments(self):
        return {**super().arguments(), "train": self.rows(None)}


class DrawsFromEveryonesNumbers(Visits):
    def arguments(self):
        np.random.random()
        return super().arguments()


class FingerprintsTheMoment(Visits):
    calls = 0

    def fingerprint(self):
        FingerprintsTheMoment.calls += 1
        return str(self.calls)


BROKEN = [
    (HasNoSchema, "schema", "schema is None"),
    (LoadsMoreColumns, "schema", "'more'], and schema ['visitor'"),
    (LacksAColumn, "loading", 'The train rows of dataset lack the column "seconds"'),
    (ReturnsRows, "loading", "load returns {'visitor'"),
    (Prints, "loading", 'load prints "Reading visits." to standard output'),
    (TellsNumbers, "loading", "progress is told [30]"),
    (TestsOnTrainingRows, "splits", "30 rows of test are rows of train, too"),
    (ListsTooFewCandidates, "catalogue", "train rows have a candidate that the catalogue lacks"),
    (DescribesACandidateTwice, "catalogue", 'train rows have another "length" than the catalogue'),
    (ListsTooFewVisitors, "vocabularies", 'training rows have a "visitor" that has no id'),
    (TestsWithoutLabels, "labels", 'The test label "seconds" is infinite, or nowhere a number'),
    (WeighsBelowZero, "labels", 'The train weight "importance" is negative'),
    (DrawsAnew, "repeatable", 'Loaded again, the train column "visitor" is another one'),
    (DrawsFromEveryonesNumbers, "repeatable", "load draws from the global random numbers"),
    (FingerprintsTheMoment, "fingerprint", "fingerprint is '1', and then '2'"),
]


@pytest.mark.parametrize(
    ("cls", "clause", "found"), BROKEN, ids=[cls.__name__ for cls, _, _ in BROKEN]
)
def test_each_clause_catches_what_breaks_it(cls, clause, found, register):
    register(DATASETS, cls)
    with pytest.raises(ContractError) as caught:
        check_dataset(cls, clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}": ')
    assert found in caught.value.found
    assert caught.value.fix


def test_a_good_data_set_passes_and_must_be_registered(register):
    with pytest.raises(ContractError, match='breaks the clause "registration"') as caught:
        check_dataset(Visits, clause="registration")
    assert '@register_dataset("my_name")' in caught.value.fix
    register(DATASETS, Visits)
    check_dataset(Visits)


def test_rows_that_happen_twice_may_be_in_two_splits(register):
    register(DATASETS, TestsOnTrainingRows)
    check_dataset(TestsOnTrainingRows, repeats=True, clause="splits")


def test_what_makes_no_new_source_is_refused():
    with pytest.raises(ModelError, match="makes a new DatasetSource each time"):
        check_dataset(lambda: "a data set")

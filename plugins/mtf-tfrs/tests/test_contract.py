"""The tasks keep the contract of a task."""

from mtf_tfrs import TfrsRanking, TfrsRetrieval

from mtframework.testing import check_task


def test_ranking():
    check_task(lambda: TfrsRanking("rating", label="x", hidden_units=[4]), labels=[1, 3, 5])


def test_retrieval():
    check_task(lambda: TfrsRetrieval("watch", label="x", logq=True), compares_rows=True)

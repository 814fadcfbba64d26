"""The tasks keep the contract of a task."""

from mtf_tfrs import TfrsRanking, TfrsRetrieval

from mtframework.testing import check_task, each_clause

test_ranking = each_clause(
    check_task, lambda: TfrsRanking("rating", label="x", hidden_units=[4]), labels=[1, 3, 5]
)
test_retrieval = each_clause(
    check_task, lambda: TfrsRetrieval("watch", label="x", logq=True), compares_rows=True
)

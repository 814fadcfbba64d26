"""`check_metric`: registered metrics pass, and each clause catches one that breaks it."""

import keras
import numpy as np
import pytest
from keras import ops

from mtframework.errors import ContractError, ModelError
from mtframework.registry import METRICS, load_builtin_parts, load_plugins
from mtframework.testing import check_metric
from mtframework.testing.metric_clauses import example_rows

load_builtin_parts()
load_plugins()
NO_ZERO = {"mape": (1.0, 2.0, 5.0)}  # a label of 0 has no percentage


@pytest.mark.parametrize("part", list(METRICS), ids=lambda part: part.name)
def test_registered_metrics_pass_those_of_plugins_too(part):
    check_metric(part.cls, labels=NO_ZERO.get(part.name, (0.0, 1.0)))


class MeanGap(keras.metrics.Metric):
    """The mean of `|score − label|`, written out."""

    higher_is_better = False

    def __init__(self, name="mean_gap", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def gaps(self, labels, scores):
        return ops.abs(ops.squeeze(scores, -1) - ops.squeeze(labels, -1))

    def weights(self, sample_weight, gaps):
        return ops.ones_like(gaps) if sample_weight is None else sample_weight

    def update_state(self, labels, scores, sample_weight=None):
        gaps = self.gaps(labels, scores)
        weights = self.weights(sample_weight, gaps)
        self.total.assign_add(ops.sum(gaps * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return self.total / self.count


class SaysNothing(MeanGap):
    higher_is_better = None


class KeepsItsName(MeanGap):
    def __init__(self, name="mean_gap", dtype=None):
        super().__init__(name="mean_gap", dtype=dtype)


class GivesTwoNumbers(MeanGap):
    def result(self):
        return ops.stack([self.total * 1.0, self.count * 1.0])


class KeepsTheCount(MeanGap):
    def reset_state(self):
        self.total.assign(0.0)


class WeighsEarlyRowsMore(MeanGap):
    def gaps(self, labels, scores):
        gaps = super().gaps(labels, scores)
        return gaps / (1.0 + ops.arange(ops.shape(gaps)[0], dtype="float32"))


class MeanOfBatches(MeanGap):
    def update_state(self, labels, scores, sample_weight=None):
        gaps = self.gaps(labels, scores)
        weights = self.weights(sample_weight, gaps)
        self.total.assign_add(ops.sum(gaps * weights) / ops.sum(weights))
        self.count.assign_add(1.0)


class IgnoresWeights(MeanGap):
    def weights(self, sample_weight, gaps):
        return ops.ones_like(gaps)


class CountsOnlyWhetherWeighted(MeanGap):
    def weights(self, sample_weight, gaps):
        return ops.cast(super().weights(sample_weight, gaps) > 0, "float32")


class ReadsTheFirstRowExactly(MeanGap):
    @staticmethod
    def exact(labels, scores):
        return float(scores[0])


class ReadsQueriesWithoutExact(MeanGap):
    reads_queries = True


class ReadsTheFirstQuery(MeanGap):
    reads_queries = True

    @staticmethod
    def exact(labels, scores, queries):
        return float(queries[0])


class CountsInNumpy(MeanGap):
    def gaps(self, labels, scores):
        return ops.convert_to_tensor(np.abs(np.array(scores)[:, 0] - np.array(labels)[:, 0]))


class ForgetsAnArgument(MeanGap):
    def __init__(self, name="mean_gap", dtype=None, power=1):
        super().__init__(name=name, dtype=dtype)
        self.power = power


class SavesAnotherPower(ForgetsAnArgument):
    """Its configuration is equal and measures something else."""

    def gaps(self, labels, scores):
        return super().gaps(labels, scores) ** self.power

    def get_config(self):
        return {**super().get_config(), "power": 1}


def test_a_metric_that_is_written_out_passes(register):
    check_metric(register(METRICS, MeanGap), labels=[1, 3, 5])


@pytest.mark.parametrize(
    ("cls", "clause", "found"),
    [
        (SaysNothing, "direction", "does not say whether a higher value is better"),
        (KeepsItsName, "name", 'it is called "mean_gap"'),
        (GivesTwoNumbers, "shapes", r"the shape \(2,\)"),
        (KeepsTheCount, "reset", "The result after a reset differs"),
        (WeighsEarlyRowsMore, "rows", "backwards differs"),
        (MeanOfBatches, "rows", "a batch of 5 rows and one of the rest differs"),
        (IgnoresWeights, "weights", "with some weights of 0 differs"),
        (CountsOnlyWhetherWeighted, "weights", "with some weights of 2 differs"),
        (ReadsTheFirstRowExactly, "exact", "exact of the rows backwards differs"),
        (ReadsQueriesWithoutExact, "exact", "reads queries and has no exact"),
        (ReadsTheFirstQuery, "exact", "exact of the rows backwards differs"),
        (ForgetsAnArgument, "configuration", "get_config leaves out power"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_each_clause_catches_what_breaks_it(register, cls, clause, found):
    register(METRICS, cls)
    with pytest.raises(ContractError, match=found) as caught:
        check_metric(cls, labels=[1, 3, 5], clause=clause)
    assert caught.value.found.startswith(f'{cls.__name__} breaks the clause "{clause}"')


def test_saving_catches_a_configuration_that_measures_something_else(register):
    register(METRICS, SavesAnotherPower)
    with pytest.raises(ContractError, match='the clause "saving": What a loaded metric measures'):
        check_metric(lambda: SavesAnotherPower(power=2), labels=[1, 3, 5])


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch runs Python in every step")
def test_compilation_catches_numpy(register):
    register(METRICS, CountsInNumpy)
    with pytest.raises(ContractError, match='CountsInNumpy breaks the clause "compilation"'):
        check_metric(CountsInNumpy, labels=[1, 3, 5], clause="compilation")


def test_a_metric_that_is_not_registered_is_refused():
    with pytest.raises(ContractError, match="No metric of that class is registered"):
        check_metric(MeanGap)


def test_what_makes_no_new_metric_is_refused():
    with pytest.raises(ModelError, match="which makes"):
        check_metric(lambda: "a metric")


@pytest.mark.parametrize("labels", [(), (1.0,), (2.0, 2.0)])
def test_labels_that_do_not_differ_are_refused(labels):
    with pytest.raises(ModelError, match="was given the labels"):
        check_metric(MeanGap, labels=labels)


def test_rows_have_every_label_and_scores_within_them():
    rows, scores = example_rows([1, 3, 5])
    assert sorted(set(rows.tolist())) == [1.0, 3.0, 5.0]
    assert 1.0 <= scores.min() < scores.max() <= 5.0

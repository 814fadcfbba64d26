"""What is refused before a training is spread, on any backend."""

import keras
import pyarrow as pa
import pyarrow.parquet
import pytest
from shop import make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.errors import DataError, ModelError, RunError
from mtframework.training.distribution import processes, spread_training
from mtframework.training.distribution.processes import join
from mtframework.training.distribution.spread_training import (
    check_begin,
    check_processes,
    check_writer,
)


class Shop(mtf.DatasetSource):
    schema = make_shop().schema

    def load(self, progress=None):
        return make_shop()


def experiment(distribution=None, towers=None) -> mtf.Experiment:
    model = mtf.MultiTaskModel(towers or make_towers(), make_tasks())
    return mtf.Experiment(Shop(), model, keras.optimizers.Adam(), distribution=distribution)


@pytest.fixture
def in_two(monkeypatch):
    """Makes this process the second one of two."""
    for module in (processes, spread_training):
        monkeypatch.setattr(module, "num_processes", lambda: 2)
        monkeypatch.setattr(module, "process_id", lambda: 1)
        monkeypatch.setattr(module, "is_first", lambda: False)
    return monkeypatch


def set_environment(monkeypatch, addresses="", number="", process="") -> None:
    given = {"JOB_ADDRESSES": addresses, "NUM_PROCESSES": number, "PROCESS_ID": process}
    for name, value in given.items():
        monkeypatch.setenv(f"KERAS_DISTRIBUTION_{name}", value)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"tables": "row"}, "A Distribution has tables = 'row'"),
        ({"min_rows": 0}, "A Distribution has min_rows = 0"),
        ({"min_rows": 2.5}, r"A Distribution has min_rows = 2\.5"),
    ],
)
def test_arguments_out_of_their_range(arguments, found):
    with pytest.raises(ModelError, match=found):
        mtf.Distribution(**arguments)


def test_an_experiment_takes_an_object():
    with pytest.raises(ModelError, match=r"distribution[\s\S]*@Distribution\(\) in Gin"):
        experiment(mtf.Distribution)


def test_another_backend_is_one_error():
    found = "Experiment.distribution is set, and Keras runs on tensorflow"
    with pytest.raises(ModelError, match=found):
        mtf.train(experiment(mtf.Distribution()))


def test_several_processes_without_a_distribution_would_each_train_alone(monkeypatch):
    set_environment(monkeypatch, "localhost:1", "2", "0")
    with pytest.raises(RunError, match="speak of several processes, and the experiment has no"):
        mtf.train(experiment())


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("", "2", "0"), "JOB_ADDRESSES=, KERAS_DISTRIBUTION_NUM_PROCESSES=2"),
        (("host:1", "two", "0"), "NUM_PROCESSES=two"),
        (("host:1", "2", ""), "PROCESS_ID=.$|PROCESS_ID=\\."),
        (("host:1", "2", "2"), "PROCESS_ID=2: the numbers of processes start at 0"),
    ],
)
def test_what_the_environment_lacks_is_named(monkeypatch, values, found):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    set_environment(monkeypatch, *values)
    with pytest.raises(RunError, match=found):
        join()


def test_several_processes_of_another_backend_are_refused(monkeypatch):
    set_environment(monkeypatch, "host:1", "2", "0")
    with pytest.raises(RunError, match="NUM_PROCESSES is 2, and Keras runs on tensorflow"):
        join()


def test_one_process_need_not_join(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    set_environment(monkeypatch, "", "1", "")
    join()


def test_what_several_processes_lack_so_far_is_refused(in_two, tmp_path):
    with pytest.raises(RunError, match="A training is resumed by 2 processes"):
        check_begin(True, False, None)
    with pytest.raises(RunError, match="finished model has several processes"):
        check_begin(False, True, mtf.Distribution())
    with pytest.raises(RunError, match="process 1 has a run to write to"):
        check_writer(mtf.Run.create(tmp_path / "run"))


def test_tables_by_rows_do_not_begin_with_a_finished_model():
    with pytest.raises(RunError, match=r'tables = "rows"'):
        check_begin(False, True, mtf.Distribution(tables="rows"))


def test_processes_with_other_data_are_told_apart(in_two):
    in_two.setattr(spread_training, "told_by_all", lambda own: [{"epochs": 2, "seed": 1}, own])
    check_processes(make_shop(), {"seed": 1, "epochs": 2})
    with pytest.raises(RunError, match=r"processes 0 and 1 differ in epochs, ids of shopper\."):
        check_processes(make_shop(), {"seed": 1, "epochs": 3, "ids of shopper": "ab"})


def test_streamed_rows_are_not_dealt_out_to_processes(in_two, tmp_path):
    rows = shop_rows(50, seed=1)
    table = pa.table({name: each.astype(str) for name, each in rows.items()})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    source = mtf.Tables(
        str(tmp_path / "rows.parquet"),
        columns={"shopper": "query key", "product": "candidate key", "bought": "label"},
        in_memory=False,
    )
    with pytest.raises(DataError, match="The rows are streamed, and there are 2 processes"):
        check_processes(source.load(), {})


def test_packed_histories_are_not_shared(monkeypatch):
    monkeypatch.setattr(mtf.Distribution, "spread", lambda self: None)
    towers = [
        mtf.SequenceTower("shopper", history="product", key="shopper", embedding_dim=8),
        make_towers()[1],
    ]
    with pytest.raises(ModelError, match="reads histories as sequences"):
        mtf.train(experiment(mtf.Distribution(), towers))

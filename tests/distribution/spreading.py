"""One training of test_spread_training.py, in a process of its own.

`python tests/distribution/spreading.py CASE START` trains a case as Keras's environment variables
and XLA_FLAGS say, and writes what came of it.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


if __name__ == "__main__":
    import distribution.without_others  # noqa: F401

import keras
import numpy as np

if __name__ == "__main__" and "KERAS_DISTRIBUTION_NUM_PROCESSES" in os.environ:
    keras.distribution.initialize()  # before anything is computed

from shop import SHOP_SCHEMA, make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.training.distribution.at_home import whole_value
from mtframework.training.variables import variables_of


class Shop(mtf.DatasetSource):
    """The shop with 97 validation rows, which no devices share evenly.

    Args:
        is_wide: Whether there are far more shoppers than a batch has rows: 1,600.
        is_judged: Whether there are validation rows.
    """

    schema = SHOP_SCHEMA

    def __init__(self, is_wide: bool, is_judged: bool):
        self.is_wide, self.is_judged = is_wide, is_judged

    def load(self, progress=None):
        train = shop_rows(1600 if self.is_wide else 400, seed=1)
        if self.is_wide:
            train["shopper"] = np.arange(1600)
        judged = {"validation": shop_rows(97, seed=3)} if self.is_judged else {}
        return make_shop(train=train, **judged)


def rating() -> mtf.Task:
    return mtf.Ranking("rating", label="stars", sample_weight="trust", hidden_units=[])


def plain(**changes) -> mtf.MultiTaskModel:
    """In-batch negatives with the logQ correction, beside weighted ratings with gaps."""
    find = mtf.Retrieval("find", query="shopper", candidate="product", **changes)
    return mtf.MultiTaskModel(make_towers(), [rating(), find])


def balanced(**changes) -> mtf.MultiTaskModel:
    """The experts and the gradient balancer see all rows of a batch."""
    tasks = [rating(), mtf.Retrieval("find", query="shopper", candidate="product")]
    changes = {"gradient_balancer": mtf.UnconflictingProjection(), **changes}
    return mtf.MultiTaskModel(make_towers(), tasks, sharing=mtf.MMoE(2, [8]), **changes)


def uncertain() -> mtf.MultiTaskModel:
    return balanced(
        loss_balancer=mtf.UncertaintyWeights(), gradient_balancer=mtf.ProjectConflicting()
    )


def catalogue() -> mtf.MultiTaskModel:
    return plain(negatives="catalogue")


def hard() -> mtf.MultiTaskModel:
    return plain(num_hard_negatives=5, remove_known_positives=True, training_top_k=[1, 5])


def counted() -> mtf.MultiTaskModel:
    return plain(remove_accidental_hits=True, training_top_k=[1, 5])


def uniform() -> mtf.MultiTaskModel:
    return plain(num_uniform_negatives=16)


def dropout() -> mtf.MultiTaskModel:
    towers = [mtf.Tower(name, [name], embedding_dim=8, dropout=0.3) for name in NAMES]
    return mtf.MultiTaskModel(towers, make_tasks())


def history() -> mtf.MultiTaskModel:
    shopper = mtf.HistoryTower("shopper", history="product", key="shopper", embedding_dim=8)
    return mtf.MultiTaskModel([shopper, make_towers()[1]], make_tasks())


def endless() -> mtf.MultiTaskModel:
    """A model that compiles fast, to be killed while it trains."""
    return mtf.MultiTaskModel(make_towers(), [rating()])


NAMES = ("shopper", "product")
MODELS = (
    plain,
    balanced,
    uncertain,
    catalogue,
    hard,
    counted,
    uniform,
    dropout,
    history,
    endless,
)
CASES = {each.__name__: each for each in MODELS}


def experiment_of(case: str) -> mtf.Experiment:
    """Returns a case: its name, and behind plus signs what else is asked for."""
    name, *others = case.split("+")
    distribution = None
    if "spread" in others:
        distribution = mtf.Distribution()
    if "rows" in others:
        distribution = mtf.Distribution(tables="rows", min_rows=1000 if "wide" in others else 8)
    tables = mtf.EmbeddingOptimizer(dense_up_to=1000) if "row_wise" in others else None
    stopping = None
    if "stopping" in others:
        stopping = mtf.EarlyStopping({"rating/rmse": -1.0, "find/top_5": 1.0}, patience=1)
    return mtf.Experiment(
        Shop("wide" in others, "judged" in others),
        CASES[name](),
        keras.optimizers.Adam(0.01),
        batch_size=64 if "tails" in others else 100,
        epochs=100_000 if name == "endless" else 2,
        seed=5,
        early_stopping=stopping,
        embedding_optimizer=tables,
        distribution=distribution,
    )


class Tell(keras.callbacks.Callback):
    """Says on standard output that steps are made."""

    only_shows = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 20:
            print("under way", flush=True)


class Record(keras.callbacks.Callback):
    """Notes all variables down as the training ends, and where their parts lie."""

    only_shows = True

    def __init__(self, wants_text: bool):
        super().__init__()
        self.wants_text = wants_text
        self.values, self.shares, self.text = {}, {}, ""

    def on_train_end(self, logs=None):
        for number, variable in enumerate(variables_of(self.model)):
            name = f"{number} {variable.path.split('/', 1)[-1]}"
            value = variable.value
            self.values[name] = whole_value(variable)
            self.shares[name] = [value.shape, value.addressable_shards[0].data.shape]
        if self.wants_text:
            self.text = compiled(self.model)


def compiled(model) -> str:
    """Returns the training step as XLA compiles it for the devices."""
    import jax
    from keras.src.backend.jax.trainer import _distribute_data

    columns = make_shop().encoded_split("test", model.vocabularies)
    batches = mtf.Batches(
        columns, model.feature_columns, model.label_columns, model.sample_weight_columns, 100
    )
    state = model._get_jax_state(True, True, True, True)
    shares = (None, model._get_state_sharding_spec())
    step = jax.jit(model.train_step, out_shardings=shares)
    return step.lower(state, _distribute_data(batches[0])).compile().as_text()


def main(case: str, start: str) -> None:
    """Trains a case; what came of it goes to `START-PROCESS-of-PROCESSES` with an ending."""
    process, processes = (
        int(os.environ.get(f"KERAS_DISTRIBUTION_{name}", default))
        for name, default in (("PROCESS_ID", "0"), ("NUM_PROCESSES", "1"))
    )
    file = f"{start}-{process}-of-{processes}"
    experiment = experiment_of(case)
    record = Record("text" in case.split("+"))
    run = mtf.Run.create(file) if process == 0 else None
    trained = mtf.train(experiment, run, [record, Tell()])
    arrays = {f"variable {name}": value for name, value in record.values.items()}
    arrays |= {f"history {name}": np.array(each) for name, each in trained.history.items()}
    arrays |= {f"end {each.path}": np.asarray(each) for each in trained.model.weights}
    np.savez(f"{file}.npz", **arrays)
    noted = {"shares": record.shares, "text": record.text}
    Path(f"{file}.json").write_text(json.dumps(noted))


if __name__ == "__main__":
    main(*sys.argv[1:])

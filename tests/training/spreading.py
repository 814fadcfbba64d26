"""One training of the matrix of test_spread_training.py, in a process of its own.

`python tests/training/spreading.py CASE FILE` trains a case as Keras's environment variables and
XLA_FLAGS say, and writes what came of it.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


class WithoutTensorFlow:
    """Refuses an import that takes seconds, which Keras tries on JAX as well."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ImportError(f"{name} is not to be had here")


if __name__ == "__main__":
    sys.meta_path.insert(0, WithoutTensorFlow())

import keras
import numpy as np

if __name__ == "__main__" and "KERAS_DISTRIBUTION_NUM_PROCESSES" in os.environ:
    keras.distribution.initialize()

from shop import SHOP_SCHEMA, make_shop, make_tasks, make_towers, shop_rows

import mtframework as mtf
from mtframework.training.distribution.at_home import whole_value
from mtframework.training.variables import variables_of


class Shop(mtf.DatasetSource):
    """The shop with 97 validation rows, which four devices do not share evenly.

    Args:
        is_wide: Whether there are far more shoppers than a batch has rows: 1,601.
    """

    schema = SHOP_SCHEMA

    def __init__(self, is_wide: bool):
        self.is_wide = is_wide

    def load(self, progress=None):
        shop = make_shop(validation=shop_rows(97, seed=3))
        if not self.is_wide:
            return shop
        train = shop_rows(1600, seed=1)
        return make_shop(train={**train, "shopper": np.arange(1600)})


def plain(**changes):
    return mtf.MultiTaskModel(make_towers(), make_tasks(), **changes)


def balanced():
    return plain(
        sharing=mtf.MMoE(2, [8]),
        loss_balancer=mtf.UncertaintyWeights(),
        gradient_balancer=mtf.UnconflictingProjection(),
    )


def conflicts():
    return plain(sharing=mtf.MMoE(2, [8]), gradient_balancer=mtf.ProjectConflicting())


def catalogue():
    return retrieval(negatives="catalogue")


def hard():
    return retrieval(num_hard_negatives=5, remove_known_positives=True, training_top_k=[1, 5])


def uniform():
    return retrieval(num_uniform_negatives=16)


def retrieval(**changes):
    rating, find, buy = make_tasks()
    find = mtf.Retrieval("find", query="shopper", candidate="product", **changes)
    return mtf.MultiTaskModel(make_towers(), [rating, find, buy])


def dropout():
    towers = [mtf.Tower(name, [name], embedding_dim=8, dropout=0.3) for name in NAMES]
    return mtf.MultiTaskModel(towers, make_tasks())


def history():
    shopper = mtf.HistoryTower("shopper", ["shopper"], embedding_dim=8, history="product")
    return mtf.MultiTaskModel([shopper, make_towers()[1]], make_tasks())


NAMES = ("shopper", "product")
CASES = {each.__name__: each for each in (plain, balanced, conflicts, catalogue, hard, uniform)}
CASES |= {each.__name__: each for each in (dropout,)}
EPOCHS = 3


def experiment_of(case: str) -> mtf.Experiment:
    """Returns a case: its name, and behind a plus sign what else is asked for."""
    name, *others = case.split("+")
    distribution = None
    if "spread" in others:
        distribution = mtf.Distribution()
    if "rows" in others:
        distribution = mtf.Distribution(tables="rows", min_rows=8)
    tables = mtf.EmbeddingOptimizer(dense_up_to=0) if "row_wise" in others else None
    stopping = None
    if "stopping" in others:
        stopping = mtf.EarlyStopping({"rating/rmse": -1.0, "find/top_5": 1.0}, patience=1)
    return mtf.Experiment(
        Shop("wide" in others),
        CASES[name](),
        keras.optimizers.Adagrad(0.3) if tables else keras.optimizers.Adam(0.01),
        batch_size=64,
        epochs=EPOCHS,
        seed=5,
        early_stopping=stopping,
        embedding_optimizer=tables,
        distribution=distribution,
    )


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
        columns, model.feature_columns, model.label_columns, model.sample_weight_columns, 64
    )
    state = model._get_jax_state(True, True, True, True)
    shares = (None, model._get_state_sharding_spec())
    step = jax.jit(model.train_step, out_shardings=shares)
    return step.lower(state, _distribute_data(batches[0])).compile().as_text()


def main(case: str, file: str) -> None:
    experiment = experiment_of(case)
    record = Record("text" in case.split("+"))
    folder = Path(file).with_suffix("")
    is_first = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0") == "0"
    run = mtf.Run.create(folder) if is_first else None
    trained = mtf.train(experiment, run, [record])
    arrays = {f"variable {name}": value for name, value in record.values.items()}
    arrays |= {f"history {name}": np.array(each) for name, each in trained.history.items()}
    arrays |= {f"end {each.path}": np.asarray(each) for each in trained.model.weights}
    np.savez(file, **arrays)
    shown = {"shares": record.shares, "text": record.text, "epoch": trained.epoch}
    Path(file).with_suffix(".json").write_text(json.dumps(shown))


if __name__ == "__main__":
    main(*sys.argv[1:])

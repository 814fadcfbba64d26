"""One part of every kind from one plugin file: nothing else is touched to use them."""

import pytest

from mtframework import config
from mtframework.registry import REGISTRIES, load_builtin_parts

PLUGIN = '''
"""A part of every kind."""

import keras
import numpy as np
from keras import ops

import mtframework as mtf

@mtf.register_dataset("plugin_visits")
class PluginVisits(mtf.DatasetSource):
    """Visitors and pages."""

    schema = mtf.Schema(
        (
            mtf.Column("visitor", "categorical", "query"),
            mtf.Column("age", "numeric", "query"),
            mtf.Column("page", "categorical", "candidate"),
            mtf.Column("seconds", "numeric", "label"),
            mtf.Column("liked", "numeric", "label"),
        ),
        query_key="visitor",
        candidate_key="page",
    )

    def load(self, progress=None):
        def rows(seed):
            draw = np.random.default_rng(seed)
            return {
                "visitor": draw.integers(0, 9, 64).astype(str),
                "age": draw.normal(40, 9, 64),
                "page": draw.integers(0, 7, 64).astype(str),
                "seconds": draw.exponential(9.0, 64),
                "liked": draw.integers(0, 2, 64).astype(float),
            }
        pages = {"page": np.arange(7).astype(str)}
        return mtf.Dataset(self.schema, rows(1), rows(2), pages, rows_in_order=True)

@mtf.register_feature("plugin_rooted")
class PluginRooted(mtf.Feature):
    """The root of a number."""

    reads = ("numeric",)

    def build(self, num_ids, embedding_dim):
        self.units = 1

    def call(self, values):
        return ops.expand_dims(ops.sqrt(ops.abs(values)), -1)

@mtf.register_tower("plugin_table")
class PluginTable(mtf.BaseTower):
    """A row of a table."""

    def __init__(self, name=None, key="page", embedding_dim=4):
        super().__init__(name=name)
        self.key, self.embedding_dim = key, embedding_dim

    @property
    def columns(self):
        return (self.key,)

    def build(self, num_ids):
        self.table = self.add_weight((num_ids[self.key], self.embedding_dim), name="table")

    def call(self, features, training=None):
        return ops.take(self.table, features[self.key], axis=0)

    def get_config(self):
        return {"name": self.name, "key": self.key, "embedding_dim": self.embedding_dim}

@mtf.register_encoder("plugin_latest")
class PluginLatest(mtf.Encoder):
    """The last event alone."""

    def build(self, dim, max_length):
        self.scale = self.add_weight((dim,), "ones", name="scale")

    def call(self, events, starts, times=None, training=None):
        return events * ops.cast(self.scale, events.dtype)

@mtf.register_task("plugin_logarithm")
class PluginLogarithm(mtf.Task):
    """The logarithm of a positive number."""

    def __init__(self, name=None, label=None, loss_weight=1.0, sample_weight=None,
                 missing_label=None):
        super().__init__(name, label, loss_weight, sample_weight, missing_label)
        self.head = mtf.dense_head([4])

    def build(self, input_shape):
        self.head.build((None, 4))

    def call(self, inputs, training=None):
        return ops.squeeze(self.head(inputs["representation"]), -1)

    def example_losses(self, labels, predictions, inputs):
        return ops.square(ops.log1p(labels) - ops.cast(predictions, "float32"))

@mtf.register_metric("plugin_near")
class PluginNear(keras.metrics.BinaryAccuracy):
    """The share of probabilities on the right side of 0.4."""

    higher_is_better = True

    def __init__(self, name="plugin_near", dtype=None):
        super().__init__(name=name, dtype=dtype, threshold=0.4)

@mtf.register_sharing("plugin_mean")
class PluginMean(mtf.Sharing):
    """One dense layer for all."""

    output_units = 4

    def build(self, input_shape):
        units = next(iter(input_shape.values()))[-1]
        self.kernel = self.add_weight((units, 4), name="kernel")

    def represent(self, representation, tasks, training=None):
        made = ops.matmul(representation, self.kernel)
        return {task: made for task in tasks}

@mtf.register_loss_balancer("plugin_half")
class PluginHalf(mtf.LossBalancer):
    """Half of the sum."""

    def balance(self, losses, present, training):
        return ops.sum(losses) / 2, ops.ones_like(losses) / 2

@mtf.register_gradient_balancer("plugin_thirds")
class PluginThirds(mtf.GradientBalancer):
    """A third of each gradient."""

    def weigh(self, gram, state=None, prepared=None):
        return ops.ones_like(gram[0]) / 3, state
'''

EXPERIMENT = """
Experiment.dataset = @PluginVisits()
Experiment.model = @MultiTaskModel()
Experiment.optimizer = @Adam()
Experiment.batch_size = 16
Experiment.epochs = 1
Adam.learning_rate = 0.01
MultiTaskModel.towers = [@visitor/Tower(), @page/PluginTable(), @past/SequenceTower()]
past/SequenceTower.history = 'page'
past/SequenceTower.key = 'visitor'
past/SequenceTower.encoder = @PluginLatest()
past/SequenceTower.embedding_dim = 4
MultiTaskModel.tasks = [@stay/PluginLogarithm(), @like/BinaryFeedback()]
MultiTaskModel.sharing = @PluginMean()
MultiTaskModel.loss_balancer = @PluginHalf()
MultiTaskModel.gradient_balancer = @PluginThirds()
Tower.embedding_dim = 4
visitor/Tower.features = ['visitor', @PluginRooted()]
PluginRooted.column = 'age'
page/PluginTable.key = 'page'
stay/PluginLogarithm.label = 'seconds'
like/BinaryFeedback.label = 'liked'
like/BinaryFeedback.metrics = ['plugin_near']
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The plugin and an experiment that names all of its parts, which are forgotten afterwards."""
    load_builtin_parts()
    for registry in REGISTRIES.values():
        monkeypatch.setattr(registry, "_parts", dict(registry._parts))
    (tmp_path / "one_of_each_plugin.py").write_text(PLUGIN)
    (tmp_path / "visits.gin").write_text(EXPERIMENT)
    return tmp_path


def test_a_part_of_every_kind_from_a_plugin_is_checked_trained_saved_and_used(folder):
    from mtframework import Run, train

    plugin = str(folder / "one_of_each_plugin.py")
    loaded = config.load(folder / "visits.gin", (), [plugin])
    assert [str(finding) for finding in loaded.check() if finding.is_error] == []
    for kind, registry in REGISTRIES.items():
        names = [part.name for part in registry if part.name.startswith("plugin_")]
        assert len(names) == 1, f"{kind}: {names}"
    trained = train(loaded.build(), Run.create(folder / "run"))
    assert trained.metrics["loss"] > 0
    assert 0 <= trained.metrics["like/plugin_near"] <= 1
    model = Run.open(folder / "run").load_model()
    best = model.recommend({"visitor": ["3"], "age": [41.0]}, k=2, task="stay", exclude_seen=False)
    assert set(best["page"][0]) < set(map(str, range(7)))

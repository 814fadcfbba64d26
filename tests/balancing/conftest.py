"""What the tests of balancing share."""

import keras
import numpy as np
import pytest

# torchjd needs torch; its committed results are compared on every backend.
collect_ignore = [] if keras.backend.backend() == "torch" else ["test_torchjd.py"]


@keras.saving.register_keras_serializable(package="balancing_tests")
class Toy(keras.Model):
    """A linear shared layer and one linear head a task; task i's loss is a mean square.

    Args:
        junction: What sits between, or None.
        task_names: The tasks.
        loss_balancer: What combines the losses; the sum by default.
    """

    def __init__(self, junction, task_names=("a", "b", "c"), loss_balancer=None):
        super().__init__()
        self.task_names = tuple(task_names)
        self.shared = keras.layers.Dense(4, use_bias=False)
        self.junction = junction
        self.heads = {name: keras.layers.Dense(1, use_bias=False) for name in task_names}
        self.loss_balancer = loss_balancer
        if loss_balancer is not None:
            loss_balancer.build(task_names)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "junction": self.junction and serialize(self.junction),
            "task_names": list(self.task_names),
            "loss_balancer": self.loss_balancer and serialize(self.loss_balancer),
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        for part in ("junction", "loss_balancer"):
            config[part] = config[part] and deserialize(config[part])
        return cls(**config)

    def build(self, input_shape):
        self.shared.build(input_shape)
        if self.junction is not None:
            self.junction.build((None, 4))
        for head in self.heads.values():
            head.build((None, 4))

    def call(self, inputs, training=None):
        shared = self.shared(inputs)
        copies = dict.fromkeys(self.task_names, shared)
        if self.junction is not None:
            copies = self.junction(shared, training=training)
        return {name: head(copies[name]) for name, head in self.heads.items()}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """NaN labels are missing; a task without labels has loss 0 and is absent."""
        losses, present = {}, {}
        for index, name in enumerate(self.task_names):
            label = keras.ops.cast(y[:, index], "float32")
            valid = keras.ops.logical_not(keras.ops.isnan(label))
            count = keras.ops.sum(keras.ops.cast(valid, "float32"))
            label = keras.ops.where(valid, label, keras.ops.zeros_like(label))
            error = keras.ops.cast(y_pred[name][:, 0], "float32") - label
            error = keras.ops.where(valid, error, keras.ops.zeros_like(error))
            square = keras.ops.sum(keras.ops.square(error))
            losses[name] = square / keras.ops.maximum(count, 1.0)
            present[name] = count > 0
        if self.loss_balancer is None:
            total = sum(losses.values())
        else:
            total = self.loss_balancer(losses, present, training=training)
        if training and self.junction is not None:
            total = total + self.junction.observe(losses, present)
        return total


@pytest.fixture
def toy():
    """The class of the toy model."""
    return Toy


@pytest.fixture
def rows():
    """Features `[24, 3]` and labels `[24, 3]` of the toy model."""
    draw = np.random.default_rng(3)
    return draw.normal(size=(24, 3)).astype("float32"), draw.normal(size=(24, 3)).astype("float32")


def shared_gradients(model, features, labels):
    """The gradients `[num_tasks, batch, 4]` at the toy's shared layer, by their formula."""
    shared = features @ np.asarray(model.shared.get_weights()[0], "float64")
    gradients = []
    for index, name in enumerate(model.task_names):
        head = np.asarray(model.heads[name].get_weights()[0], "float64")
        error = (shared @ head)[:, 0] - labels[:, index]
        error = np.where(np.isnan(error), 0.0, error)
        count = max((~np.isnan(labels[:, index])).sum(), 1)
        gradients.append(2.0 / count * error[:, None] * head[:, 0])
    return np.stack(gradients)


@pytest.fixture(name="shared_gradients")
def _shared_gradients():
    return shared_gradients

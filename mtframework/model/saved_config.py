"""A model as a configuration of its parts."""

from collections.abc import Mapping
from typing import Any

import keras

from mtframework.part import kept_config, part_of_config


def config_of(model) -> dict[str, Any]:
    """Returns what `model_of` makes the same model from; weights and assets are apart."""
    serialize = keras.saving.serialize_keras_object
    return {
        "towers": [serialize(tower) for tower in model.towers.values()],
        "tasks": [serialize(task) for task in model.tasks.values()],
        "sharing": model.sharing and serialize(model.sharing),
        "loss_balancer": serialize(model.loss_balancer),
        "gradient_balancer": model.gradient_balancer and serialize(model.gradient_balancer),
        "name": model.name,
        **kept_config(model),
    }


def model_of(cls: type, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """Returns a model of a configuration.

    Args:
        cls: The model's class.
        config: What `config_of` returned.
        custom_objects: Classes by name, as Keras takes them.
    """

    def made(part: Any) -> Any:
        return part and keras.saving.deserialize_keras_object(part, custom_objects)

    parts = {
        name: [made(part) for part in config[name]]
        if name in ("towers", "tasks")
        else made(config[name])
        for name in ("towers", "tasks", "sharing", "loss_balancer", "gradient_balancer")
    }
    return part_of_config(cls, {**config, **parts})

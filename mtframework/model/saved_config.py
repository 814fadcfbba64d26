"""A model as a configuration: its parts, their dtype policies, and which of them are frozen."""

from collections.abc import Mapping
from typing import Any

import keras


def config_of(model) -> dict[str, Any]:
    """Returns what `model_of` makes the same model from; weights and assets are apart."""
    serialize = keras.saving.serialize_keras_object
    layers = layers_by_path(model)
    return {
        "towers": [serialize(tower) for tower in model.towers.values()],
        "tasks": [serialize(task) for task in model.tasks.values()],
        "sharing": model.sharing and serialize(model.sharing),
        "loss_balancer": serialize(model.loss_balancer),
        "gradient_balancer": model.gradient_balancer and serialize(model.gradient_balancer),
        "name": model.name,
        "policies": {path: serialize(part.dtype_policy) for path, part in layers.items()},
        "frozen": [path for path, part in layers.items() if not part.trainable],
    }


def model_of(cls: type, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """Returns a model of a configuration.

    Args:
        cls: The model's class.
        config: What `config_of` returned.
        custom_objects: Classes by name, as Keras takes them.
    """
    config = dict(config)
    policies, frozen = config.pop("policies", {}), config.pop("frozen", [])

    def made(path: str, part: Any) -> Any:
        with PolicyScope(policies.get(path)):  # of its inner layers, too
            return keras.saving.deserialize_keras_object(part, custom_objects)

    for parts in ("towers", "tasks"):
        config[parts] = [made(f"{parts}/{part['config']['name']}", part) for part in config[parts]]
    for part in ("sharing", "loss_balancer", "gradient_balancer"):
        if config[part] is not None:
            config[part] = made(part, config[part])
    with PolicyScope(policies.get("")):
        model = cls(**config)
    for path in frozen:
        layers_by_path(model)[path].trainable = False
    return model


def layers_by_path(model) -> dict[str, keras.layers.Layer]:
    """Returns the model itself, by an empty path, and its parts that are layers."""
    layers: dict[str, Any] = {"": model, "sharing": model.sharing}
    layers |= {"loss_balancer": model.loss_balancer, "gradient_balancer": model.gradient_balancer}
    layers |= {f"towers/{name}": tower for name, tower in model.towers.items()}
    layers |= {f"tasks/{name}": task for name, task in model.tasks.items()}
    return {path: each for path, each in layers.items() if isinstance(each, keras.layers.Layer)}


class PolicyScope:
    """Makes layers under a dtype policy, and puts the global one back.

    Args:
        policy: The serialized policy, or None for the global one.
    """

    def __init__(self, policy: Any):
        self.policy = policy

    def __enter__(self) -> None:
        self._global = keras.config.dtype_policy()
        if self.policy is not None:
            keras.config.set_dtype_policy(keras.dtype_policies.deserialize(self.policy))

    def __exit__(self, *_: Any) -> None:
        keras.config.set_dtype_policy(self._global)

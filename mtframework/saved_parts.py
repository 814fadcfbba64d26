"""What every part keeps of itself in its configuration: its dtype policy, and whether it trains."""

from collections.abc import Mapping
from typing import Any

import keras

KEPT = ("trainable", "dtype")
"""The names of what `kept_config` returns."""


def kept_config(part: keras.layers.Layer) -> dict[str, Any]:
    """Returns what a part's configuration holds beside its own arguments.

    The constructors of parts do not take them, since their inner layers must have them as well;
    `part_of_config` sees to that.

    Args:
        part: A task, tower, feature, sharing layer or balancer.
    """
    policy = keras.saving.serialize_keras_object(part.dtype_policy)
    return {"trainable": part.trainable, "dtype": policy}


def part_of_config(cls: type, config: Mapping[str, Any]) -> Any:
    """Returns a part of a configuration: its inner layers compute as it did, or stay frozen.

    Args:
        cls: The part's class.
        config: The arguments of its constructor, and perhaps what `kept_config` returned.

    Example:

    >>> import mtframework as mtf
    >>> tower = mtf.Tower("user", ["user_id"])
    >>> tower.trainable = False
    >>> part_of_config(mtf.Tower, tower.get_config()).trainable
    False
    """
    arguments = {name: value for name, value in config.items() if name not in KEPT}
    with PolicyScope(config.get("dtype")):
        part = cls(**arguments)
    if not config.get("trainable", True):
        part.trainable = False
    return part


class PolicyScope:
    """Makes layers under a dtype policy, and puts the global one back.

    Args:
        policy: The policy, serialized or by name, or None for the global one.
    """

    def __init__(self, policy: Any):
        self.policy = policy

    def __enter__(self) -> None:
        self._global = keras.config.dtype_policy()
        if self.policy is not None:
            keras.config.set_dtype_policy(keras.dtype_policies.get(self.policy))

    def __exit__(self, *_: Any) -> None:
        keras.config.set_dtype_policy(self._global)

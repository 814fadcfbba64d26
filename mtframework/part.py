"""What every part of a model is: a layer that keeps its dtype policy, and whether it trains."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras

from mtframework.arguments import wrong_argument

Policy = str | keras.DTypePolicy | None
"""A dtype policy, its name, or None for the global one."""

KEPT = ("trainable", "dtype")
"""The names of what `kept_config` returns."""


class Part(keras.layers.Layer):
    """A tower, feature, encoder, task, sharing layer or balancer.

    What a subclass makes in `build` computes under the part's policy by itself. To the layers that
    it makes in its constructor, it passes `dtype=self.dtype_policy` on.

    Args:
        name: The part's name.
        dtype: In which dtype it computes: the name of a policy, such as `"mixed_bfloat16"`, or a
            policy. None for `keras.config.dtype_policy()`.

    Example:

    >>> import mtframework as mtf
    >>> tower = mtf.Tower("user", ["user_id"], dtype="mixed_bfloat16")
    >>> tower.build({"user_id": 5})
    >>> keras.backend.standardize_dtype(tower({"user_id": np.array([1, 2])}).dtype)
    'bfloat16'
    """

    def __init__(self, name: str | None = None, dtype: Policy = None):
        super().__init__(name=name, dtype=_checked(type(self).__name__, dtype))
        self.build = self._under_policy(self.build)

    def _under_policy(self, build: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(build)
        def build_under_policy(*args: Any, **kwargs: Any) -> None:
            with PolicyScope(self.dtype_policy):
                build(*args, **kwargs)

        return build_under_policy

    def get_config(self):
        return {"name": self.name, **kept_config(self)}

    @classmethod
    def from_config(cls, config):
        return part_of_config(cls, config)

    def get_build_config(self) -> dict[str, Any] | None:
        return None  # the model or the part that holds it builds it


def kept_config(part: keras.layers.Layer) -> dict[str, Any]:
    """Returns what a part's configuration holds beside its own arguments.

    Args:
        part: A part, or a model of parts.
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


def _checked(owner: str, dtype: Policy) -> keras.DTypePolicy:
    try:
        policy = keras.dtype_policies.get(dtype)
    except (TypeError, ValueError):
        policy = None
    if policy is None or "float" not in policy.name:
        expected = "The name of a dtype policy, such as 'mixed_bfloat16', or None."
        raise wrong_argument(f"A {owner}", "dtype", dtype, expected, place=owner)
    return policy

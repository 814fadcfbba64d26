"""A model that is spread, on one device meanwhile or for good."""

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from mtframework.embeddings.spread import RowLayout, Spread, layout_of
from mtframework.training.variables import variables_of


def lay_out(model: keras.Model, spread: Spread) -> None:
    """Spreads what was made before the distribution was in force: states, metrics, settings.

    Args:
        model: A compiled model whose optimizer is built.
        spread: The distribution.
    """
    for variable in variables_of(model):
        if layout_of(variable) is None:
            value = keras.ops.convert_to_numpy(variable)
            _any(variable)._layout = spread.get_variable_layout(variable)
            variable.assign(value)


@contextlib.contextmanager
def at_home(model: keras.Model) -> Iterator[None]:
    """Gives the model whole weights on one device of this process meanwhile, as without others.

    Each process must do it at the same time. Tables that are dealt out are gathered into the
    host's memory, and the model computes there.
    """
    if not isinstance(keras.distribution.distribution(), Spread):
        yield
        return
    variables = variables_of(model)
    before = [(each, each._value, each._layout, each._shape) for each in map(_any, variables)]
    spread = keras.distribution.distribution()
    try:
        bring_home(model)
        yield
    finally:
        keras.distribution.set_distribution(spread)
        for variable, value, layout, shape in before:
            variable._value, variable._layout, variable._shape = value, layout, shape


def bring_home(model: keras.Model) -> None:
    """Gives the model whole weights on one device of this process, for good."""
    variables = [_any(each) for each in variables_of(model)]
    for variable, value in zip(variables, _local(variables), strict=True):
        variable._value, variable._layout, variable._shape = value, None, tuple(value.shape)
    keras.distribution.set_distribution(None)


def _local(variables: Sequence[Any]) -> list[Any]:
    """Returns the variables' values on one device of this process, without what fills rows up."""
    if not any(isinstance(each._layout, RowLayout) for each in variables):
        return [each.value.addressable_shards[0].data for each in variables]
    jax = importlib.import_module("jax")
    host = jax.local_devices(backend="cpu")[0]
    return [jax.device_put(whole_value(each), host) for each in variables]


def whole_value(variable: keras.Variable) -> np.ndarray:
    """Returns all of a variable's numbers, whatever devices they are on; all processes must ask.

    Args:
        variable: A variable of a model that is spread.
    """
    value, layout = _any(variable).value, layout_of(variable)
    if not isinstance(layout, RowLayout):
        return np.asarray(value.addressable_shards[0].data)
    if not value.is_fully_addressable:
        value = importlib.import_module("jax.experimental.multihost_utils").process_allgather(
            value, tiled=True
        )
    return np.asarray(value)[: layout.num_rows]


def _any(variable: keras.Variable) -> Any:
    """Returns a variable whose private parts are read: Keras moves none that is made."""
    return variable

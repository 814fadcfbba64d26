"""Many small dense networks, run as one."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from mtframework.part import Policy


class ParallelNetworks(keras.layers.Layer):
    """Dense networks of equal sizes, each with weights of its own, one product for each layer.

        hidden[n] = relu(inputs · kernel[n] + bias[n])      [batch, units]

    Experts, gates and private towers are such networks. A loop over them would run many small
    products one after the other.

    Args:
        num_networks: How many.
        units: The sizes of each network's layers. At least one.
        activation: The Keras name of the activation of the last layer; None for none. The layers
            before it are ReLU layers.
        name: The layer's name.
        dtype: The dtype policy; None for Keras's global one.

    Example:

    >>> experts = ParallelNetworks(4, units=[16, 8])
    >>> tuple(experts(np.ones((2, 3), "float32")).shape)
    (2, 4, 8)
    """

    def __init__(
        self,
        num_networks: int,
        units: Sequence[int],
        activation: str | None = "relu",
        name: str | None = None,
        dtype: Policy = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_networks = num_networks
        self.units = tuple(units)
        self.activation_name = activation
        self.activations = [keras.activations.relu] * (len(self.units) - 1)
        self.activations.append(keras.activations.get(activation))
        self.kernels: list[keras.Variable] = []
        self.biases: list[keras.Variable] = []

    def build(self, input_shape):
        inputs = input_shape[-1]
        for number, units in enumerate(self.units):
            self.kernels.append(self._kernel(inputs, units, f"kernel_{number}"))
            self.biases.append(
                self.add_weight(
                    shape=(self.num_networks, units), initializer="zeros", name=f"bias_{number}"
                )
            )
            inputs = units

    def call(self, inputs, networks: Sequence[int] | None = None):
        """Returns what the networks make of the inputs, `[batch, networks, units]`.

        Args:
            inputs: `[batch, units]`, read by all; or `[batch, readers, units]`, where each of
                `readers` is read by equally many networks, the first by the first ones.
            networks: Which networks to run; None for all.
        """
        hidden = inputs
        for kernel, bias, activation in zip(
            self.kernels, self.biases, self.activations, strict=True
        ):
            hidden = _products(hidden, _rows(kernel, networks)) + _rows(bias, networks)
            hidden = activation(hidden)
        return hidden

    def get_config(self):
        return {
            "num_networks": self.num_networks,
            "units": list(self.units),
            "activation": self.activation_name,
            "name": self.name,
        }

    def _kernel(self, inputs: int, units: int, name: str):
        # Glorot's uniform bound for one network. Keras's own initialiser would take the leading
        # axis for that of a convolution and shrink the weights with the number of networks.
        limit = math.sqrt(6.0 / (inputs + units))
        return self.add_weight(
            shape=(self.num_networks, inputs, units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name=name,
        )


def _products(inputs, kernels):
    """`[batch, units]` or `[batch, readers, units]`, by `[networks, units, outputs]`."""
    if len(inputs.shape) == 2:
        return ops.einsum("bi,nio->bno", inputs, kernels)
    readers, (networks, units, outputs) = inputs.shape[1], kernels.shape
    if readers == networks:
        return ops.einsum("bni,nio->bno", inputs, kernels)
    kernels = ops.reshape(kernels, (readers, networks // readers, units, outputs))
    products = ops.einsum("bri,rnio->brno", inputs, kernels)
    return ops.reshape(products, (-1, networks, outputs))


def _rows(variable, networks: Sequence[int] | None):
    if networks is None:
        return ops.convert_to_tensor(variable)
    # Slices, since the gradient of a gather is sparse on TensorFlow.
    return ops.concatenate([variable[number : number + 1] for number in networks], axis=0)

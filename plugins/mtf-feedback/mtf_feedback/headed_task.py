"""A label and a dense head: what every task here has."""

from collections.abc import Sequence

import numpy as np

from mtframework import Task, dense_head, require_label
from mtframework.part import Policy


class HeadedTask(Task):
    """A task that learns a label, with dense layers over its representation. Abstract.

    Args:
        name: The task's name.
        label: The label's column.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        dtype: The dtype policy that it computes under; None for Keras's global one.
    """

    #: How many numbers the head gives for a row.
    num_outputs = 1

    #: Whether the head's last layer has biases.
    has_bias = True

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        dtype: Policy = None,
    ):
        super().__init__(name, label, loss_weight, sample_weight, missing_label, dtype)
        require_label(self)
        self.hidden_units = tuple(hidden_units)
        self.head = dense_head(
            self.hidden_units, self.num_outputs, self.has_bias, self.dtype_policy
        )

    def build(self, input_shape):
        self.head.build(input_shape["representation"])

    def start_at(self, outputs: Sequence[float]) -> None:
        """Sets the last layer's biases, so that training starts from what holds on average."""
        self.head.layers[-1].bias.assign(np.asarray(outputs, "float32"))

    def get_config(self):
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}

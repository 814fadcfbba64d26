"""Sharing layers that are made of dense layers of given sizes."""

from collections.abc import Sequence

from mtframework.arguments import check_sizes
from mtframework.part import Policy
from mtframework.sharing.sharing import Sharing


class DenseSharing(Sharing):
    """A sharing layer whose representations come out of dense layers. Abstract.

    Args:
        hidden_units: The sizes of the dense layers; the last one is that of the representation.
        name: The layer's name.
        dtype: The dtype policy that it computes under; None for Keras's global one.
    """

    def __init__(
        self, hidden_units: Sequence[int] = (64,), name: str | None = None, dtype: Policy = None
    ):
        super().__init__(name=name, dtype=dtype)
        self.hidden_units = check_sizes(
            type(self).__name__, "hidden_units", hidden_units, needed=True
        )
        self.output_units = self.hidden_units[-1]

    def get_config(self):
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}

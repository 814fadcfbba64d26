"""Scores that put the rows of a query into order."""

from collections.abc import Sequence

from keras import ops

from mtf_feedback.headed_task import HeadedTask
from mtframework import MtframeworkError, check_count, check_range
from mtframework.part import Policy


class QueryRanking(HeadedTask):
    """A task whose scores are compared among the rows of one query. Abstract.

    The head has no bias, which no comparison would change.

    Args:
        name: The task's name.
        label: The label's column: any numbers.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers. Without any, the head only adds up what
            the towers say, and every query gets the same order of candidates.
        query: The query's tower: rows with equal keys of that tower are compared.
        temperature: What scores are divided by. More than 0.
        max_peers: With how many rows of its query a row is compared, at most.
        dtype: The dtype policy that it computes under; None for Keras's global one.
    """

    has_bias = False

    def __init__(
        self,
        name: str | None = None,
        label: str | None = None,
        loss_weight: float = 1.0,
        sample_weight: str | None = None,
        missing_label: float | None = None,
        hidden_units: Sequence[int] = (64,),
        query: str = "query",
        temperature: float = 1.0,
        max_peers: int = 64,
        dtype: Policy = None,
    ):
        super().__init__(
            name, label, loss_weight, sample_weight, missing_label, hidden_units, dtype
        )
        owner = f'the task "{self.name}"'
        self.query = query
        self.temperature = check_range(owner, "temperature", temperature, 0, inclusive=False)
        self.max_peers = check_count(owner, "max_peers", max_peers)

    def reads(self, towers):
        if self.query not in towers:
            known = ", ".join(f'"{tower}"' for tower in towers)
            raise MtframeworkError(
                f'The task "{self.name}" has query = "{self.query}", and there is no such tower.',
                f"One of {known}.",
                f"Set {self.name}/{type(self).__name__}.query to the query's tower.",
            )
        return towers

    def call(self, inputs, training=None):
        """Returns the scores, `[batch]`."""
        return ops.squeeze(self.head(inputs["representation"], training=training), -1)

    def get_config(self):
        return {
            **super().get_config(),
            "query": self.query,
            "temperature": self.temperature,
            "max_peers": self.max_peers,
        }

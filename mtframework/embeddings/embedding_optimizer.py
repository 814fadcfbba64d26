"""How large embedding tables learn."""

from functools import partial

import keras

from mtframework.arguments import is_whole_number, wrong_argument
from mtframework.embeddings.rules import Rule, rule_of
from mtframework.errors import ModelError

_wrong = partial(wrong_argument, "An EmbeddingOptimizer", place="EmbeddingOptimizer")


@keras.saving.register_keras_serializable(package="mtframework")
class EmbeddingOptimizer:
    """Updates large embedding tables row by row: a step costs what the batch touches.

    Keras's optimizers move a whole table in every step, whose time and memory then grow with the
    vocabulary. Here only the rows that a step looked up get gradients and are moved; of a row that
    was looked up several times, in one feature or in several, the gradients add up. Adagrad and
    SGD without weight decay give the same numbers as in Keras, up to rounding. Adam becomes lazy:
    rows that are not looked up do not move, nor do their moments. Weight decay reaches the rows of
    the step alone.

    Tables of a tower whose task takes `negatives="catalogue"` are looked up as a whole, and stay
    with Keras; so do those of `HistoryTower`.

    Args:
        optimizer: Adagrad, SGD without momentum, Adam or AdamW of Keras, with its own learning
            rate, weight decay and clipping, for these tables alone. None for the experiment's
            optimizer: then its settings hold for all weights together.
        per_row: Whether Adagrad remembers one number a row, the mean of its squared gradients,
            instead of one for each number of the row.
        dense_up_to: Tables of up to so many rows are updated by Keras, whole. 0 for none, None for
            all.

    Raises:
        ModelError: The optimizer has no row-wise form, such as with `use_ema`, or a number is out
            of range.

    Source: Duchi et al. 2011, "Adaptive subgradient methods"; one number a row after Mudigere et
    al. 2022, "Software-hardware co-design for fast and scalable training of deep learning
    recommendation models".

    Example:

    >>> tables = EmbeddingOptimizer(keras.optimizers.Adagrad(0.1), per_row=True)
    >>> tables.describe(keras.optimizers.Adam())
    'Tables of more than 100,000 rows learn by row-wise Adagrad with one number a row.'
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer | None = None,
        per_row: bool = False,
        dense_up_to: int | None = 100_000,
    ):
        if optimizer is not None and not isinstance(optimizer, keras.optimizers.Optimizer):
            raise _wrong("optimizer", optimizer, "None, or an optimizer: @Adagrad() in Gin.")
        if not isinstance(per_row, bool):
            raise _wrong("per_row", per_row, "True or False.")
        if dense_up_to is not None and not (is_whole_number(dense_up_to) and dense_up_to >= 0):
            raise _wrong("dense_up_to", dense_up_to, "A whole number of at least 0, or None.")
        if optimizer is not None:
            rule_of(optimizer, per_row)
        self.optimizer = optimizer
        self.per_row = per_row
        self.dense_up_to = dense_up_to

    def rule(self, optimizer: keras.optimizers.Optimizer) -> Rule:
        """Returns how tables learn beside an optimizer of the other weights.

        Raises:
            ModelError: They would learn by that optimizer, which has no row-wise form.
        """
        if self.optimizer is not None:
            return rule_of(self.optimizer, self.per_row)
        of_others = getattr(optimizer, "inner_optimizer", optimizer)  # under a scaled loss
        return rule_of(of_others, self.per_row)

    def describe(self, optimizer: keras.optimizers.Optimizer, is_default: bool = False) -> str:
        """Returns in a sentence how tables learn beside an optimizer of the other weights."""
        if self.dense_up_to is None:
            return "All embedding tables learn as a whole."
        try:
            name = self.rule(optimizer).name
        except ModelError as error:
            if not is_default:
                raise
            return f"All embedding tables learn as a whole. {error.found}"
        which = f"Tables of more than {self.dense_up_to:,} rows" if self.dense_up_to else "Tables"
        return f"{which} learn by {name}."

    def get_config(self):
        return {
            "optimizer": self.optimizer and keras.saving.serialize_keras_object(self.optimizer),
            "per_row": self.per_row,
            "dense_up_to": self.dense_up_to,
        }

    @classmethod
    def from_config(cls, config):
        optimizer = config["optimizer"]
        if isinstance(optimizer, dict):
            optimizer = keras.saving.deserialize_keras_object(optimizer)
        return cls(**{**config, "optimizer": optimizer})

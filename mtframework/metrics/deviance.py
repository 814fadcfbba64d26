"""How far expected counts and values are from what came about, on the scale of their noise."""

import keras
from keras import ops

from mtframework.arguments import check_range
from mtframework.registry import register_metric


class _Deviance(keras.metrics.MeanMetricWrapper):
    """The mean of a deviance. Abstract.

    A class of its own, so that nothing is said of the direction of Keras's.
    """

    higher_is_better = False
    undefined = "a score is not above 0"


@register_metric("poisson_deviance")
class PoissonDeviance(_Deviance):
    """The mean deviance of counts from rates, for noise as large as the rate (Poisson).

        2 · (label · log(label / score) − label + score)

    0 where every rate is its count. NaN where a score is not above 0: whoever holds a count
    impossible is infinitely wrong once it comes.

    Source: McCullagh & Nelder 1989, "Generalized linear models", chapter 2.

    Example:

    >>> metric = PoissonDeviance()
    >>> metric.update_state(np.array([[0.0], [2.0]]), np.array([[1.0], [2.0]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(self, name: str = "poisson_deviance", dtype=None):
        super().__init__(_poisson_deviance, name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register_metric("tweedie_deviance")
class TweedieDeviance(_Deviance):
    """The mean deviance of values from expected ones, where many values are 0 (Tweedie).

        2 · (label^(2−p) / ((1−p)(2−p)) − label · score^(1−p) / (1−p) + score^(2−p) / (2−p))

    for noise whose variance grows with the p-th power of the expected value: with p between 1 and 2
    that is a sum of so many amounts as come about, perhaps none. NaN where a score is not above 0.

    Args:
        name: The metric's name.
        dtype: Keras's.
        power: p, above 1 and at most 1.99.

    Raises:
        ModelError: `power` is out of its range.

    Source: Jørgensen 1987, "Exponential dispersion models".

    Example:

    >>> metric = TweedieDeviance()
    >>> metric.update_state(np.array([[0.0], [4.0]]), np.array([[1.0], [4.0]]))
    >>> float(metric.result())
    2.0
    """

    def __init__(self, name: str = "tweedie_deviance", dtype=None, power: float = 1.5):
        self.power = check_range("TweedieDeviance", "power", power, 1, inclusive=False, high=1.99)
        super().__init__(_tweedie_deviance, name=name, dtype=dtype, power=self.power)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "power": self.power}


def _poisson_deviance(labels, scores):
    labels, scores = ops.convert_to_tensor(labels), ops.convert_to_tensor(scores)
    scores = ops.where(scores > 0, scores, float("nan"))
    ratio = ops.where(labels > 0, labels, 1.0) / scores  # 0 · log 0 is 0
    logs = ops.where(labels > 0, labels * ops.log(ratio), 0.0)
    return ops.mean(2 * (logs - labels + scores), axis=-1)


def _tweedie_deviance(labels, scores, power):
    labels, scores = ops.convert_to_tensor(labels), ops.convert_to_tensor(scores)
    scores = ops.where(scores > 0, scores, float("nan"))
    of_label = ops.power(ops.maximum(labels, 0.0), 2 - power) / ((1 - power) * (2 - power))
    of_both = labels * ops.power(scores, 1 - power) / (1 - power)
    of_score = ops.power(scores, 2 - power) / (2 - power)
    return ops.mean(2 * (of_label - of_both + of_score), axis=-1)

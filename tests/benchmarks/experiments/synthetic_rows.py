"""Rows drawn from formulas, so that the truth behind the labels is known; NumPy alone.

They are for experiments on what real logs cannot show: how related two tasks are, or whether those
who did not click would have bought.
"""

from typing import NamedTuple

import numpy as np

from mtframework.errors import DataError


def correlated_tasks(
    num_rows: int,
    correlation: float,
    dim: int = 100,
    seed: int = 0,
    scale: float = 0.5,
    num_waves: int = 4,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws two regression tasks that are as related as `correlation` says.

    With orthonormal `u1, u2` and `x ~ N(0, I)`,

        w1 = scale · u1,    w2 = scale · (correlation · u1 + √(1 − correlation²) · u2)
        label[k] = wₖ·x + Σᵢ₌₁..num_waves sin(i · wₖ·x + (i − 1)²) + noise,    noise ~ N(0, 0.01)

    `correlation` is the cosine between `w1` and `w2`, and not that of the labels, which grows with
    it. The paper leaves `scale` and the waves open. The frequencies `i` and the phases `(i − 1)²`
    are those of published generators; `scale` 0.5 and 4 waves are our choice: more than half of
    the labels' variance is then not linear in `x`, and nine tenths of it are of degree six or
    lower in `wₖ·x`, which small networks can fit. With `scale` 1 and 10 waves less than half is.

    Args:
        num_rows: How many rows.
        correlation: From -1 to 1; at 1 both tasks are one, but for the noise.
        dim: How many features; two or more.
        seed: What directions, features and noise follow from. Draw all rows of an experiment in
            one call, and split them: another seed has other directions.
        scale: The length of `w1` and of `w2`.
        num_waves: How many sines.

    Returns:
        `(features, labels)`: `[num_rows, dim]` and `[num_rows, 2]`, float32.

    Raises:
        DataError: `correlation` is outside of -1 to 1, or there are too few rows or features.

    Source: Ma et al. 2018, "Modeling task relationships in multi-task learning with multi-gate
    mixture-of-experts", section 3.2.

    Example:

    >>> features, labels = correlated_tasks(1000, correlation=0.5)
    >>> features.shape, labels.shape
    ((1000, 100), (1000, 2))
    """
    if not -1 <= correlation <= 1:
        raise DataError(
            f"correlation is {correlation!r}.",
            "A number from -1 to 1, the cosine between the tasks' weights.",
            "Correct correlation.",
        )
    _check_sizes(num_rows, dim)
    draw = np.random.default_rng(seed)
    first, second = orthonormal_pair(dim, draw)
    weights = scale * np.stack(
        [first, correlation * first + np.sqrt(1 - correlation**2) * second], axis=1
    )
    features = draw.standard_normal((num_rows, dim))
    linear = features @ weights
    labels = linear + 0.1 * draw.standard_normal((num_rows, 2))
    for i in range(1, num_waves + 1):
        labels += np.sin(i * linear + (i - 1) ** 2)
    return features.astype("float32"), labels.astype("float32")


class Funnel(NamedTuple):
    """What `selection_funnel` draws.

    Args:
        features: `[num_rows, dim]` float32.
        click: `[num_rows]` float32, 0 or 1.
        buy: `[num_rows]` float32, 0 or 1, and 1 only where `click` is.
        conversion_probability: `[num_rows]` float64, the true P(buy | click), also of rows that
            were not clicked.
    """

    features: np.ndarray
    click: np.ndarray
    buy: np.ndarray
    conversion_probability: np.ndarray


def selection_funnel(
    num_rows: int,
    dim: int = 10,
    seed: int = 0,
    click_bias: float = -3.0,
    conversion_bias: float = -1.0,
    scale: float = 1.5,
    curvature: float = 1.0,
) -> Funnel:
    """Draws impressions, of which some are clicked and some of those lead to a purchase.

    With `w1` and `w2` drawn independently from the sphere of radius `scale`, and `x ~ N(0, I)`,

        click      ~ Bernoulli(sigmoid(click_bias + w1·x))
        conversion ~ Bernoulli(sigmoid(conversion_bias + w2·x + curvature · sin(w1·x)))
        buy        = click · conversion

    Clicked rows differ from the others in `w1·x`, on which the conversion depends, too: a head that
    learns from clicks alone has seen little of where most impressions lie. The conversion of a row
    that was not clicked is hidden from training, but its probability is known here, which no log
    allows. By default about one row in ten is clicked.

    Args:
        num_rows: How many impressions.
        dim: How many features; two or more.
        seed: What weights, features and feedback follow from. Draw all rows of an experiment in
            one call, and split them: another seed has other weights.
        click_bias: The logit of a click at the origin.
        conversion_bias: The logit of a conversion at the origin.
        scale: The length of `w1` and of `w2`.
        curvature: How much the conversion depends on what makes rows clicked; 0 for not at all.

    Raises:
        DataError: There are too few rows or features.

    Source: after Ma et al. 2018, "Entire space multi-task model", which names the bias; the
    formula is ours.

    Example:

    >>> funnel = selection_funnel(1000)
    >>> bool(np.all(funnel.buy <= funnel.click))
    True
    """
    _check_sizes(num_rows, dim)
    draw = np.random.default_rng(seed)
    directions = draw.standard_normal((dim, 2))
    weights = scale * directions / np.linalg.norm(directions, axis=0)
    features = draw.standard_normal((num_rows, dim))
    interest, need = (features @ weights).T
    click_probability = _sigmoid(click_bias + interest)
    conversion_probability = _sigmoid(conversion_bias + need + curvature * np.sin(interest))
    click = draw.random(num_rows) < click_probability
    conversion = draw.random(num_rows) < conversion_probability
    return Funnel(
        features.astype("float32"),
        click.astype("float32"),
        (click & conversion).astype("float32"),
        conversion_probability,
    )


def orthonormal_pair(dim: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns two random orthogonal vectors of length 1, each `[dim]` float64."""
    orthogonal, _ = np.linalg.qr(draw.standard_normal((dim, 2)))
    return orthogonal[:, 0], orthogonal[:, 1]


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _check_sizes(num_rows: int, dim: int) -> None:
    if num_rows < 1 or dim < 2:
        raise DataError(
            f"num_rows is {num_rows!r} and dim is {dim!r}.",
            "One row or more, and two features or more.",
            "Correct the sizes.",
        )

"""Scores divided by a temperature."""

from keras import ops

from mtframework.arguments import check_range


def divided(queries, temperature):
    """Returns the queries divided by the temperature, in their dtype.

    Args:
        queries: `[batch, dim]`.
        temperature: A number, or a scalar tensor, whose value is not checked.

    Raises:
        ModelError: The temperature is a number, and not a finite one above 0.

    >>> print(ops.convert_to_numpy(divided(ops.array([[1.0, 3.0]]), 2.0)))
    [[0.5 1.5]]
    """
    if isinstance(temperature, (int, float)):
        fix = "Set a positive temperature; 1.0 leaves the scores as they are."
        check_range("the loss", "temperature", temperature, 0, inclusive=False, fix=fix)
        if temperature == 1:
            return queries
    quotient = ops.cast(queries, "float32") / ops.cast(temperature, "float32")
    return ops.cast(quotient, queries.dtype)

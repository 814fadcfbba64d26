"""What the retrieval losses check of their arguments."""

from keras import ops

from mtframework.errors import ModelError


def check_temperature(temperature) -> None:
    """Raises a `ModelError` for a number that is not above 0; a tensor's value is not known."""
    if isinstance(temperature, (int, float)) and not 0 < temperature < float("inf"):
        raise ModelError(
            f"The temperature is {temperature!r}.",
            "A finite number above 0.",
            "Set a positive temperature; 1.0 leaves the scores as they are.",
        )


def check_hard_negatives(num_hard_negatives: int | None) -> None:
    """Raises a `ModelError` for less than one hard negative."""
    if num_hard_negatives is not None and num_hard_negatives < 1:
        raise ModelError(
            f"num_hard_negatives is {num_hard_negatives!r}.",
            "1 or more, or None for all negatives.",
            "Leave num_hard_negatives out to keep all negatives.",
        )


def check_given(name: str, value, needed) -> None:
    """Raises a `ModelError` where an argument that is needed is None."""
    if needed and value is None:
        raise ModelError(
            f"{name} is missing.",
            f"{name}, [batch] ints, which tells which rows are equal.",
            f"Pass {name}, or remove nothing by it.",
        )


def check_rows(**arguments) -> None:
    """Raises a `ModelError` where arguments that are not None differ in their first dimension."""
    lengths = {name: each.shape[0] for name, each in arguments.items() if each is not None}
    if len({length for length in lengths.values() if length is not None}) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ModelError(
            f"The arguments have different numbers of rows: {found}.",
            "One row for each query.",
            "Pass the columns of the same batch; candidates beyond it are `extra` negatives.",
        )


def divided(queries, temperature):
    """Returns the queries divided by the temperature, in their dtype."""
    if isinstance(temperature, (int, float)) and temperature == 1:
        return queries
    quotient = ops.cast(queries, "float32") / ops.cast(temperature, "float32")
    return ops.cast(quotient, queries.dtype)

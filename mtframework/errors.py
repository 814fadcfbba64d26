"""Every error of the framework: what was found, what was expected, how to fix it."""

import difflib
from collections.abc import Iterable, Sequence


class MtframeworkError(ValueError):
    """The base of every error that this package raises on purpose.

    Args:
        found: One sentence that says what is wrong and names the column, task, file or line.
        expected: One sentence that says what would have been right.
        fix: One sentence that says what to do.

    Example:

    >>> error = MtframeworkError("The data set is empty.", "At least one row.", "Check the path.")
    >>> print(error)
    The data set is empty.
      expected: At least one row.
      fix: Check the path.
    """

    # Keras rebuilds an exception that leaves a layer from its message alone, unless the exception
    # says that its message is complete.
    _keras_call_info_injected = True

    def __init__(self, found: str, expected: str, fix: str):
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(f"{found}\n  expected: {expected}\n  fix: {fix}")

    def __reduce__(self):
        return type(self), (self.found, self.expected, self.fix)


class MtframeworkWarning(UserWarning):
    """What works, and is hardly what its author meant."""


class RegistryError(MtframeworkError):
    """A name that is unknown, or that is taken already."""


class PluginError(MtframeworkError):
    """A plugin that could not be loaded."""


class ExperimentError(MtframeworkError):
    """A Gin experiment that cannot be what its author meant."""


class DataError(MtframeworkError):
    """Columns, rows, files or downloads that are not what the experiment says."""


class ModelError(MtframeworkError):
    """Towers, tasks, sharing or balancers that do not fit together."""


class RunError(MtframeworkError):
    """A run folder that cannot be read or written."""


class ContractError(MtframeworkError):
    """A part that breaks clauses of its contract; see `mtframework.testing`.

    Attributes:
        others: The errors of the other clauses that it breaks, beside this one.
    """

    others: tuple["ContractError", ...] = ()

    @classmethod
    def of(cls, errors: Sequence["ContractError"]) -> "ContractError":
        """Returns one error that says what each of the errors says.

        >>> errors = [ContractError(f"It lacks {what}.", "Both.", "Add it.") for what in "ab"]
        >>> print(ContractError.of(errors))
        It lacks a.
          expected: Both.
          fix: Add it.
        It lacks b.
          expected: Both.
          fix: Add it.
        """
        first = errors[0]
        whole = cls(first.found, first.expected, first.fix)
        whole.others = tuple(errors[1:])
        whole.args = ("\n".join(map(str, errors)),)
        whole.__cause__ = first.__cause__
        return whole


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns `' Did you mean "x"?'` for the nearest known name, or an empty string.

    >>> did_you_mean("user_idd", ["user_id", "movie_title"])
    ' Did you mean "user_id"?'
    """
    lowered = {each.lower(): each for each in known}
    nearest = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.6)
    return f' Did you mean "{lowered[nearest[0]]}"?' if nearest else ""


def quoted_list(names: Iterable[str]) -> str:
    """Returns the names sorted, quoted and separated by commas, or `none`.

    >>> quoted_list(["b", "a"])
    '"a", "b"'
    """
    return ", ".join(f'"{name}"' for name in sorted(names)) or "none"

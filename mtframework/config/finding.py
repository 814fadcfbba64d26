"""What is wrong with an experiment, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from mtframework.config.location import Location
from mtframework.errors import ExperimentError


@dataclass(frozen=True)
class Finding:
    """One mistake in an experiment.

    Args:
        location: The file and line.
        found: One sentence that says what is wrong.
        expected: One sentence that says what would have been right.
        fix: One sentence that says what to do.
        level: `"error"`, or `"warning"` for what may be meant.
        is_unread: Whether nothing reads the line, so that it keeps no object from being made.
        cause: What a part raised, whose traceback is for its author.
    """

    location: Location
    found: str
    expected: str
    fix: str
    level: Literal["error", "warning"] = "error"
    is_unread: bool = False
    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @property
    def is_error(self) -> bool:
        return self.level == "error"

    def __str__(self) -> str:
        return (
            f"{self.location}: {self.level}: {self.found}\n"
            f"  expected: {self.expected}\n  fix: {self.fix}"
        )


class CheckError(ExperimentError):
    """An experiment with one or more mistakes.

    Args:
        findings: The mistakes, at least one. The message is about the first one and counts the
            others, which `findings` holds.
    """

    def __init__(self, findings: Sequence[Finding]):
        self.findings = tuple(findings)
        first, more = self.findings[0], len(self.findings) - 1
        super().__init__(
            f"{first.location}: {first.found}"
            + f" ({more} more: see mtframework check)" * (more > 0),
            first.expected,
            first.fix,
        )

    def __reduce__(self):  # pyright: ignore[reportIncompatibleMethodOverride]
        # Tracebacks stay in their process, and with them what a plugin raised.
        return type(self), (tuple(replace(each, cause=None) for each in self.findings),)


def raise_errors(findings: Iterable[Finding]) -> None:
    """Raises a `CheckError` where one of the findings is an error."""
    errors = [finding for finding in findings if finding.is_error]
    if errors:
        raise CheckError(errors) from next((each.cause for each in errors if each.cause), None)

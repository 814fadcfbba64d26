"""The contract of a kind of part: its clauses by name, and how they are checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mtframework.errors import ContractError, ModelError, did_you_mean, quoted_list
from mtframework.registry import Registry
from mtframework.testing.every_backend import check_other_backends
from mtframework.testing.registration import check_configuration, check_registration, make_checked

OTHER_BACKENDS = "other backends"
"""The clause that is there where a check is told to run on every backend."""

KITS: dict[str, "Kit"] = {}
"""Every kit by the name of its check, such as `"check_task"`."""


@dataclass(frozen=True)
class Kit:
    """The contract of a kind of part; making one declares it.

    Args:
        check: The name of the check in `mtframework.testing`.
        registry: Where parts of the kind are registered.
        base: What they are objects of.
        clauses: What checks each clause, by the clause's name, in the order in which they are
            checked. Each is called with what the check hands to `run`, and raises a
            `ContractError` where the part breaks it.

    Example:

    >>> from mtframework.testing.kit import KITS
    >>> KITS["check_metric"].names[:4]
    ('registration', 'configuration', 'direction', 'name')
    """

    check: str
    registry: Registry
    base: type
    clauses: Mapping[str, Callable[..., None]]

    def __post_init__(self):
        KITS[self.check] = self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all clauses, in order, those of every kind first."""
        of_every_kind = ["registration"]
        if hasattr(self.base, "get_config"):
            of_every_kind.append("configuration")
        return (*of_every_kind, *self.clauses)

    def make(self, make: Callable[[], Any]) -> Any:
        """Returns a new part, and raises a `ModelError` where `make` makes none of the kind."""
        return make_checked(make, self.base)

    def run(
        self,
        make: Callable[[], Any],
        given: tuple[Any, ...],
        clause: str | None = None,
        elsewhere: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks every clause, or the one that is named.

        Args:
            make: What makes a new part each time it is called.
            given: What each clause is called with.
            clause: The name of a clause; None for all of them.
            elsewhere: The arguments of the check on other backends, as JSON can hold them; None
                where it runs on this one alone.

        Raises:
            ContractError: The part breaks clauses; the message has each of them, the error's
                `found` is that of the first.
            ModelError: There is no such clause.
        """
        part = self.make(make)
        checks: dict[str, Callable[[], None]] = {
            "registration": lambda: check_registration(part, self.registry),
            "configuration": lambda: check_configuration(part),
            **{name: lambda each=each: each(*given) for name, each in self.clauses.items()},
        }
        names = list(self.names)
        if elsewhere is not None:
            names.append(OTHER_BACKENDS)
            checks[OTHER_BACKENDS] = lambda: check_other_backends(self.check, make, elsewhere)
        if clause is not None and clause not in names:
            raise ModelError(
                f'{self.check} was asked for the clause "{clause}".{did_you_mean(clause, names)}',
                f"One of {quoted_list(names)}.",
                "Correct the name, or leave clause out to check all of them.",
            )
        broken: list[ContractError] = []
        for name in names if clause is None else [clause]:
            try:
                checks[name]()
            except ContractError as error:
                broken.append(error)
        if broken:
            raise ContractError.of(broken)

"""The model that answers, or two that share the queries."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mtframework.arguments import check_share
from mtframework.errors import DataError, ModelError, quoted_list
from mtframework.serving.http import answers
from mtframework.serving.http.event_log import as_id
from mtframework.serving.http.service import Service

_OF_EACH = ("version", "fusion", "num_candidates")
"""What two models that share the queries may differ in, of what a client must know."""


class Models:
    """One model that answers every query, or two of which each answers its share.

    Which of two answers a query follows from the query's key alone, or from its columns where it
    has none: the same query gets the same model from every process, after every restart and after
    every new version of either. As the share grows, queries move to the second model and none
    moves back.

    Args:
        first: Answers what the second does not.
        second: Answers its share; None where there is one model.
        share: The share of queries that the second answers, from 0 to 1.

    Raises:
        ModelError: The share is not from 0 to 1, both have one name, or there is a request that one
            of them understands and the other does not.
    """

    def __init__(self, first: Service, second: Service | None = None, share: float = 0.0):
        self.share = check_share("The service", "share", share, below_one=False)
        self.services = (first,) if second is None else (first, second)
        if second is not None:
            _check_alike(first, second)

    @property
    def versions(self) -> list[str]:
        """What the models are called."""
        return [service.version for service in self.services]

    @property
    def first(self) -> Service:
        """The only model, or the first."""
        return self.services[0]

    def warm_up(self) -> None:
        """Has every model answer a sample."""
        for service in self.services:
            service.warm_up()

    def place_of(self, row: answers.Row) -> int:
        """Returns which of the models answers a query: 0 or 1.

        Args:
            row: The query's columns.
        """
        key = row.get(self.first.model.schema.query_key)
        # What is no key is refused by whichever model it comes to.
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            who = as_id(key)
        else:
            who = json.dumps(row, sort_keys=True)
        drawn = hashlib.blake2b(who.encode("utf-8", "surrogatepass"), digest_size=8)
        return int(int.from_bytes(drawn.digest(), "big") < self.share * 2**64)

    def parts(
        self, rows: Sequence[answers.Row], version: str | None = None
    ) -> dict[int, list[int]]:
        """Returns the rows that each model answers, by the model's place.

        Args:
            rows: The columns of each query or pair.
            version: The model that answers all of them, in place of each one's own.

        Raises:
            DataError: No model has that version, or the rows do not all have the same columns.
        """
        everything = list(range(len(rows)))
        if version is not None:
            if version not in self.versions:
                raise DataError(
                    f'No model of the version "{version}" is served.',
                    f"One of {quoted_list(self.versions)}.",
                    "Correct the version, or leave it out.",
                )
            return {self.versions.index(version): everything}
        if len(self.services) == 1:
            return {0: everything}
        answers.columns_of_rows(rows)  # one error, whichever model a row is of
        parts: dict[int, list[int]] = {}
        for number in everything:
            parts.setdefault(self.place_of(rows[number]), []).append(number)
        return parts

    def candidate(self, name: str) -> dict[str, Any] | None:
        """Returns what is known of a candidate to the first model that knows it; None of none."""
        found = (service.candidate(name) for service in self.services)
        return next((known for known in found if known is not None), None)

    def query(self, name: str) -> dict[str, Any] | None:
        """Returns what the model that answers a query knows of it; None where it knows nothing."""
        key = self.first.model.schema.query_key
        return self.services[self.place_of({key: name})].query(name)

    def describe(self) -> dict[str, Any]:
        """Returns what a client must know, of all models once and of each what is its own."""
        common = self.first.describe()
        shares = (1 - self.share, self.share) if len(self.services) == 2 else (1.0,)
        own = [
            {**{name: each.describe()[name] for name in _OF_EACH}, "share": share}
            for each, share in zip(self.services, shares, strict=True)
        ]
        return {**{name: common[name] for name in common if name not in _OF_EACH}, "models": own}


def version_header(versions: Sequence[str]) -> dict[str, str]:
    """Returns the header that names the models of an answer, each once.

    >>> version_header(["shop-1", "shop 2", "shop-1"])
    {'Model-Version': 'shop-1, shop%202'}
    """
    return {"Model-Version": ", ".join(quote(each) for each in dict.fromkeys(versions))}


def _check_alike(first: Service, second: Service) -> None:
    if first.version == second.version:
        raise ModelError(
            f'Both models that share the queries are called "{first.version}".',
            "Two runs.",
            "Name another run beside the first, or serve one alone.",
        )
    one, other = first.describe(), second.describe()
    differing = []
    for name in one:
        if name not in _OF_EACH and one[name] != other[name]:
            parts = _parts(one[name]) ^ _parts(other[name])
            if parts:
                differing.append(f"{name} ({quoted_list({part for part, _ in parts})})")
    if differing:
        raise ModelError(
            f'"{first.version}" and "{second.version}" do not answer the same requests: they '
            f"differ in {', '.join(differing)}.",
            "Two models of the same tasks, and of the same columns of queries and candidates.",
            "Serve each alone, or train one of them with the other's columns and tasks.",
        )


def _parts(value: Any) -> set[tuple[str, str]]:
    """Returns what a value of a description consists of, in no order."""
    if isinstance(value, dict):
        return {(name, json.dumps(each, sort_keys=True)) for name, each in value.items()}
    return {(str(each), "") for each in (value if isinstance(value, list) else [value])}

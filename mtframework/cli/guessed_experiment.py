"""The words of an experiment on a user's own files, chosen by what their columns seem to be."""

import re
from collections.abc import Mapping

from mtframework.data.tables.guessed_columns import Guess
from mtframework.data.tables.table_files import PARQUET, find_files, format_of

_FIND = "find"


def experiment_words(
    guess: Guess, interactions: str, candidates: str | None, test: str | None = None
) -> dict[str, str]:
    """Returns what stands in the experiment's template, by placeholder.

    Each label becomes a task, `BinaryFeedback` where it is 0 or 1 and otherwise `Ranking`; a
    `Retrieval` is always there, and one for each kind of feedback where there are several.

    Args:
        guess: What the columns seem to be.
        interactions: The log.
        candidates: The catalogue, where there is one.
        test: The rows to test on, where they have a file of their own.
    """
    scopes = _Scopes()
    labels = {label: scopes.name(label) for label in guess.labels}
    numeric = {}
    features = {
        role: [repr(name) for name in guess.named(f"{role} key", *_categories(role))]
        for role in ("query", "candidate")
    }
    for role, named in features.items():
        key = repr(guess.named(f"{role} key")[0])
        named.insert(0, named.pop(named.index(key)))  # the first feature identifies the tower
        for name in guess.named(f"numeric {role}"):
            numeric[name] = scopes.name(name)
            named.append(f"@{numeric[name]}/Normalized()")
    tasks = [
        f"@{scope}/{'Ranking' if guess.labels[label] is not None else 'BinaryFeedback'}()"
        for label, scope in labels.items()
    ]
    settings = [_task(label, scope, guess.labels[label]) for label, scope in labels.items()]
    timed = guess.named("timestamp", "timestamp in milliseconds")
    found = _retrievals(guess, scopes)
    return {
        "file": " ".join(interactions.split()),
        "interactions": repr(interactions),
        "candidates": (
            f"Tables.candidates = {candidates!r}"
            if candidates is not None
            else "# Tables.candidates = 'FILE'  # the catalogue; without it, whatever was met"
        ),
        "columns": "\n".join(_columns(guess)),
        "events": "\n".join(_events(guess)),
        "repeats": "Tables.repeats = 'keep'  # rows stand again, as plays of a song do\n"
        * guess.repeats,
        "split": repr({"test": test} if test else "temporal" if timed else "random"),
        "test_fraction": "" if test else "\nTables.test_fraction = 0.2",
        "streaming": _streaming(guess, interactions),
        "query_features": ", ".join(features["query"]),
        "candidate_features": ", ".join(features["candidate"]),
        "features": "".join(
            f"{scope}/Normalized.column = {name!r}\n" for name, scope in numeric.items()
        ),
        "tasks": "\n".join(
            f"    {task}," for task in [*tasks, *(f"@{scope}/Retrieval()" for scope in found)]
        ),
        "task_settings": "\n".join([*settings, *_retrieval_settings(guess, found)]),
    }


class _Scopes:
    """Gives each label and feature a name that Gin accepts, and no two the same."""

    def __init__(self):
        self.taken = {"query", "candidate", "towers", _FIND}

    def name(self, text: str) -> str:
        plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "part"
        plain = f"n{plain}" if plain[0].isdigit() else plain
        name, number = plain, 1
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return name


def _categories(role: str) -> tuple[str, str]:
    return f"categorical {role}", f"multi_categorical {role}"


def _columns(guess: Guess) -> list[str]:
    read = [f"    {name!r}: {meaning!r}," for name, meaning in guess.columns.items()]
    left_out = [f"    # {name!r}: {reason}" for name, reason in guess.left_out.items()]
    return read + ["    # Left out:"] * bool(left_out) + left_out


def _events(guess: Guess) -> list[str]:
    if not guess.events:
        return []
    kinds = [f"    {kind!r}: {column!r}," for kind, column in guess.events.items()]
    why = "# Each kind becomes a label: 1 where it happened, or the value of the column named."
    return [why, "Tables.events = {", *kinds, "}"]


def _streaming(guess: Guess, interactions: str) -> str:
    """Returns a line that offers streaming, where the rows can be streamed."""
    parquet = all(format_of(path) == PARQUET for path in find_files(interactions))
    if guess.events or not parquet:
        return ""
    return "\n# Tables.in_memory = False  # streams rows that do not fit into memory"


def _task(label: str, scope: str, variance: float | None) -> str:
    if variance is None:
        return f"""
{scope}/BinaryFeedback.label = {label!r}
{scope}/BinaryFeedback.hidden_units = [64]
{scope}/BinaryFeedback.loss_weight = 1.0
"""[:-1]
    weight = f"{1 / variance:.2g}" if variance else "1.0"
    return f"""
{scope}/Ranking.label = {label!r}
{scope}/Ranking.hidden_units = [64]
{scope}/Ranking.loss_weight = {float(weight)!r}  # 1 / variance: the loss of a constant is then 1
"""[:-1]


def _retrievals(guess: Guess, scopes: _Scopes) -> dict[str, str | None]:
    """Returns the scope of each retrieval, and the kind of feedback that it finds."""
    kinds = [*guess.events] or [name for name, value in guess.labels.items() if value is None]
    if len(kinds) < 2:
        # All rows of a log with one kind of event are of that kind.
        return {_FIND: None if guess.events or not kinds else kinds[0]}
    return {scopes.name(f"{_FIND}_{kind}"): kind for kind in kinds}


def _retrieval_settings(guess: Guess, found: Mapping[str, str | None]) -> list[str]:
    several = len(found) > 1
    lines = [
        "",
        "Retrieval.query = 'query'",
        "Retrieval.candidate = 'candidate'",
        *["Retrieval.query_units = [32]  # a view of the query for each kind"] * several,
        "Retrieval.loss_weight = 1.0",
    ]
    if several:
        lines.append(
            "# What each one finds. Candidates are sorted by the first, unless you name another:"
        )
    for scope, kind in found.items():
        if kind is not None:
            lines.append(f"{scope}/Retrieval.label = {kind!r}")
        if kind is not None and guess.labels.get(kind) is None:  # else whatever has a value
            lines.append(f"{scope}/Retrieval.positive_from = 1.0")
    return lines

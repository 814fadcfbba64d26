"""The words of an experiment on a user's own files, chosen by what their columns seem to be."""

import re

from mtframework.data.tables.guessed_columns import Guess
from mtframework.data.tables.table_files import PARQUET, find_files, format_of

_FIND = "find"


def experiment_words(guess: Guess, interactions: str, candidates: str | None) -> dict[str, str]:
    """Returns what stands in the experiment's template, by placeholder.

    Each label becomes a task, `BinaryFeedback` where it is 0 or 1 and otherwise `Ranking`; a
    `Retrieval` is always there.
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
        "split": repr("temporal" if timed else "random"),
        "streaming": _streaming(guess, interactions),
        "query_features": ", ".join(features["query"]),
        "candidate_features": ", ".join(features["candidate"]),
        "features": "".join(
            f"{scope}/Normalized.column = {name!r}\n" for name, scope in numeric.items()
        ),
        "tasks": "\n".join(f"    {task}," for task in [*tasks, f"@{_FIND}/Retrieval()"]),
        "task_settings": "\n".join([*settings, _retrieval(guess)]),
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


def _retrieval(guess: Guess) -> str:
    lines = [
        "",
        f"{_FIND}/Retrieval.query = 'query'",
        f"{_FIND}/Retrieval.candidate = 'candidate'",
        f"{_FIND}/Retrieval.loss_weight = 1.0",
    ]
    binary = [label for label, variance in guess.labels.items() if variance is None]
    if binary:
        # Where events were merged, each row is an interaction; otherwise a row may say "no".
        comment = "# " * bool(guess.events)
        lines += [
            "# Only these rows are to be found:" if not guess.events else "# For some kind alone:",
            f"{comment}{_FIND}/Retrieval.label = {binary[0]!r}",
            f"{comment}{_FIND}/Retrieval.positive_from = 1.0",
        ]
    return "\n".join(lines)

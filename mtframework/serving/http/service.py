"""One model that answers requests: what the HTTP service calls, without HTTP."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtframework.errors import DataError
from mtframework.model.histories import HISTORY, RECENT
from mtframework.serving.fusion import Fusion
from mtframework.serving.http import answers
from mtframework.serving.http.event_log import EventLog
from mtframework.serving.recommender import Recommender


@dataclass(frozen=True)
class Request:
    """What a request for recommendations asks.

    Args:
        rows: The raw columns of each query.
        k: How many candidates each gets.
        exclude_seen: Whether to leave out what a query has seen in training or by its events.
        exclude: For each query what else to leave out; None for nothing.
        fusion: The weights of the tasks' scores, in place of the run's.
        only: Conditions of candidates; see `Recommender.recommend`.

    Raises:
        DataError: There are not as many exclusions as queries.
    """

    rows: Sequence[Mapping[str, Any]]
    k: int = 10
    exclude_seen: bool = True
    exclude: Sequence[Sequence[str]] | None = None
    fusion: Mapping[str, float] | None = None
    only: Mapping[str, Any] | None = None

    def __post_init__(self):
        if self.exclude is not None and len(self.exclude) != len(self.rows):
            raise DataError(
                f"exclude has {len(self.exclude)} lists for {len(self.rows)} queries.",
                "For each query a list of candidates, which may be empty.",
                'Write for example "exclude": [["a", "b"], []] for two queries.',
            )

    def part(self, places: Sequence[int]) -> "Request":
        """Returns the same request of some of the queries."""
        exclude = None if self.exclude is None else [self.exclude[place] for place in places]
        return replace(self, rows=[self.rows[place] for place in places], exclude=exclude)

    @property
    def kind(self) -> str:
        """What must be equal for requests to be answered by one call."""
        columns = sorted(self.rows[0]) if self.rows else []
        fusion = sorted((self.fusion or {}).items())
        return json.dumps(
            [columns, self.k, self.exclude_seen, fusion, self.only], sort_keys=True, default=str
        )


class Service:
    """Answers requests by one model.

    Args:
        recommender: Of the model.
        version: What answers call the model's version.
        events: Where events go; None takes none.
    """

    def __init__(self, recommender: Recommender, version: str, events: EventLog | None = None):
        self.recommender = recommender
        self.model = recommender.model
        self.version = version
        self.events = events

    def warm_up(self) -> None:
        """Answers a sample, so that what is compiled once is compiled, and a broken model fails."""
        key = self.model.schema.query_key
        known = self.model.vocabularies[key].known_values[:2].tolist()
        rows = [{key: name} for name in known]
        # Some models must be told more of a query than its key.
        with contextlib.suppress(DataError):
            for some in (rows[:1], rows):  # TensorFlow compiles for one row, then for any number
                self.recommend([Request(some, k=min(10, self.recommender.candidates.size))])

    def recommend(self, requests: Sequence[Request]) -> list[list[list[dict[str, Any]]]]:
        """Returns, for each of several requests of one kind, each query's candidates."""
        one = requests[0]
        rows = [row for request in requests for row in request.rows]
        if not rows:
            return [[] for _ in requests]
        key = self.model.schema.query_key
        exclude = [names for request in requests for names in _exclusions(request)]
        if one.exclude_seen and self.events is not None:
            for names, row in zip(exclude, rows, strict=True):
                names += self.events.candidates_of(row[key]) if key in row else ()
        found = self.recommender.recommend(
            answers.columns_of_rows(self._with_recent_events(rows)),
            one.k,
            one.exclude_seen,
            exclude,
            Fusion(one.fusion) if one.fusion else None,
            one.only,
        )
        ranked = iter(answers.ranked(found))
        return [[next(ranked) for _ in request.rows] for request in requests]

    def _with_recent_events(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Returns rows with the events that came since the training, where towers read them.

        An event that lacks a column which towers read of each event does not count there.
        """
        schema, names = self.model.schema, self.model.history_columns
        brings_its_own = any(HISTORY in row or RECENT in row for row in rows)
        if self.events is None or not names or brings_its_own:
            return list(rows)
        needed = [name for name in names if schema[name].role not in ("candidate", "label")]
        read = [schema.candidate_key, *(n for n in names if schema[n].role != "candidate")]
        found = []
        for row in rows:
            key = row.get(schema.query_key)
            events = [] if key is None else self.events.of(key)
            events = [each for each in events if all(name in each for name in needed)]
            if needed:
                when = [name for name in needed if schema[name].role == "timestamp"]
                events.sort(key=lambda each: [each[name] for name in when])
            recent = {name: [each.get(name) for each in events] for name in read}
            found.append({**row, RECENT: recent})
        return found

    def score(
        self, requests: Sequence[Sequence[Mapping[str, Any]]]
    ) -> list[list[dict[str, float]]]:
        """Returns, for each of several lists of pairs with equal columns, every task's scores."""
        scores = iter(answers.score_rows(self.model, [row for rows in requests for row in rows]))
        return [[next(scores) for _ in rows] for rows in requests]

    def candidate(self, name: str) -> dict[str, Any] | None:
        """Returns what is known of a candidate; None of an unknown one."""
        return answers.candidate(self.model, name)

    def query(self, name: str, num_seen: int = 50) -> dict[str, Any] | None:
        """Returns what is known of a query and its events; None of one that nobody has met."""
        known = answers.query(self.model, name, num_seen)
        events = self.events.of(name) if self.events is not None else []
        if known is None and not events:
            return None
        known = known or {self.model.schema.query_key: name, "num_seen": 0, "seen": []}
        return {**known, "events": events[-num_seen:]}

    def describe(self) -> dict[str, Any]:
        """Returns what a client must know: tasks, columns, fusion and the catalogue's size."""
        model, schema = self.model, self.model.schema
        return {
            "version": self.version,
            "tasks": list(model.tasks),
            "fusion": dict(self.recommender.fusion.weights),
            "query_key": schema.query_key,
            "candidate_key": schema.candidate_key,
            "columns": {
                name: {"kind": schema[name].kind, "role": schema[name].role}
                for name in dict.fromkeys((schema.query_key, *model.feature_columns))
            },
            "history_columns": list(model.history_columns),
            "candidate_columns": {name: schema[name].kind for name in model.catalogue.columns},
            "event_columns": [column.name for column in schema.columns],
            "num_candidates": self.recommender.candidates.size,
            "takes_events": self.events is not None,
        }


def version_of(run: Path) -> str:
    """Returns a name of a run's model that changes when the file does."""
    state = (run / "model.keras").stat()
    return f"{run.resolve().name}-{state.st_mtime_ns // 1_000_000_000}"


def _exclusions(request: Request) -> list[list[str]]:
    if request.exclude is None:
        return [[] for _ in request.rows]
    return [list(names) for names in request.exclude]

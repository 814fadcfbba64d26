"""What requests and answers hold, as OpenAPI describes it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Value = str | int | float | bool | list[str] | list[int]
Row = dict[str, Value]

Version = Annotated[
    str | None,
    Field(
        description="Which model answers, where two share the queries; else each query's own does."
    ),
]


class Strict(BaseModel):
    """A body that nothing is ignored of."""

    model_config = ConfigDict(extra="forbid")


class RecommendBody(Strict):
    """A request for recommendations."""

    queries: Annotated[
        list[Row],
        Field(
            description="The columns of each query; the key is enough of a known one.",
            examples=[[{"user_id": "42"}]],
        ),
    ]
    k: Annotated[int, Field(ge=1, description="How many candidates each query gets.")] = 10
    exclude_seen: Annotated[
        bool, Field(description="Whether to leave out what a query has seen, or has events of.")
    ] = True
    exclude: Annotated[
        list[list[str]] | None,
        Field(description="For each query a list of candidates to leave out."),
    ] = None
    fusion: Annotated[
        dict[str, float] | None,
        Field(description="The weight of each task's score, in place of the run's."),
    ] = None
    only: Annotated[
        dict[str, Any] | None,
        Field(
            description="Conditions that candidates must meet, by column: a value, a list of "
            'values, or {"from": low, "to": high}.'
        ),
    ] = None
    version: Version = None


class Ranked(BaseModel):
    """A recommended candidate."""

    id: str
    score: float
    scores: dict[str, float]


class RecommendAnswer(BaseModel):
    """For each query the model that answered it, and its candidates, best first."""

    versions: list[str]
    recommendations: list[list[Ranked]]


class ScoreBody(Strict):
    """Pairs of queries and candidates."""

    pairs: Annotated[list[Row], Field(description="The columns of each pair.")]
    version: Version = None


class ScoreAnswer(BaseModel):
    """For each pair the model that answered it, and every task's score."""

    versions: list[str]
    scores: list[dict[str, float]]


class EventsBody(Strict):
    """What people just did."""

    events: Annotated[
        list[Row],
        Field(
            description="Columns of the data for each event, the keys of query and candidate among "
            "them, and event_id: of events with one id, the first counts."
        ),
    ]


class EventsAnswer(BaseModel):
    """How many events were new, and were written."""

    written: int


class Problem(BaseModel):
    """What was found, what was expected, and how to fix it."""

    found: str
    expected: str
    fix: str

"""What a saved model holds beside its weights: schema, vocabularies, catalogue, known queries."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtframework.errors import ModelError
from mtframework.model.known_columns import lasting_columns
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.events import Events
from mtframework.schema.known_queries import KnownQueries
from mtframework.schema.schema import Column, Schema
from mtframework.schema.vocabulary import Vocabulary


@dataclass(frozen=True)
class Assets:
    """What a model learns in `adapt`, beside its weights.

    Args:
        schema: The columns.
        vocabularies: The ids of each column of categories.
        catalogue: All candidates, how often each was met, and who has seen which.
        queries: What lasts of each query.
        events: Each query's latest events, where a tower reads histories.
        trained_until: The last second since 1970 of the training rows; None where they have no
            times.
    """

    schema: Schema
    vocabularies: dict[str, Vocabulary]
    catalogue: Catalogue
    queries: KnownQueries
    events: Events
    trained_until: int | None

    @classmethod
    def learn(cls, model, dataset, columns: Mapping[str, Any]) -> "Assets":
        """Returns what a data set tells a `MultiTaskModel`.

        Args:
            model: The model, whose towers and tasks say what they need.
            dataset: An `mtframework.Dataset`.
            columns: Its encoded training rows.
        """
        schema = dataset.schema
        vocabularies = dict(dataset.vocabularies)
        queries, candidates = columns[schema.query_key], columns[schema.candidate_key]
        num_queries = vocabularies[schema.query_key].size
        times = schema.names("timestamp")
        seconds = columns[times[0]] if times else None
        labels = dict.fromkeys(x for tower in model.towers.values() for x in tower.history_labels)
        seen = {name: task.seen_rows(columns) for name, task in model.tasks.items()}
        lasting = lasting_columns(schema, model.feature_columns)
        return cls(
            schema,
            vocabularies,
            Catalogue.learn(
                schema.candidate_key,
                dataset.encode(dataset.catalogue),
                queries,
                candidates,
                num_queries,
                {label: columns[label] for label in labels},
                {name: rows for name, rows in seen.items() if rows is not None and not rows.all()},
            ),
            KnownQueries.learn(
                queries, {name: columns[name] for name in lasting}, seconds, num_queries
            ),
            Events.learn(
                queries,
                {name: columns[name] for name in model.history_columns},
                seconds,
                num_queries,
                model.max_length,
            ),
            None if seconds is None else int(seconds.max()),
        )

    def write(self, folder: Path) -> None:
        """Writes the assets into a folder."""
        (folder / "schema.json").write_text(json.dumps(dataclasses.asdict(self.schema)))
        for number, column in enumerate(self.schema):
            if column.name in self.vocabularies:
                values = self.vocabularies[column.name].known_values.tolist()
                text = json.dumps(values, ensure_ascii=False)
                (folder / f"vocabulary_{number}.json").write_text(text, "utf-8")
        self.catalogue.save(folder / "catalogue.npz")
        if self.queries.columns:
            self.queries.save(folder / "queries.npz")
        if self.events.columns:
            self.events.save(folder / "events.npz")
        (folder / "rows.json").write_text(json.dumps({"trained_until": self.trained_until}))

    @classmethod
    def read(cls, folder: Path, num_ids: Mapping[str, int | None]) -> "Assets":
        """Returns the assets of a folder.

        A file that somebody else has made may say anything: what does not fit together is refused
        before memory is taken for it.

        Args:
            folder: Where `write` wrote.
            num_ids: How many ids each column has in the model's tables; None of a column without.

        Raises:
            ModelError: A vocabulary or the catalogue does not fit to the model.
        """
        described = json.loads((folder / "schema.json").read_text())
        columns = tuple(Column(**column) for column in described.pop("columns"))
        schema = Schema(columns, **described)
        vocabularies = {}
        for number, column in enumerate(columns):
            if not column.has_ids:
                continue
            values = json.loads((folder / f"vocabulary_{number}.json").read_text("utf-8"))
            size = num_ids.get(column.name)
            if size is not None and len(values) + 1 != size:
                raise ModelError(
                    f'The vocabulary of "{column.name}" has {len(values)} values, and the model '
                    f"{size} ids.",
                    "One value fewer than ids.",
                    "Use the original file: this one is damaged or was changed.",
                )
            vocabularies[column.name] = Vocabulary(values)
        sizes = {name: vocabulary.size for name, vocabulary in vocabularies.items()}
        return cls(
            schema,
            vocabularies,
            Catalogue.load(folder / "catalogue.npz", sizes),
            KnownQueries.load(folder / "queries.npz", schema.query_key, sizes),
            Events.load(folder / "events.npz", schema.query_key, sizes),
            _trained_until(folder / "rows.json"),
        )


def _trained_until(path: Path) -> int | None:
    """Returns the last second of the training rows; models of version 0.1 do not know it."""
    if not path.exists():
        return None
    second = json.loads(path.read_text())["trained_until"]
    if second is not None and type(second) is not int:
        raise ModelError(
            f"The file's training rows end at {second!r}.",
            "A whole number of seconds.",
            "Use the original file: this one is damaged or was changed.",
        )
    return second

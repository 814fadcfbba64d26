"""What a saved model holds beside its weights: schema, vocabularies, catalogue, known queries."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from mtframework.errors import ModelError
from mtframework.schema.catalogue import Catalogue
from mtframework.schema.events import Events
from mtframework.schema.known_queries import KnownQueries
from mtframework.schema.schema import Column, Schema
from mtframework.schema.vocabulary import Vocabulary


def write_assets(
    folder: Path,
    schema: Schema,
    vocabularies: Mapping[str, Vocabulary],
    catalogue: Catalogue,
    queries: KnownQueries,
    events: Events,
    trained_until: int | None,
) -> None:
    """Writes the assets into a folder."""
    (folder / "schema.json").write_text(json.dumps(dataclasses.asdict(schema)))
    for number, column in enumerate(schema):
        if column.name in vocabularies:
            values = vocabularies[column.name].known_values.tolist()
            text = json.dumps(values, ensure_ascii=False)
            (folder / f"vocabulary_{number}.json").write_text(text, "utf-8")
    catalogue.save(folder / "catalogue.npz")
    if queries.columns:
        queries.save(folder / "queries.npz")
    if events.columns:
        events.save(folder / "events.npz")
    (folder / "rows.json").write_text(json.dumps({"trained_until": trained_until}))


def read_assets(
    folder: Path, num_ids: Mapping[str, int | None]
) -> tuple[Schema, dict[str, Vocabulary], Catalogue, KnownQueries, Events, int | None]:
    """Returns the assets of a folder.

    A file that somebody else has made may say anything: what does not fit together is refused
    before memory is taken for it.

    Args:
        folder: Where `write_assets` wrote.
        num_ids: How many ids each column has in the model's tables; None of a column without.

    Raises:
        ModelError: A vocabulary or the catalogue does not fit to the model.
    """
    described = json.loads((folder / "schema.json").read_text())
    columns = tuple(Column(**column) for column in described.pop("columns"))
    schema = Schema(columns, **described)
    vocabularies = {}
    for number, column in enumerate(columns):
        if column.kind == "numeric":
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
    catalogue = Catalogue.load(folder / "catalogue.npz", sizes)
    queries = KnownQueries.load(folder / "queries.npz", schema.query_key, sizes)
    events = Events.load(folder / "events.npz", schema.query_key, sizes)
    trained_until = _trained_until(folder / "rows.json")
    return schema, vocabularies, catalogue, queries, events, trained_until


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

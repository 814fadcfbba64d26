"""Columns that the data set does not have, or that a tower cannot read."""

from collections.abc import Iterator

from mtframework.config.configuration import Configuration, Made
from mtframework.config.finding import Finding
from mtframework.config.location import Location
from mtframework.errors import DataError, ModelError
from mtframework.model.composition import OTHER_KIND, columns_of_task
from mtframework.training.experiment import Experiment


def check(configuration: Configuration, experiment: Experiment) -> Iterator[Finding]:
    """Finds features, keys, labels and weights that the schema lacks or has as something else."""
    schema = getattr(experiment.dataset, "schema", None)
    if schema is None:
        return  # a source that knows its columns only once they are read
    model = experiment.model
    wanted = [
        ("tower", name, column) for name, each in model.towers.items() for column in each.columns
    ]
    kinds: dict[str, dict[str, str]] = {}
    for name, task in model.tasks.items():
        kinds[name] = columns_of_task(task)
        wanted += [("task", name, column) for column in kinds[name]]
    made = {_identity(configuration, each): each for each in configuration.made()}
    lacking = set()
    for kind, name, column in wanted:
        try:
            found = schema[column]
        except DataError as error:
            lacking.add(name)
            yield Finding(
                _line(configuration, made.get((kind, name)), column),
                f'The {kind} "{name}" reads the column "{column}". {error.found}',
                error.expected,
                "Correct the name.",
            )
            continue
        if kind == "task" and found.kind != (wanted_kind := kinds[name][column]):
            yield Finding(
                _line(configuration, made.get((kind, name)), column),
                f'The task "{name}" reads the column "{column}" as label or weight, and it is '
                f"{found.kind}.",
                f"A {wanted_kind} column.",
                OTHER_KIND[wanted_kind],
            )
    for name in model.towers.keys() - lacking:
        try:
            model.towers[name].check(schema)
        except ModelError as error:
            named = [each for each in model.towers[name].columns if f'"{each}"' in error.found]
            location = _line(configuration, made.get(("tower", name)), *named)
            yield Finding(location, error.found, error.expected, error.fix)


def _identity(configuration: Configuration, made: Made) -> tuple[str, str]:
    bound = configuration.arguments(made.part, made.scope).get("name")
    return made.part.kind, str(configuration.resolved(bound.value)) if bound else ""


def _line(configuration: Configuration, made: Made | None, column: str = "") -> Location:
    if made is None:  # made by another object, not by a reference
        return configuration.source.location
    # A tower's features are objects of their own, which name a column each.
    for each in (made, *(other for other in configuration.made() if made.target in other.path)):
        for binding in configuration.arguments(each.part, each.scope).values():
            value = configuration.resolved(binding.value)
            if value == column or (isinstance(value, (list, tuple)) and column in value):
                return binding.location
    return made.location

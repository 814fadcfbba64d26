"""A model drawn in text: towers, sharing, tasks, weights and the number of parameters."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
from rich import box
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mtframework.balancing.static_weights import StaticWeights
from mtframework.cli.parameter_counts import Parameters, count_parameters
from mtframework.embeddings.embedding_optimizer import EmbeddingOptimizer
from mtframework.features.encoder import columns_of
from mtframework.model.model import MultiTaskModel
from mtframework.registry import constructor_signature
from mtframework.tasks.task import Task
from mtframework.training.experiment import Experiment

WIDTH = 80
"""A picture is no wider, so that it reads the same in a terminal, a pipe and a page."""

NOTE = (
    "A column's name stands for the size of its vocabulary, unknown values included, which only "
    "the data can tell."
)


def picture_of(build: Callable[[], Experiment]) -> RenderableType:
    """Returns an experiment's model as text.

    Args:
        build: Returns the experiment's objects, new ones each time.
    """
    experiment = build()
    schema = getattr(experiment.dataset, "schema", None)
    if schema is None:
        return picture(experiment.model, {}, "The data set has no schema to count parameters by.")
    tables = how_tables_learn(experiment)
    try:
        parameters = count_parameters(experiment.model, build().model, schema)
    except Exception as error:  # a part of a plugin may raise anything; the rest can be drawn
        why = f"The parameters cannot be counted: {type(error).__name__}: {error}"
        return picture(experiment.model, {}, f"{why} {tables}")
    return picture(experiment.model, parameters, f"{NOTE} {tables}")


def how_tables_learn(experiment: Experiment) -> str:
    """Returns in a sentence which embedding tables learn row by row, and how."""
    settings = experiment.embedding_optimizer
    described = settings or EmbeddingOptimizer()
    return described.describe(experiment.optimizer, is_default=settings is None)


def picture(
    model: MultiTaskModel, parameters: Mapping[str, Parameters], note: str = NOTE
) -> RenderableType:
    """Returns the model as text, from the columns at the top to the total loss at the bottom.

    Args:
        model: The model; where it is not built, what only a built one knows is left out.
        parameters: Of each part, as `count_parameters` returns them; empty where not known.
        note: What is to be said about the numbers of parameters.
    """
    stages: list[RenderableType] = [
        _panel("towers", _towers(model, parameters)),
        _arrow(_handed_on(model)),
    ]
    if model.sharing is not None:
        units = getattr(model.sharing, "output_units", None)
        stages += [
            _panel("sharing", _part(model.sharing, parameters.get("sharing"))),
            _arrow("the same for every task" if units is None else f"[{units}] for each task"),
        ]
    stages += [
        _panel("tasks", _tasks(model, parameters)),
        _arrow("a mean over the rows with a label, times the task's weight"),
        _panel("total loss", _total(model, parameters)),
    ]
    if parameters:
        total = sum(parameters.values(), Parameters())
        stages.append(Text(f"{total} parameters", style="bold"))
    stages.append(Text(note, style="dim"))
    return Constrain(Group(*stages), WIDTH)


def _towers(model: MultiTaskModel, parameters: Mapping[str, Parameters]) -> Table:
    table = _grid("name", "columns", "layers", "parameters")
    for name, tower in model.towers.items():
        hidden_units = getattr(tower, "hidden_units", ())
        layers = [f"[{units}]" for units in (*hidden_units, tower.embedding_dim)]
        settings = _settings(tower, without=("features", "hidden_units", "embedding_dim", "key"))
        # Columns are all that towers must have.
        features = getattr(tower, "features", ()) or tower.columns
        columns = ", ".join(_feature(each) for each in features)
        if tower.key not in (columns_of(each)[0] for each in features):
            columns += f"; key {tower.key}"
        table.add_row(
            Text(name, style="bold"),
            columns,
            " → ".join(layers) + "".join(f", {each}" for each in settings),
            _number(parameters.get(f"tower/{name}")),
        )
    return table


def _handed_on(model: MultiTaskModel) -> str:
    units = sum(tower.embedding_dim for tower in model.towers.values())
    balancer = model.gradient_balancer
    if balancer is None:
        return f"[{units}], all towers side by side"
    settings = "".join(f", {each}" for each in _settings(balancer))
    return f"[{units}], a copy for each task; gradients by {type(balancer).__name__}{settings}"


def _part(part: Any, parameters: Parameters | None) -> Table:
    table = _grid("name", "settings", "parameters")
    text = ", ".join(_settings(part))
    table.add_row(Text(type(part).__name__, style="bold"), text, _number(parameters))
    return table


def _tasks(model: MultiTaskModel, parameters: Mapping[str, Parameters]) -> Table:
    table = _grid("name", "kind", "label", "head", "weight", "parameters")
    for name in _parents_first(model.tasks):
        task = model.tasks[name]
        depth = len(model.lineages[name]) - 1
        table.add_row(
            Text("  " * (depth - 1) + "└ " * (depth > 0) + name, style="bold"),
            type(task).__name__,
            _label(task),
            _head(task, tuple(model.towers)),
            f"{task.loss_weight:g}",
            _number(parameters.get(f"task/{name}")),
        )
    return table


def _parents_first(tasks: Mapping[str, Task]) -> Iterator[str]:
    """Yields every task's name, what follows a task directly below it."""

    def below(parent: str | None) -> Iterator[str]:
        for name, task in tasks.items():
            if task.parent == parent:
                yield name
                yield from below(name)

    yield from below(None)


def _label(task: Task) -> str:
    if task.label is None:
        return "every row"
    positive_from = getattr(task, "positive_from", None)
    return task.label if positive_from is None else f"{task.label} ≥ {positive_from:g}"


def _head(task: Task, towers: tuple[str, ...]) -> str:
    read = task.reads(towers)
    if read != towers or not hasattr(task, "head"):
        return " · ".join(read)
    hidden_units = getattr(task, "hidden_units", ())
    return " → ".join(f"[{units}]" for units in hidden_units) or "linear"


def _total(model: MultiTaskModel, parameters: Mapping[str, Parameters]) -> RenderableType:
    terms = [f"{task.loss_weight:g} · {name}" for name, task in model.tasks.items()]
    balancer = model.loss_balancer
    if isinstance(balancer, StaticWeights):
        return Text(" + ".join(terms))
    return Group(_part(balancer, parameters.get("loss_balancer")), Text("of " + ", ".join(terms)))


def _settings(part: Any, without: Iterable[str] = ()) -> list[str]:
    """Returns the arguments that are set to something else than their default, as text."""
    config = part.get_config()
    defaults = constructor_signature(type(part)).parameters
    return [
        f"{argument} {_value(getattr(part, argument, None), value)}"
        for argument, value in config.items()
        if argument not in ("name", "trainable", "dtype", *without)
        and value is not None
        and value not in (False, 0, [], ())
        and not (argument in defaults and value == defaults[argument].default)
    ]


def _value(own: Any, value: Any) -> str:
    """Returns a setting as text: of what the part holds, where that is a part itself."""
    if isinstance(own, keras.layers.Layer):
        settings = ", ".join(_settings(own))
        return f"{type(own).__name__}({settings})" if settings else type(own).__name__
    if isinstance(own, (list, tuple)) and any(isinstance(each, keras.layers.Layer) for each in own):
        return ", ".join(_feature(each) for each in own)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(parameters: Parameters | None) -> str:
    return "" if parameters is None else str(parameters).replace(" + ", "\n+ ")


def _feature(feature: Any) -> str:
    columns = ", ".join(columns_of(feature))
    return columns if isinstance(feature, str) else f"{type(feature).__name__}({columns})"


def _grid(*columns: str) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    for column in columns:
        numbers = column in ("weight", "parameters")
        # A name is never broken; what is long goes on in the next line.
        table.add_column(
            column, justify="right" if numbers else "left", no_wrap=column in ("name", "weight")
        )
    return table


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(
        content, box=box.ROUNDED, title=title, title_align="left", width=WIDTH, padding=(0, 1)
    )


def _arrow(text: str) -> Text:
    return Text(f"        │ {text}\n        ▼")

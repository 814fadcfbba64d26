"""Continuing from a trained model."""

import copy
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from mtframework.arguments import check_share
from mtframework.data.dataset import LAST_RUN, Dataset, DatasetSource, print_to_stderr
from mtframework.errors import ModelError, quoted_list
from mtframework.model.model import MultiTaskModel
from mtframework.part import KEPT
from mtframework.schema.vocabulary import Vocabulary
from mtframework.training.optimizer_memory import Moved, hand_on


@dataclass
class Restored:
    """What a warm start made of each part of a model, by the part's name.

    Args:
        restored: The parts of which every weight was restored.
        grown: Those with tables that have got new rows, and how many.
        anew: Those of which something begins with its initial values, and what.
        left: What the trained model has and the new one has not.
    """

    restored: list[str] = field(default_factory=list)
    grown: dict[str, str] = field(default_factory=dict)
    anew: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Returns the report, a sentence for each kind of outcome that there is."""
        told = (
            ("Restored", ", ".join(self.restored)),
            ("Grown", "; ".join(f"{part} ({what})" for part, what in self.grown.items())),
            ("Started afresh", "; ".join(f"{part} ({what})" for part, what in self.anew.items())),
            ("Left behind", ", ".join(self.left)),
        )
        return [f"{outcome}: {what}." for outcome, what in told if what]


class WarmStart:
    """Lets a new model begin with the weights of a trained one.

    Towers, tasks and the sharing layer are matched by name and class, their weights by path and
    shape:

    - Vocabularies grow: the trained model's values keep their ids, the data set's new ones follow.
      Rows of embedding tables are moved value by value; new rows keep their initial values.
    - Statistics of features, such as a mean or the boundaries of buckets, are kept, since the
      weights behind them were trained with them.
    - Layers whose inputs are others now (other features of a tower; other towers or another sharing
      layer before a head) start afresh, and so do the parts of a sharing layer that belong to tasks
      where the tasks are others.
    - Balancers start afresh, and so does the optimizer, where `keep_optimizer` does not say
      otherwise. The catalogue and candidate frequencies are learned from the data set's rows alone.
      So are seen candidates, where earlier rows were not passed over (`Tables.since`); else they
      are added to those that the trained model knows.

    Args:
        model: The trained model.
        tell: Told the report, a sentence at a time; left out, it goes to standard error.
        keep_optimizer: The share of what the optimizer remembers of each weight that is kept: 0
            forgets it, 1 goes on as if training had not ended, 0.5 halves it. Above 0, the count of
            steps goes on, and with it a schedule of the learning rate.

    Raises:
        ModelError: The model is none, or not trained; or the share is not from 0 to 1.

    Example:

    >>> from mtframework.testing.example_model import example_model
    >>> (trained, _), (model, _) = example_model(["click", "buy"]), example_model(["buy", "like"])
    >>> report = WarmStart(trained, tell=print).restore(model)
    Restored: tower query, tower candidate, task buy.
    Started afresh: task like (not in the trained model).
    Left behind: task click.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        tell: Callable[[str], None] | None = None,
        keep_optimizer: float = 0.0,
    ):
        if not isinstance(model, MultiTaskModel) or not model.built:
            raise ModelError(
                f"A warm start was given {model!r}.",
                "A trained MultiTaskModel.",
                "Load one with mtframework.load_model.",
            )
        self.model = model
        self.tell = tell or print_to_stderr
        self.keep_optimizer = check_share("WarmStart", "keep_optimizer", keep_optimizer, False)
        if self.keep_optimizer and not getattr(getattr(model, "optimizer", None), "built", False):
            raise ModelError(
                f"keep_optimizer is {keep_optimizer}, and the model to start from was saved without"
                " what its optimizer remembers.",
                "A model whose optimizer was saved with it, as train does.",
                "Leave keep_optimizer out.",
            )
        self._moved: list[Moved] = []

    @property
    def since(self) -> int:
        """The first second after the rows that the model was trained on.

        Raises:
            ModelError: The model does not know it.
        """
        if self.model.trained_until is None:
            raise ModelError(
                "Which rows are new is asked of a model that does not know until when its own are.",
                "A model that was trained by this version on rows with a timestamp.",
                "Set Tables.since to a date.",
            )
        return self.model.trained_until + 1

    def new_rows_of(self, source: DatasetSource) -> DatasetSource:
        """Returns the source as it reads what came after the model's rows, if it asks for that."""
        if getattr(source, "since", None) != LAST_RUN:
            return source
        source = copy.copy(source)
        source.since = self.since
        return source

    def grow(self, dataset: Dataset) -> Dataset:
        """Returns the data set with vocabularies that begin with the trained model's values.

        Raises:
            ModelError: The trained model has other keys.
        """
        before = self.model.schema
        for which in ("query_key", "candidate_key"):
            here, there = getattr(dataset.schema, which), getattr(before, which)
            if here != there:
                raise ModelError(
                    f'The data set has the {which} "{here}", the model to start from "{there}".',
                    "A model with the same query and candidate keys.",
                    "Name another run, or rename the column.",
                )
        grown = {}
        for name, vocabulary in dataset.vocabularies.items():
            known = self.model.vocabularies.get(name)
            if known is not None:
                new = vocabulary.known_values[known.ids(vocabulary.known_values) == 0]
                vocabulary = Vocabulary(np.concatenate([known.known_values, new]))
            grown[name] = vocabulary
        return dataclasses.replace(dataset, vocabularies=grown)

    def restore(self, model: MultiTaskModel) -> Restored:
        """Gives an adapted model the trained one's weights, and returns and tells the report.

        Raises:
            ModelError: Not one weight could be restored.
        """
        old, report = self.model, Restored()
        vocabularies = {
            name: (old.vocabularies[name], vocabulary)
            for name, vocabulary in model.vocabularies.items()
            if name in old.vocabularies
        }
        moves = []
        for name, tower in model.towers.items():
            moves.append(_Move(f"tower {name}", tower, old.towers.get(name)))
            moves[-1].move_tower(vocabularies)
        same_towers = _dims(old) == _dims(model)
        same_sharing = same_towers and _config(old.sharing) == _config(model.sharing)
        if model.sharing is not None:
            moves.append(_Move("the sharing layer", model.sharing, old.sharing))
            same_tasks = list(old.tasks) == list(model.tasks)
            of_any_task = None if same_tasks else model.sharing.weights_of_no_task
            moves[-1].move(same_sharing, of_any_task)
        for name, task in model.tasks.items():
            moves.append(_Move(f"task {name}", task, old.tasks.get(name)))
            tables = {model.towers[tower].key: each for tower, each in task.weights_by_id().items()}
            moves[-1].move_task(same_sharing, tables, vocabularies)
        if not any(move.moved for move in moves):
            raise ModelError(
                "No weight of the model to start from fits.",
                "Towers or tasks with the names, classes and sizes of "
                f"{quoted_list([*old.towers, *old.tasks])}.",
                "Name another run, or train without a warm start.",
            )
        for move in moves:
            move.add_to(report)
        self._moved = [each for move in moves for each in move.moved]
        report.left += [f"tower {name}" for name in old.towers if name not in model.towers]
        report.left += [f"task {name}" for name in old.tasks if name not in model.tasks]
        for sentence in report.sentences():
            self.tell(sentence)
        return report

    def remember(self, model: MultiTaskModel) -> None:
        """Lets a restored model know what the trained one does of rows that were passed over.

        Who has seen what, what queries did, their own columns, and the end of the rows.
        """
        old = self.model
        ids = {
            name: np.append(0, vocabulary.ids(old.vocabularies[name].known_values))
            for name, vocabulary in model.vocabularies.items()
            if name in old.vocabularies
        }
        query, candidate = model.schema.query_key, model.schema.candidate_key
        model.catalogue = model.catalogue.with_earlier(old.catalogue, ids[query], ids[candidate])
        model.queries = model.queries.with_earlier(old.queries, ids, query)
        model.events = model.events.with_earlier(old.events, ids, query, model.max_length)
        for tower in model.towers.values():
            tower.use_catalogue(model.catalogue)
            tower.use_events(model.events)
        if model.trained_until is not None and old.trained_until is not None:
            model.trained_until = max(model.trained_until, old.trained_until)

    def restore_optimizer(self, model: MultiTaskModel) -> None:
        """Gives a restored and compiled model's optimizer what is kept of the trained one's.

        Raises:
            ModelError: The optimizers are of two classes.
        """
        if not self.keep_optimizer:
            return
        num_weights = hand_on(
            self.model.optimizer, model.optimizer, self._moved, self.keep_optimizer
        )
        steps = int(ops.convert_to_numpy(model.optimizer.iterations))
        self.tell(
            f"The optimizer keeps {self.keep_optimizer:.4g} of what it remembers of {num_weights} "
            f"weights, and goes on at step {steps:,}."
        )


class _Move:
    """The weights of one part, on their way from its namesake in the trained model."""

    def __init__(self, name: str, here: Any, there: Any):
        self.name = name
        self.here = here
        self.there = there
        self.fits = type(here) is type(there)
        self.old_weights = _by_path(there) if self.fits else {}
        self.moved: list[Moved] = []
        self.grown: list[str] = []
        self.anew: list[str] = []

    def move(self, same_inputs: bool, wanted: Sequence[keras.Variable] | None = None) -> None:
        """Moves what was trained; what `adapt` learned of the data set is right as it is.

        Args:
            same_inputs: Whether the inputs mean what they meant.
            wanted: The weights to move, others starting afresh; None for all.
        """
        wanted_ids = None if wanted is None else set(map(id, wanted))
        for path, weight in _by_path(self.here).items():
            if weight.trainable:
                is_wanted = wanted_ids is None or id(weight) in wanted_ids
                self._move_one(path, weight, same_inputs and is_wanted)

    def move_task(
        self,
        same_inputs: bool,
        tables: Mapping[str, Sequence[keras.Variable]],
        vocabularies: Mapping[str, tuple[Vocabulary, Vocabulary]],
    ) -> None:
        """Moves what was trained, tables row by row; `tables` are those of a column's ids."""
        columns = {id(weight): name for name, each in tables.items() for weight in each}
        for path, weight in _by_path(self.here).items():
            column = columns.get(id(weight))
            if column is not None and path in self.old_weights:
                self._move_rows(path, weight, column, *vocabularies[column])
            elif weight.trainable:
                self._move_one(path, weight, same_inputs)

    def move_tower(self, vocabularies: Mapping[str, tuple[Vocabulary, Vocabulary]]) -> None:
        """Moves tables row by row, features one by one, and the rest if the features are equal."""
        if not self.fits:
            return
        before = [_config(feature) for feature in self.there.feature_layers]
        same_inputs = [_config(feature) for feature in self.here.feature_layers] == before
        columns = {id(w): name for name, ws in self.here.weights_by_id().items() for w in ws}
        is_same = {
            id(weight): _config(feature) in before
            for feature in self.here.feature_layers
            for weight in feature.weights
        }
        for path, weight in _by_path(self.here).items():
            column = columns.get(id(weight))
            may_move = is_same.get(id(weight), same_inputs or column is not None)
            if may_move and column is not None and path in self.old_weights:
                self._move_rows(path, weight, column, *vocabularies[column])
            else:
                self._move_one(path, weight, may_move)

    def _move_one(self, path: str, weight: keras.Variable, may_move: bool) -> None:
        old = self.old_weights.get(path)
        if may_move and old is not None and tuple(old.shape) == tuple(weight.shape):
            weight.assign(ops.convert_to_numpy(old))
            self.moved.append(Moved(old, weight))
        else:
            self.anew.append(path)

    def _move_rows(
        self, path: str, weight: keras.Variable, column: str, before: Vocabulary, now: Vocabulary
    ) -> None:
        old = ops.convert_to_numpy(self.old_weights[path])
        rows = np.array(ops.convert_to_numpy(weight))
        if old.shape[1:] != rows.shape[1:]:
            self.anew.append(path)
            return
        ids = now.ids(before.known_values)
        rows[ids[ids > 0]] = old[1:][ids > 0]
        rows[0] = old[0]  # what is unknown
        weight.assign(rows)
        there = np.append(0, 1 + np.flatnonzero(ids > 0))
        self.moved.append(
            Moved(self.old_weights[path], weight, (there, np.append(0, ids[ids > 0])))
        )
        num_new = now.size - 1 - int((ids > 0).sum())
        if num_new:
            self.grown.append(f"{num_new:,} more of {column}")

    def add_to(self, report: Restored) -> None:
        if not self.fits:
            reason = "not in the trained model" if self.there is None else "of another class in it"
            report.anew[self.name] = reason
            return
        if self.grown:
            report.grown[self.name] = ", ".join(dict.fromkeys(self.grown))
        if self.anew:
            report.anew[self.name] = ", ".join(self.anew)
        if not self.grown and not self.anew:
            report.restored.append(self.name)


def _by_path(part: keras.layers.Layer) -> dict[str, keras.Variable]:
    """Returns a part's weights by their paths below it, layers of one kind numbered from 0.

    Keras numbers layers through the whole process: `dense_7` here may be `dense_3` there.
    """
    weights: dict[str, keras.Variable] = {}
    numbers: dict[str, dict[str, int]] = {}
    for weight in part.weights:
        names = weight.path.split("/")
        path = ""
        for name in names[names.index(part.name) + 1 :]:
            kind = f"{path}{re.sub(r'_[0-9]+$', '', name)}"
            of_kind = numbers.setdefault(kind, {})
            path = f"{kind}_{of_kind.setdefault(f'{path}{name}', len(of_kind))}/"
        weights[path.removesuffix("/")] = weight
    return weights


def _dims(model: MultiTaskModel) -> list[tuple[str, int]]:
    return [(name, tower.embedding_dim) for name, tower in model.towers.items()]


def _config(part: keras.layers.Layer | None) -> tuple | None:
    if part is None:
        return None
    config = {n: value for n, value in part.get_config().items() if n not in ("name", *KEPT)}
    return type(part), config

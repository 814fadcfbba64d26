"""The classes that an experiment can name: registered parts, Keras optimizers, the experiment."""

import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import keras

from mtframework import registry
from mtframework.embeddings.embedding_optimizer import EmbeddingOptimizer
from mtframework.model.model import MultiTaskModel
from mtframework.serving.fusion import Fusion
from mtframework.training.distribution.distribution import Distribution
from mtframework.training.early_stopping import EarlyStopping
from mtframework.training.experiment import Experiment


@dataclass(frozen=True)
class Configurable:
    """A class that an experiment can make.

    Args:
        cls: The class.
        module: What tells it from another class of the same name.
        kind: What it is, for messages: a registry's kind, or `"optimizer"` and the like.
    """

    cls: type
    module: str
    kind: str

    @property
    def name(self) -> str:
        return self.cls.__name__

    @property
    def selector(self) -> str:
        return f"{self.module}.{self.name}"

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The named arguments of the constructor.

        Keras classes pass **kwargs on to their base class: its arguments count, others do not.
        """
        parameters: dict[str, inspect.Parameter] = {}
        for base in self.cls.__mro__:
            if "__init__" not in base.__dict__ or base is object:
                continue
            own = list(inspect.signature(base.__init__).parameters.values())[1:]
            for parameter in own:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    parameters.setdefault(parameter.name, parameter)
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
                break
        return MappingProxyType(parameters)

    @cached_property
    def types(self) -> Mapping[str, typing.Any]:
        """The annotations of the constructor's arguments, as far as they can be had."""
        try:
            return typing.get_type_hints(self.cls.__init__)
        except (NameError, TypeError):  # a plugin may annotate with what only a checker imports
            return {}

    @property
    def is_named(self) -> bool:
        """Whether objects of it are known by the name that their scope gives."""
        return self.kind in _NAMED_KINDS and "name" in self.parameters


# A model has one sharing layer and one balancer of each kind, which need no name.
_NAMED_KINDS = frozenset({registry.TASKS.kind, registry.TOWERS.kind})


class Parts:
    """Every configurable class, by what an experiment may write for it."""

    def __init__(self, configurables: Iterable[Configurable]):
        self._by_selector = {each.selector: each for each in configurables}
        self._matches: dict[str, list[Configurable]] = {}  # asked for over and over

    def __iter__(self) -> Iterator[Configurable]:
        return iter(self._by_selector.values())

    def matches(self, selector: str) -> list[Configurable]:
        """Returns the classes that `Class`, `module.Class` or a part of it may mean."""
        if selector not in self._matches:
            ending = f".{selector}"
            whole = self._by_selector.get(selector)
            self._matches[selector] = (
                [whole]
                if whole
                else [each for full, each in self._by_selector.items() if full.endswith(ending)]
            )
        return self._matches[selector]

    def find(self, selector: str) -> Configurable | None:
        """Returns the one class that the selector means, None where there is none or several."""
        matches = self.matches(selector)
        return matches[0] if len(matches) == 1 else None

    def shortest_selector(self, configurable: Configurable) -> str:
        """Returns the shortest text that means this class alone."""
        words = configurable.selector.split(".")
        for start in reversed(range(len(words))):
            selector = ".".join(words[start:])
            if self.matches(selector) == [configurable]:
                return selector
        return configurable.selector


def known_parts() -> Parts:
    """Returns the built-in parts and those of the plugins that are loaded by now."""
    registry.load_builtin_parts()
    return Parts(_configurables())


def _configurables() -> Iterator[Configurable]:
    yield Configurable(Experiment, "mtframework", "experiment")
    yield Configurable(MultiTaskModel, "mtframework", "model")
    yield Configurable(EarlyStopping, "mtframework", "early stopping")
    yield Configurable(Fusion, "mtframework", "fusion")
    yield Configurable(Distribution, "mtframework", "distribution")
    yield Configurable(EmbeddingOptimizer, "mtframework", "embedding optimizer")
    for each in registry.REGISTRIES.values():
        for part in each:
            yield Configurable(part.cls, part.cls.__module__, each.kind)
    yield from _of_keras(keras.optimizers, keras.optimizers.Optimizer, "optimizer")
    schedules = keras.optimizers.schedules
    yield from _of_keras(schedules, schedules.LearningRateSchedule, "learning rate schedule")


def _of_keras(module, base: type, kind: str) -> Iterator[Configurable]:
    for cls in vars(module).values():
        if inspect.isclass(cls) and issubclass(cls, base) and cls is not base:
            yield Configurable(cls, module.__name__.removesuffix(".legacy"), kind)

"""Parts by name: tasks, towers, features, sharing, balancers, metrics and data sets."""

import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mtframework import __version__
from mtframework.errors import PluginError, RegistryError, did_you_mean, quoted_list

ENTRY_POINT_GROUP = "mtframework.plugins"


@dataclass(frozen=True)
class Part:
    """A registered class and its name."""

    name: str
    cls: type

    @property
    def owner(self) -> str:
        """The distribution that the class comes from, or its top-level module."""
        return owner_of(self.cls)

    @property
    def summary(self) -> str:
        """The first line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").split("\n")[0]

    @property
    def signature(self) -> str:
        """The constructor's arguments as a user writes them."""
        return str(constructor_signature(self.cls)).split(" -> ")[0]


class Registry:
    """The parts of one kind, by name.

    Args:
        kind: What the parts are, in the singular, for messages: `"task"`.
        package: Where the built-in ones are, below `mtframework`.

    Example:

    >>> import keras
    >>> layers = Registry("layer")
    >>> @layers.register("double")
    ... class Double(keras.layers.Layer):
    ...     "Doubles."
    ...
    ...     def __init__(self, name=None):
    ...         super().__init__(name=name)
    >>> layers.get("double").cls.__name__
    'Double'
    >>> layers.get("duble")
    Traceback (most recent call last):
        ...
    mtframework.errors.RegistryError: There is no layer named "duble". Did you mean "double"?
      expected: One of "double".
      fix: Correct the name, or install or load the plugin that registers it.
    """

    def __init__(self, kind: str, package: str = ""):
        self.kind = kind
        self.package = package
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[type], type]:
        """Returns a class decorator that registers the class under `name`.

        The class becomes loadable from `.keras` files as well, under the top-level package that
        defines it, so that a plugin's author registers once.

        Raises:
            RegistryError: `name` is not an identifier, the decorated object is not a class, its
                constructor takes `**kwargs`, or the name is taken; nothing is registered then.
        """

        def decorate(cls: type) -> type:
            self._validate(name, cls)
            if hasattr(cls, "get_config"):
                import keras  # here, since whoever only wants the kinds need not wait for it

                package = cls.__module__.split(".")[0]
                keras.saving.register_keras_serializable(package=package)(cls)
            self._parts[name] = Part(name, cls)
            return cls

        return decorate

    def get(self, name: str) -> Part:
        """Returns the part of that name.

        Raises:
            RegistryError: There is none; the message suggests the nearest name.
        """
        if name not in self._parts:
            raise RegistryError(
                f'There is no {self.kind} named "{name}".{did_you_mean(name, self._parts)}',
                f"One of {quoted_list(self._parts)}.",
                "Correct the name, or install or load the plugin that registers it.",
            )
        return self._parts[name]

    def __iter__(self) -> Iterator[Part]:
        return iter(sorted(self._parts.values(), key=lambda part: part.name))

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def forget_failed(self) -> None:
        """Drops the parts of modules that failed to import after they had registered them."""
        for name, part in list(self._parts.items()):
            if part.cls.__module__ not in sys.modules:
                del self._parts[name]

    def _validate(self, name: str, cls: type) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise RegistryError(
                f"The name {name!r} of a {self.kind} is not an identifier.",
                "Letters, digits and underscores, not starting with a digit.",
                f'Register it as @register_{self.kind.replace(" ", "_")}("my_name").',
            )
        if not inspect.isclass(cls):
            raise RegistryError(
                f'The {self.kind} "{name}" is {cls!r}, which is not a class.',
                "A class.",
                "Put the decorator on the class itself.",
            )
        for parameter in constructor_signature(cls).parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                raise RegistryError(
                    f'The constructor of the {self.kind} "{name}" takes **{parameter.name}, '
                    "which would hide misspelt parameters.",
                    "A closed signature: every argument by name.",
                    f"List the arguments of {cls.__name__}.__init__ one by one.",
                )
        taken = self._parts.get(name)
        # The same class again is a module imported again (a notebook cell, a reload): it replaces.
        if taken and _identity(taken.cls) != _identity(cls):
            raise RegistryError(
                f'The {self.kind} name "{name}" is taken: {_identity(taken.cls)} of '
                f"{taken.owner} has it, and {_identity(cls)} of {owner_of(cls)} asks for it.",
                "One owner for each name.",
                "Register one of the two under another name, or uninstall its plugin.",
            )


def constructor_signature(cls: type) -> inspect.Signature:
    """Returns the arguments of a class's constructor, without `self`.

    `inspect.signature` of a class is that of its `__new__`, where it has one; up to Python 3.11.2
    also where a base far from its constructor has one, as Keras's layers do.

    >>> class Part:
    ...     def __new__(cls, *args, **kwargs):
    ...         return super().__new__(cls)
    ...
    ...     def __init__(self, size: int = 2):
    ...         self.size = size
    >>> constructor_signature(Part)
    <Signature (size: int = 2)>
    """
    if cls.__init__ is object.__init__:
        return inspect.Signature()
    signature = inspect.signature(cls.__init__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


REGISTRIES: dict[str, Registry] = {}


def _kind(kind: str, plural: str, package: str) -> Registry:
    """Declares a kind of part: its names, and the package whose files are the built-in ones."""
    return REGISTRIES.setdefault(plural, Registry(kind, package))


# A new kind of part is declared here. Its contract is a kit in mtframework/testing, its decorator a
# public name in __init__.pyi; a test says what is missing.
TASKS = _kind("task", "tasks", "tasks")
TOWERS = _kind("tower", "towers", "towers")
FEATURES = _kind("feature", "features", "features")
ENCODERS = _kind("encoder", "encoders", "towers.encoders")
SHARING = _kind("sharing", "sharing", "sharing")
LOSS_BALANCERS = _kind("loss balancer", "loss_balancers", "balancing")
GRADIENT_BALANCERS = _kind("gradient balancer", "gradient_balancers", "balancing")
DATASETS = _kind("dataset", "datasets", "data.sources")
METRICS = _kind("metric", "metrics", "metrics")

register_task = TASKS.register
register_tower = TOWERS.register
register_feature = FEATURES.register
register_encoder = ENCODERS.register
register_sharing = SHARING.register
register_loss_balancer = LOSS_BALANCERS.register
register_gradient_balancer = GRADIENT_BALANCERS.register
register_dataset = DATASETS.register
register_metric = METRICS.register


def load_builtin_parts() -> None:
    """Imports every built-in part, so that the registries and Keras know them all.

    A built-in part is a file in the package of its kind; adding one changes no other file.
    """
    packages = dict.fromkeys(registry.package for registry in REGISTRIES.values())
    for package in (*packages, "model"):
        module = importlib.import_module(f"mtframework.{package}")
        for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{module.__name__}.{found.name}")


def forget_failed_modules() -> None:
    """Drops every part of a module that failed to import: half a plugin is none."""
    for registry in REGISTRIES.values():
        registry.forget_failed()


def load_plugins() -> list[PluginError]:
    """Loads every installed plugin and returns one error for each that failed.

    A plugin is a distribution with an entry point in the group `mtframework.plugins` whose object
    is a module; importing it registers its parts. A plugin that is broken, or whose distribution
    requires another version of mtframework (`dependencies = ["mtframework>=0.2"]`), leaves the
    others alone.
    """
    failures = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        owner = entry_point.dist.name if entry_point.dist else entry_point.value
        try:
            wanted = entry_point.dist and _unmet_requirement(entry_point.dist)
            if not wanted:
                entry_point.load()
                continue
            failure = PluginError(
                f'The plugin "{entry_point.name}" of {owner} needs mtframework{wanted}.',
                f"A plugin for mtframework {__version__}, which is what is installed.",
                f"Run pip install --upgrade mtframework {owner}, or uninstall {owner}.",
            )
        except (Exception, SystemExit) as error:  # a plugin may raise anything; the others go on
            forget_failed_modules()
            failure = PluginError(
                f'The plugin "{entry_point.name}" of {owner} failed to load: '
                f"{type(error).__name__}: {error}",
                f"{entry_point.value} imports and registers its parts.",
                f"Fix or uninstall {owner}.",
            )
        failures.append(failure)
    return failures


def _unmet_requirement(distribution: importlib.metadata.Distribution) -> str | None:
    """Returns which versions of this package a distribution requires, where it is none of them."""
    for text in distribution.requires or ():
        requirement = Requirement(text)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        met = requirement.specifier.contains(__version__, prereleases=True)
        if canonicalize_name(requirement.name) == "mtframework" and applies and not met:
            return str(requirement.specifier)
    return None


def _identity(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def owner_of(cls: type) -> str:
    """Returns the distribution that a class comes from, or its top-level module."""
    package = cls.__module__.split(".")[0]
    # An editable install lists no packages; its name is most often the package's.
    return next(iter(_distributions().get(package, ())), package)


@functools.cache  # a scan of every installed distribution
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()

"""The library's door to Gin experiments."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtframework.config.blame import blame
from mtframework.config.build import build, seed_of
from mtframework.config.check import check_arguments, check_configuration, check_objects
from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding, raise_errors
from mtframework.config.fragment import is_fragment, left_to_set
from mtframework.config.includes import Source, read
from mtframework.config.location import Location
from mtframework.config.names import name_by_scope
from mtframework.config.parts import Parts, known_parts
from mtframework.config.plugins import load_imports, load_plugin
from mtframework.config.record import Value, record, values_of
from mtframework.config.syntax import Binding, Import, value_text
from mtframework.data.dataset import LAST_RUN
from mtframework.errors import ExperimentError, PluginError
from mtframework.registry import load_plugins
from mtframework.training.experiment import Experiment


@dataclass(frozen=True)
class Loaded:
    """An experiment file, read and checked but not built.

    Args:
        configuration: What its statements come to.
        findings: What its statements show to be wrong; `check` finds more.
        plugin_failures: The installed plugins that failed to load.
    """

    configuration: Configuration
    findings: tuple[Finding, ...]
    plugin_failures: tuple[PluginError, ...] = ()

    @property
    def path(self) -> Path:
        return self.configuration.source.path

    @property
    def name(self) -> str:
        """The experiment's name: its file's, without the ending."""
        return self.configuration.source.name

    @property
    def text(self) -> str:
        """The whole configuration, resolved, as one Gin text."""
        return record(self.configuration)

    @property
    def plugin_files(self) -> tuple[Path, ...]:
        """The files that its imports and `--plugin` loaded: a run folder keeps copies of them."""
        return tuple(self.configuration.source.plugin_files)

    @property
    def depends_on_plugins(self) -> bool:
        """Whether a plugin is imported or used, or could not be."""
        used = (made.part.module.split(".")[0] for made in self.configuration.made())
        imports = self.configuration.source.imports
        return bool(self.plugin_failures or imports or set(used) - {"mtframework", "keras"})

    @property
    def fingerprint(self) -> str:
        """A hash of all that it is made from: the resolved text and the plugin files."""
        texts = [self.text, *(path.read_text("utf-8") for path in self.plugin_files)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()

    @property
    def seed(self) -> int:
        """The experiment's seed."""
        return seed_of(self.configuration)

    @property
    def is_fragment(self) -> bool:
        """Whether the file is meant to be included, and leaves something to be set."""
        return is_fragment(self.configuration)

    @property
    def left_to_set(self) -> str:
        """What a fragment leaves to be set, as a text."""
        return ", ".join(left_to_set(self.configuration)) or "the experiment"

    def with_seed(self, seed: int) -> "Loaded":
        """Returns the same experiment with another seed."""
        source = self.configuration.source
        binding = Binding("", "Experiment", "seed", seed, Location(f"--seed {seed}"))
        seeded = replace(source, bindings=[*source.bindings, binding])
        return replace(self, configuration=_resolve(seeded, self.configuration.parts))

    @property
    def asks_for_new_rows(self) -> bool:
        """Whether its data are what came after the rows of the model to start from."""
        return bool(self._new_rows_scopes())

    def with_since(self, second: int) -> "Loaded":
        """Returns the same experiment, new rows being those from a second since 1970 on."""
        source = self.configuration.source
        where = Location("--from")
        bindings = [
            Binding(scope, selector, "since", second, where)
            for scope, selector in self._new_rows_scopes()
        ]
        changed = replace(source, bindings=[*source.bindings, *bindings])
        return replace(self, configuration=_resolve(changed, self.configuration.parts))

    def _new_rows_scopes(self) -> list[tuple[str, str]]:
        asked = [v.key for v in self.values() if v.text == value_text(LAST_RUN)]
        places = [key.removesuffix(".since") for key in asked if key.endswith(".since")]
        return [(scope, selector) for scope, _, selector in (p.rpartition("/") for p in places)]

    def values(self) -> list[Value]:
        """Returns every argument of every object, and where its value comes from."""
        return values_of(self.configuration)

    def check(self) -> list[Finding]:
        """Returns every mistake that shows without reading data; makes the objects for that."""
        errors = [each for each in self.findings if each.is_error]
        if self.is_fragment or not all(each.is_unread for each in errors):
            return list(self.findings)
        found = check_arguments if errors else check_objects
        return [*self.findings, *found(self.configuration)]

    def build(self) -> Experiment:
        """Returns the experiment's objects, newly made.

        Raises:
            CheckError: The statements show an error.
            ExperimentError: The file is a fragment, or a constructor refuses its arguments.
        """
        raise_errors(self.findings)
        if self.is_fragment:
            raise ExperimentError(
                f"{self.path} is a fragment: it leaves {self.left_to_set} to be set.",
                "An experiment, which sets them.",
                "Name a file that includes it, or set them with --set.",
            )
        return build(self.configuration)

    def blame(self, error: Exception, experiment: Experiment) -> Exception:
        """Returns an error of training with the line of the part of `experiment` that raised it."""
        return blame(error, self.configuration, experiment)


def load(
    path: str | os.PathLike,
    bindings: Sequence[str] = (),
    plugins: Sequence[str] = (),
    trust: bool = False,
) -> Loaded:
    """Reads and checks an experiment; makes none of its objects and reads no data.

    The arguments are those of `load_experiment`.

    Raises:
        PluginError: A plugin of `plugins` cannot be loaded.
    """
    failures = load_plugins()
    source = read(Path(path), tuple(bindings))
    for plugin in plugins:
        file = load_plugin(plugin)
        module = file.stem if file else plugin
        source.imports.append(Import(module, Location(f"--plugin {plugin}")))
        source.plugin_files += [file] if file else []
    load_imports(source, trust)
    configuration = _resolve(source, known_parts())
    findings = tuple(check_configuration(configuration, failures))
    return Loaded(configuration, findings, tuple(failures))


def load_experiment(
    path: str | os.PathLike,
    bindings: Sequence[str] = (),
    plugins: Sequence[str] = (),
    trust: bool = False,
) -> Experiment:
    """Returns the experiment that a Gin file describes: its data set, model and optimizer, new.

    Args:
        path: The Gin file.
        bindings: Bindings that come after the file's, such as `"rating/Ranking.loss_weight=0.3"`.
        plugins: Files or modules to load first, beside the installed plugins.
        trust: Whether to execute what the file's import statements name; without it, an import of
            what is not loaded yet is a mistake.

    Raises:
        CheckError: The experiment has mistakes; `findings` lists them.
        ExperimentError: A constructor refuses its arguments; the message names the line.
        PluginError: A plugin of `plugins` cannot be loaded.
    """
    return load(path, bindings, plugins, trust).build()


def load_parts(
    path: str | os.PathLike | None = None, plugins: Sequence[str] = (), trust: bool = False
) -> list[PluginError]:
    """Loads every part: the built-in ones, those of plugins and those that a file imports.

    Args:
        path: A Gin file whose import statements count; None for none.
        plugins: Files or modules to load beside the installed plugins.
        trust: Whether to execute what the file's import statements name.

    Returns:
        The installed plugins that failed.

    Raises:
        CheckError: An import statement of the file failed, or is not trusted.
        PluginError: A plugin of `plugins` cannot be loaded.
    """
    failures = load_plugins()
    for plugin in plugins:
        load_plugin(plugin)
    if path is not None:
        source = read(Path(path))
        load_imports(source, trust)
        raise_errors(source.findings)
    known_parts()
    return failures


def _resolve(source: Source, parts: Parts) -> Configuration:
    configuration = Configuration(source, parts)
    name_by_scope(configuration)
    return configuration

"""Plugins that an experiment or the command line names, beside the installed ones."""

import importlib
import importlib.util
import sys
from pathlib import Path

from mtframework.config.finding import Finding
from mtframework.config.includes import Source
from mtframework.config.location import shown_path
from mtframework.config.syntax import Import
from mtframework.errors import PluginError
from mtframework.registry import forget_failed_modules


def load_plugin(plugin: str, folder: Path | None = None) -> Path | None:
    """Loads a file `my_task.py` or a module `my_package.tasks`, which registers its parts.

    Args:
        plugin: The file's path or the module's name.
        folder: Where `my_task.py` may lie when only `my_task` is named.

    Returns:
        The file, or None where it is a module that Python finds.

    Raises:
        PluginError: There is no such file or module, or it raises when it is imported.
    """
    path = _file_of(plugin, folder)
    if path is None:
        _import(plugin)
        return None
    if not path.is_file():
        raise PluginError(
            f"There is no plugin file {plugin}.",
            "A Python file that exists, or the name of an installed module.",
            "Check the path.",
        )
    _load_file(path)
    return path


def load_imports(source: Source, trust: bool) -> None:
    """Loads what the import statements of an experiment name; its findings tell what failed.

    A statement is a file's word, not the user's. Code that is loaded already is not executed again,
    and so needs no trust: that of `--plugin`, of installed plugins and of the user's own imports.

    Args:
        source: The experiment's statements.
        trust: Whether to execute what is not loaded yet; a finding names it otherwise.
    """
    for statement in source.imports:
        if statement.location.source.startswith("--plugin"):
            continue  # loaded already, and by its own path
        if not trust and not _executes_nothing(statement.module, source.path.parent):
            source.findings.append(_untrusted(statement, source.path.parent))
            continue
        try:
            file = load_plugin(statement.module, source.path.parent)
        except PluginError as error:
            source.findings.append(
                Finding(statement.location, error.found, error.expected, error.fix, cause=error)
            )
        else:
            known = {each.stem for each in source.plugin_files}
            source.plugin_files += [file] if file and file.stem not in known else []


# What each plugin file held when it was loaded: a run folder's copy is the same plugin.
_LOADED: dict[str, bytes] = {}


def _file_of(plugin: str, folder: Path | None) -> Path | None:
    """Returns the file that a plugin is in, None where it is a module that Python finds."""
    if Path(plugin).suffix == ".py":
        return Path(plugin)
    beside = (folder or Path()) / f"{plugin}.py"
    return beside if beside.is_file() else None


def _executes_nothing(plugin: str, folder: Path) -> bool:
    """Returns whether loading a plugin executes nothing."""
    path = _file_of(plugin, folder)
    if path is None:
        package = plugin.partition(".")[0]
        is_there = package in sys.modules or importlib.util.find_spec(package) is not None
        return plugin in sys.modules or not is_there
    return path.is_file() and _holds(path.stem, path.read_bytes())


def _holds(name: str, content: bytes) -> bool:
    """Returns whether the loaded module of a name was made from this content."""
    return name in sys.modules and _LOADED.get(name) == content


def _untrusted(statement: Import, folder: Path) -> Finding:
    path = _file_of(statement.module, folder)
    what = f"the file {shown_path(path)}" if path else f"the module {statement.module}"
    return Finding(
        statement.location,
        f"The line imports {what}, which would be executed.",
        "Code that you named yourself: it can do whatever you can do.",
        f"Read it. Then name it with --plugin {shown_path(path) if path else statement.module}, or "
        "execute all that is imported with --trust; in Python, pass plugins or trust=True.",
    )


def _load_file(path: Path) -> None:
    name, content = path.stem, path.read_bytes()
    if _holds(name, content):
        return
    if name in sys.modules or name in sys.stdlib_module_names:
        raise PluginError(
            f"The plugin {path} has the name of another module, {name}.",
            "A name of its own.",
            f"Rename the file, for example to my_{path.name}.",
        )
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None  # a path that ends in .py always has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Classes of the module are found by its name, for example when a model is loaded.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        del sys.modules[name]
        forget_failed_modules()
        raise _failed(str(path), error) from error
    _LOADED[name] = content


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        forget_failed_modules()
        missing = isinstance(error, ModuleNotFoundError) and name.startswith(str(error.name))
        if not missing:
            raise _failed(name, error) from error
        raise PluginError(
            f"There is no module {name}.",
            "The name of an installed module, or a file that ends in .py.",
            "Install its package, or give the path of the file.",
        ) from None


def _failed(plugin: str, error: BaseException) -> PluginError:
    return PluginError(
        f"The plugin {plugin} failed to load: {type(error).__name__}: {error}",
        "A module that imports and registers its parts.",
        "Fix the plugin; --debug shows the traceback.",
    )

"""From a resolved configuration to the objects, by Gin."""

import contextlib
import random
import re
from collections.abc import Iterator

import gin
import keras
import numpy as np

from mtframework.config.configuration import ROOT, Configuration, Made
from mtframework.config.location import Location
from mtframework.config.parts import make_configurable
from mtframework.config.record import record
from mtframework.errors import ExperimentError, MtframeworkError
from mtframework.training.experiment import Experiment


def build(configuration: Configuration) -> Experiment:
    """Makes the experiment's objects.

    What is parsed is what a run folder records, so that the record cannot differ from the run.

    Raises:
        ExperimentError: A constructor refuses its arguments; the message names the line.
    """
    with _empty_gin():
        make_configurable(configuration.parts)
        gin.parse_config(record(configuration))
        gin.finalize()
        set_seed(seed_of(configuration))
        try:
            return gin.get_configurable(ROOT)()
        except Exception as error:  # constructors of plugins may raise anything
            raise _located(error, configuration) from error


def set_seed(seed: int) -> None:
    """Makes everything random that follows depend on the seed alone."""
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    # Keras's own function would import TensorFlow on the other backends as well.
    random.seed(seed)
    np.random.seed(seed)
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)


@contextlib.contextmanager
def _empty_gin() -> Iterator[None]:
    """Gives Gin no configuration, and its caller's back afterwards."""
    config = gin.config
    before = {target: dict(arguments) for target, arguments in config._CONFIG.items()}
    was_locked = gin.config_is_locked()
    gin.clear_config()
    try:
        yield
    finally:
        gin.clear_config()
        config._CONFIG.update(before)
        if was_locked:
            config._set_config_is_locked(True)


def seed_of(configuration: Configuration) -> int:
    """Returns the experiment's seed; 0 where it is set to what is no number."""
    part = configuration.parts.find(ROOT)
    assert part is not None  # it is always among the parts
    bound = configuration.arguments(part, "").get("seed")
    value = bound.value if bound else part.parameters["seed"].default
    return value if isinstance(value, int) else 0


_CALL = re.compile(r"In call to configurable '(?P<name>\w+)' \(.*\)(?: in scope '(?P<scope>.*)')?")


def _located(error: Exception, configuration: Configuration) -> ExperimentError:
    """Returns the error with the line of the object whose making failed.

    Gin appends each class that it was making to the message, the innermost first.
    """
    call = _CALL.search(str(error))
    made = _made_of(configuration, call["name"], call["scope"] or "") if call else None
    text = str(error)[: call.start()].strip() if call else str(error).strip()
    location = _line(text, configuration, made) if made else configuration.source.location
    if isinstance(error, MtframeworkError):
        return ExperimentError(f"{location}: {error.found}", error.expected, error.mend)
    what = made.key if made else "The experiment"
    return ExperimentError(
        f"{location}: {what} cannot be made: {type(error).__name__}: {text}",
        "Arguments that its constructor accepts.",
        "Correct the binding; --debug shows the traceback.",
    )


def _made_of(configuration: Configuration, name: str, scope: str) -> Made | None:
    for made in configuration.made():
        if (made.part.name, made.scope) == (name, scope):
            return made
    return None


def _line(text: str, configuration: Configuration, made: Made) -> Location:
    """Returns the line of the argument that the text speaks of, else of the object."""
    bound = configuration.arguments(made.part, made.scope)
    for argument, binding in bound.items():
        if argument != "name" and re.search(rf"\b{argument}\b", text.split("\n")[0]):
            return binding.location
    return made.location

"""Early stopping on validation rows that the data set does not hold out."""

from collections.abc import Iterator

from mtframework.config.configuration import Configuration
from mtframework.config.finding import Finding
from mtframework.training.experiment import Experiment


def check(configuration: Configuration, experiment: Experiment) -> Iterator[Finding]:
    """Finds early stopping without validation rows, where the data set says so unread."""
    if experiment.early_stopping is None or experiment.dataset.holds_out_validation is not False:
        return
    source = type(experiment.dataset).__name__
    places = [made.location for made in configuration.made() if made.part.name == "EarlyStopping"]
    yield Finding(
        places[0] if places else configuration.source.location,
        f"EarlyStopping judges each epoch by validation rows, and {source}.validation_fraction "
        "is 0.",
        "Validation rows.",
        f"Add a line: {source}.validation_fraction = 0.1",
    )

"""Gin experiments: read, checked, built and recorded. Nothing else imports Gin."""

from mtframework.config.finding import CheckError, Finding, raise_errors
from mtframework.config.load import Loaded, load, load_experiment, load_parts

__all__ = [
    "CheckError",
    "Finding",
    "Loaded",
    "load",
    "load_experiment",
    "load_parts",
    "raise_errors",
]

"""A Keras 3 framework for recommenders that learn from several kinds of feedback at once."""

import random
from typing import Any

import lazy_loader

__version__ = "0.1.0"

# The names stand in __init__.pyi. Keras takes seconds to import, and `mtframework --help` must not
# wait for it: each name's home is imported when it is first asked for.
_import_home, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    # Libraries that a home imports may draw numbers; whoever has set a seed must not notice.
    state = random.getstate()
    try:
        return _import_home(name)
    finally:
        random.setstate(state)

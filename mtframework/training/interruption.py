"""Ctrl-C and SIGTERM while a model trains."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class Interruption:
    """Which signal has asked the training to end.

    Args:
        number: The signal's number; None while nobody has asked.
    """

    def __init__(self):
        self.number: int | None = None


@contextlib.contextmanager
def awaited() -> Iterator[Interruption]:
    """Notes the first Ctrl-C, SIGTERM or SIGHUP down instead of ending at once.

    The second one does what it would have done without this. In another thread than the main one,
    which receives no signals, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}

    def put_back() -> None:
        for number, handler in before.items():
            if handler is not None:  # None: it was not installed from Python
                signal.signal(number, handler)

    def note(number: int, _) -> None:
        if interruption.number is not None:
            put_back()
            signal.raise_signal(number)
        interruption.number = number

    for number, handler in before.items():
        if handler not in (None, signal.SIG_IGN):  # nohup: what is ignored stays so
            signal.signal(number, note)
    try:
        yield interruption
    finally:
        put_back()

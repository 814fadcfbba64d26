"""What ends a process when another one of its training has ended."""

import atexit
import os
import socket
import sys
import threading
import time
from typing import Any

from mtframework.data.dataset import print_to_stderr

SILENCE = 6.0
"""After how many seconds a process that says nothing is held to be dead."""

_BEAT = 1.0
_FAILED, _SEEN, _ALIVE = (f"mtframework/{name}/" for name in ("failed", "seen", "alive"))


class Watch(threading.Thread):
    """Says each second that this process is alive, and ends it where another one is not.

    A process may be waiting for others within a compiled step, where no exception reaches it: so
    the reason is printed and the process ended.

    Args:
        client: JAX's client of the coordination service.
        process_id: This process's number.
        num_processes: How many there are.
    """

    def __init__(self, client: Any, process_id: int, num_processes: int):
        super().__init__(name="watch", daemon=True)
        self.client = client
        self.process_id = process_id
        self.others = [str(each) for each in range(num_processes) if each != process_id]
        self.is_strict = False
        self._is_over = threading.Event()
        self._heard: dict[str, tuple[str, float]] = {}

    def run(self):
        number = 0
        while not self._is_over.wait(_BEAT):
            number += 1
            try:
                self._set(_ALIVE, str(number))
                reason = self._reason()
            except Exception as error:  # whatever the service's loss leads to
                reason = f"The process 0 cannot be reached: {error}"
            if reason is not None and not self._is_over.is_set():
                self._end(reason)

    def stop(self) -> None:
        """Ends the watch, not the process."""
        self._is_over.set()

    def fail(self, error: BaseException) -> None:
        """Tells the others why this process ends, and waits until they know.

        Where the error is only that another process has gone, this one ends by that reason.
        """
        if type(error).__module__.split(".")[0] != "mtframework" and self._lost_a_peer(error):
            time.sleep(SILENCE + 3 * _BEAT)
        self.stop()
        _leave_alone_at_exit()
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            told = "it was interrupted."
        try:
            self._set(_FAILED, f"The process {self.process_id} on {socket.gethostname()}: {told}")
            waits_until = time.monotonic() + SILENCE
            while time.monotonic() < waits_until:
                known = self._all(_SEEN) | self._all(_FAILED)
                if set(self.others) <= known.keys():
                    break
                time.sleep(0.1)
        except Exception:  # the service has gone: the others notice that
            return

    def _lost_a_peer(self, error: BaseException) -> bool:
        return any(word in str(error) for word in ("Gloo", "NCCL", "UNAVAILABLE", "INTERNAL"))

    def _reason(self) -> str | None:
        failed = self._all(_FAILED)
        for each in self.others:
            if each in failed:
                return f"Another process ended. {failed[each]}"
        if not self.is_strict:
            self._heard = {}
            return None
        now, alive = time.monotonic(), self._all(_ALIVE)
        for each in self.others:
            said, when = self._heard.get(each, ("", now))
            if alive.get(each, "") != said or each not in self._heard:
                self._heard[each] = alive.get(each, ""), now
            elif now - when > SILENCE:
                return f"The process {each} has ended, or cannot be reached: it said nothing."
        return None

    def _end(self, reason: str) -> None:
        print_to_stderr(f"Error: {reason}\nThis process, {self.process_id}, ends with it.")
        try:
            self._set(_SEEN, "")
            time.sleep(1.5 * _BEAT)  # with process 0 the service goes, which ends others at once
        finally:
            sys.stdout.flush()
            os._exit(1)

    def _set(self, folder: str, text: str) -> None:
        self.client.key_value_set(f"{folder}{self.process_id}", text, allow_overwrite=True)

    def _all(self, folder: str) -> dict[str, str]:
        found = self.client.key_value_dir_get(folder)
        return {key.rpartition("/")[2]: text for key, text in found}


def _leave_alone_at_exit() -> None:
    """Lets this process end without JAX's handshake, which would wait for processes that are gone.

    What was registered last runs first.
    """

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    atexit.register(leave)

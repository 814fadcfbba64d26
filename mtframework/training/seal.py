"""Which Python files of a run folder its own user wrote there."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path


def seal(files: Sequence[Path]) -> str | None:
    """Returns a seal of files' names and contents that only this user can make.

    It is an HMAC under a key of the user's own, made when it is first needed, in
    `$XDG_STATE_HOME/mtframework` (`~/.local/state/mtframework`). A folder that somebody else has
    made, or changed, has no such seal.

    Args:
        files: The files.

    Returns:
        The seal; None where there is no place for a key.
    """
    key = _key()
    if key is None:
        return None
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for file in sorted(files, key=lambda each: each.name):
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def is_sealed(files: Sequence[Path], written: str) -> bool:
    """Returns whether a seal is that of the files as they are now."""
    expected = seal(files)
    return expected is not None and hmac.compare_digest(expected, written.strip())


def _key() -> bytes | None:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(state) / "mtframework" / "key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    except OSError:
        return None
    return path.read_bytes()

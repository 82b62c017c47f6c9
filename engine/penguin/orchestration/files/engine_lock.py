"""Engine locks: a living engine holds a lock on a file of its own, so a dead one is noticed at once."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.safe_open import UnsafePath, open_state_file

LOCK = "engine.lock"
CLAIMS = "claims"
"""This file exists if the engine claims workflows without an owner."""
LAUNCHER_LOCK = "launcher.lock"
"""Locked by a launcher, which runs steps of the engine. It ends by itself when it has neither steps nor an engine.

The first launcher's lock is in the engine's folder, each further one's in a folder of its own there.
"""


class EngineLock:
    """The lock of this engine: a new id, and the folder and lock that prove that it is alive."""

    def __init__(self, engines: Path) -> None:
        self.id = uuid.uuid4().hex
        self.folder = engines / self.id
        make_private_folder(engines)
        self.folder.mkdir(mode=0o700)
        reach("identity.before")
        self._lock = open_state_file(self.folder / LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        reach("identity.after")

    def claims_all(self) -> None:
        """Announce that this engine claims workflows without an owner."""
        (self.folder / CLAIMS).touch(mode=0o600)

    def release(self) -> None:
        """Count as dead from now on. The folder stays for the engine that takes over its steps."""
        os.close(self._lock)


def is_alive(engines: Path, owner: str) -> bool:
    """Return whether the engine `owner` is alive. An unknown or empty one is not."""
    return _is_name(owner) and _is_locked(engines / owner / LOCK)


def may_run_steps(engines: Path, owner: str) -> bool:
    """Return whether steps of the engine `owner` may be running: it is alive, or one of its launchers is."""
    return is_alive(engines, owner) or (_is_name(owner) and any(map(_is_locked, _launcher_locks(engines / owner))))


def _launcher_locks(folder: Path) -> Iterator[Path]:
    yield folder / LAUNCHER_LOCK
    yield from folder.glob(f"*/{LAUNCHER_LOCK}")


def _is_name(owner: str) -> bool:
    """Return whether this can be the name of an engine's folder: a foreign database may hold any text."""
    return bool(owner) and owner not in (".", "..") and "/" not in owner and "\0" not in owner


def _is_locked(path: Path) -> bool:
    try:
        lock = open_state_file(path, os.O_RDWR)
    except (OSError, UnsafePath):
        return False
    try:
        # A shared lock for a moment, so that two callers do not mistake each other for the owner.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def live_engines(engines: Path) -> set[str]:
    """Return the ids of all living engines."""
    if not engines.is_dir():
        return set()
    return {entry.name for entry in engines.iterdir() if is_alive(engines, entry.name)}


def has_claiming_engine(engines: Path) -> bool:
    """Return whether an engine is alive that claims workflows without an owner."""
    return count_claiming_engines(engines) > 0


def count_claiming_engines(engines: Path) -> int:
    """Return the number of living engines that claim workflows without an owner."""
    return sum((engines / engine / CLAIMS).exists() for engine in live_engines(engines))

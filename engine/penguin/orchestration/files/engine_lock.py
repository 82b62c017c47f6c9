"""Who is alive: every engine holds a lock on a file of its own for as long as it lives, so a dead one shows at once."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.state_files import UnsafePath, open_state_file

LOCK = "engine.lock"
CLAIMS = "claims"
"""Is there where the engine takes up whatever nobody owns."""
LAUNCHER_LOCK = "launcher.lock"
"""Held by the process that runs the engine's steps; it ends by itself when it has neither steps nor engine."""


class EngineLock:
    """This engine: a fresh id, and the folder and lock that prove it alive."""

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
        """Tell the others that this engine takes up whatever nobody owns."""
        (self.folder / CLAIMS).touch(mode=0o600)

    def release(self) -> None:
        """From now on this engine counts as dead; its folder stays for whoever adopts its steps."""
        os.close(self._lock)


def is_alive(engines: Path, owner: str) -> bool:
    """Whether the engine `owner` lives. An unknown one, or none, does not."""
    return _is_name(owner) and _is_locked(engines / owner / LOCK)


def may_run_steps(engines: Path, owner: str) -> bool:
    """Whether steps of the engine `owner` may be under way: it lives, or its launcher outlives it."""
    return is_alive(engines, owner) or (_is_name(owner) and _is_locked(engines / owner / LAUNCHER_LOCK))


def _is_name(owner: str) -> bool:
    """Whether it can be the name of an engine's folder: a database that somebody else made may hold anything."""
    return bool(owner) and owner not in (".", "..") and "/" not in owner and "\0" not in owner


def _is_locked(path: Path) -> bool:
    try:
        lock = open_state_file(path, os.O_RDWR)
    except (OSError, UnsafePath):
        return False
    try:
        # A shared lock, held for a moment: two who ask at once don't take each other for the owner.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def live_engines(engines: Path) -> set[str]:
    """The ids of all engines that are alive."""
    if not engines.is_dir():
        return set()
    return {entry.name for entry in engines.iterdir() if is_alive(engines, entry.name)}


def has_claiming_engine(engines: Path) -> bool:
    """Whether an engine lives that takes up whatever nobody owns."""
    return count_claiming_engines(engines) > 0


def count_claiming_engines(engines: Path) -> int:
    """How many living engines take up whatever nobody owns."""
    return sum((engines / engine / CLAIMS).exists() for engine in live_engines(engines))

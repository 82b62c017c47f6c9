"""An open database: whether its files are still those that were opened, and a copy of what can still be read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.database_file import copy_database

PATIENCE = 5.0
"""Seconds after which a database that is not in its place counts as gone."""
RECENT = 0.01
"""Seconds for which a database that was in its place counts as there, so that quick commits don't check each time."""


class OpenFile:
    """The files of a database that this process has open.

    `is_complete` returns whether the file has what it had. It is called when the file was written, also by others.
    """

    def __init__(self, path: Path, is_complete: Callable[[], bool] = lambda: True) -> None:
        self._path = path
        self._log = Path(f"{path}-wal")
        self._is_complete = is_complete
        self._identity = _identity(path)
        self._log_identity = _identity(self._log)
        self._written = _written(path)
        self._log_size = 0
        self._incomplete = False
        self._seen_at = 0.0
        self._missing_since = 0.0

    def missing(self) -> StoreError | None:
        """Return the error if the database was moved, deleted, replaced or emptied, or its write-ahead log was."""
        now = time.monotonic()
        if now - self._seen_at < RECENT:
            return None
        if (problem := self._problem()) is None:
            self._seen_at, self._missing_since = now, 0.0
            return None
        self._missing_since = self._missing_since or now
        return StoreError(
            f"{problem} while this process uses it, so nothing can be recorded",
            "move it back; or end this process, and type: penguin check",
        )

    def _problem(self) -> str | None:
        if _identity(self._path) != self._identity:
            return f"{self._path} was moved, deleted or replaced"
        log = _identity(self._log)
        if self._log_identity == NO_FILE:
            self._log_identity = log
        if log != self._log_identity:
            return f"{self._log} was deleted or replaced"
        written, log_size = _written(self._path), _written(self._log)[0]
        # SQLite writes a log again from its beginning, but seldom shortens it.
        if written != self._written or log_size < self._log_size:
            self._written = written
            self._incomplete = not self._is_complete()
        self._log_size = log_size
        return f"{self._path} was emptied or overwritten" if self._incomplete else None

    @property
    def is_gone(self) -> bool:
        """Return whether it has been missing for PATIENCE, since the first check that noticed it."""
        return bool(self._missing_since) and time.monotonic() - self._missing_since > PATIENCE


NO_FILE = (0, 0)


def save_copy(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Copy what a connection still reads to a file beside the database. Return it; None if that fails.

    A deleted file can be read until it is closed. `/workflow list` and `penguin check` find the copy.
    """
    if not path.parent.is_dir():
        return None
    target = path.with_name(f"{path.stem}-saved-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db")
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError:
        return None
    try:
        copy_database(connection, target)
    except (StoreError, MemoryError):
        target.unlink(missing_ok=True)
        return None
    return target


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode of a file; NO_FILE if there is none."""
    try:
        found = path.stat()
    except OSError:
        return NO_FILE
    return (found.st_dev, found.st_ino)


def _written(path: Path) -> tuple[int, int]:
    """Return the size of a file, and when it was last written."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)

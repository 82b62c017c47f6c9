"""Backups of databases while other processes write to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.safe_open import split_state
from penguin.orchestration.files.workspace_key import add_backup, read_key
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import copy_database

HINT = "choose another name; backups do not overwrite files"


class BackupCopy(NamedTuple):
    """A copy of a database."""

    source: Path
    path: Path
    bytes: int


def back_up_all(databases: Sequence[Path], target: Path) -> list[BackupCopy]:
    """Copy several databases, as far as they exist: the first one to `target`, the others beside it.

    The others are named after `target` and their own names. Raises what `back_up` raises; then no copy is left.
    """
    existing = [path for path in databases if path.exists()] or [databases[0]]
    targets = [target, *(target.with_name(f"{target.name}.{source.name}") for source in existing[1:])]
    made: list[BackupCopy] = []
    try:
        for source, path in zip(existing, targets, strict=True):
            made.append(BackupCopy(source, path, back_up(source, path)))
    except BaseException:
        for copied in made:
            copied.path.unlink(missing_ok=True)
        raise
    _record(made)
    return made


def _record(copies: Sequence[BackupCopy]) -> None:
    """Record copies outside of the workspace, where they are found when the workspace is lost."""
    state, _ = split_state(copies[0].source)
    if key := read_key(state) if state else "":
        for copy in copies:
            add_backup(key, os.path.realpath(copy.path))


def back_up(db: Path, target: Path) -> int:
    """Copy the whole database, as it is at this moment, to a new private file. Return its size in bytes.

    Writers are not blocked. Raises StoreError if there is no database, or `target` exists or can't be written.
    """
    if os.path.lexists(target):
        raise StoreError(f"{target} exists", HINT)
    source = open_reader(db)
    if source is None:
        found = "is empty" if db.exists() else "does not exist"
        raise StoreError(f"there is nothing to back up: {db} {found}", "penguin check names what it lost, if anything")
    try:
        _claim(target)
        try:
            copy_database(source, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    finally:
        source.close()
    return target.stat().st_size


def _claim(target: Path) -> None:
    """Create the file, readable by its owner only from its first byte on."""
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise StoreError(f"{target} exists", HINT) from None
    except OSError as error:
        raise StoreError(f"can't write {target}: {error.strerror}", "choose another folder") from error

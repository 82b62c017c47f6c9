"""Leftovers of crashes in `.penguin/`: folders and files that nothing uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.files.engine_lock import may_run_steps
from penguin.orchestration.files.safe_open import refuse_links
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.database_file import saved_copies, sql_list
from penguin.orchestration.store.workspace_databases import ENGINES, MIRROR_FOLDER, Database
from penguin.orchestration.workflow_status import ACTIVE

QUIET = 60.0
"""Seconds. A path that changed more recently may be about to be used: a retry creates a workflow's folder before the
workflow, and an engine its folder before its lock."""
UNFINISHED = ("*/*.tmp", "*.new", "*.lock")
"""Temporary files in a workflow's folder, renamed when complete. Files of steps are one folder deeper."""


_ACTIVE = sql_list(ACTIVE)
OWNERS = f"SELECT DISTINCT owner FROM run WHERE status IN ({_ACTIVE})"


class Leftover(NamedTuple):
    """A folder or a file that nothing needs."""

    path: Path
    reason: str


class ReferencedFiles:
    """What the databases of a workspace refer to: all their workflows, and the owners of active ones."""

    def __init__(self, workspace: Workspace) -> None:
        self.workflows: dict[str, int] = {}
        """By id: in how many databases it is."""
        self.owners: dict[Path, set[str]] = {
            workspace.engines: set(),
            workspace.state / MIRROR_FOLDER / ENGINES: set(),
        }
        """Owners by the folder of their engines."""

    def scan(self, database: Database, connection: sqlite3.Connection) -> None:
        """Add one database, as it is in the transaction of this connection."""
        for (workflow_id,) in connection.execute("SELECT workflow_id FROM run"):
            self.workflows[workflow_id] = self.workflows.get(workflow_id, 0) + 1
        self.owners[database.engines].update(row[0] for row in connection.execute(OWNERS))


def leftovers(workspace: Workspace, needed: ReferencedFiles, now: float) -> Iterator[Leftover]:
    """Yield what nothing needs, according to the databases at `now`."""
    before = now - QUIET
    for folder in _entries(workspace.runs):
        if folder.name in needed.workflows:
            yield from _unfinished(folder, before)
        elif _is_older(folder, before):
            yield Leftover(folder, "run folder without a workflow")
    for engines, owners in needed.owners.items():
        yield from dead_engines(engines, owners, now)


def old_copies(db: Path, before: float) -> Iterator[Leftover]:
    """Yield the copies of a database that Penguin saved before a time. They may be all that is left of a loss."""
    for path in saved_copies(db):
        if _is_older(path, before):
            yield Leftover(path, "saved copy of the database")


def dead_engines(engines: Path, owners: Collection[str], now: float) -> Iterator[Leftover]:
    """Yield the folders of engines that are dead, have no running step, and own no active workflow."""
    before = now - QUIET
    for folder in _entries(engines):
        unowned = folder.name not in owners and _is_older(folder, before)
        if unowned and not may_run_steps(engines, folder.name):
            yield Leftover(folder, "folder of a dead engine")


def remove_dead_engines(workspace: Workspace, owners: Collection[str]) -> None:
    """Remove the folders of dead engines, except those that own active workflows."""
    for folder in dead_engines(workspace.engines, owners, time.time()):
        remove(folder.path)


def remove(leftover: Path) -> str:
    """Remove a file or a folder with all its contents. Return why a part could not be removed, or ''."""
    try:
        if leftover.is_symlink() or not leftover.is_dir():
            leftover.unlink(missing_ok=True)
            return ""
        try:
            shutil.rmtree(leftover)
        except PermissionError:
            _open_folders(leftover)
            shutil.rmtree(leftover)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def size_of(folder: Path) -> int:
    """Return the size of a folder's files in bytes."""
    total = 0
    for path in _files(folder):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _open_folders(top: Path) -> None:
    """Make folders writable: tools leave folders behind that even their owner can't empty."""
    top.chmod(stat.S_IRWXU)
    for parent, names, _ in os.walk(top):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)


def _unfinished(folder: Path, before: float) -> Iterator[Leftover]:
    for pattern in UNFINISHED:
        for path in folder.glob(pattern):
            if _is_older(path, before):
                yield Leftover(path, "file that was never finished")


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def _entries(folder: Path) -> list[Path]:
    # The target of a link is not a leftover.
    refuse_links(folder)
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return False

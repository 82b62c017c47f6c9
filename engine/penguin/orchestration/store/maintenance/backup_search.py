"""The search for copies of a workspace's database, and what of the lost workflows they hold."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.safe_open import UnsafePath, open_to_read
from penguin.orchestration.files.workflow_index import earlier_keys
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import KEY_FILE, read_key, recorded_backups
from penguin.orchestration.store.connection import untouched
from penguin.orchestration.store.database_file import APPLICATION_ID, uri_of
from penguin.orchestration.store.maintenance.lost_workflows import Loss
from penguin.orchestration.store.open_workflow_index import read_numbers

MAGIC = b"SQLite format 3\0"
"""The beginning of every database. https://sqlite.org/fileformat2.html#the_database_header"""


class FoundBackup(NamedTuple):
    """A copy of a database."""

    path: Path
    modified_at: float
    """Seconds since the epoch."""
    numbers: Mapping[str, int]
    """By workflow: the number of its newest decision."""

    def count(self, loss: Loss) -> int:
        """Return how many of the lost workflows it holds with all their decisions, as far as their number is known."""
        lost = (*loss.workflows, *loss.earlier)
        return sum(self.numbers.get(one.workflow_id, 0) >= max(1, one.made) for one in lost)

    def count_partly(self, loss: Loss) -> int:
        """Return of how many more of the lost workflows it holds decisions that the database lacks."""
        lost = (*loss.workflows, *loss.earlier)
        return sum(one.left < self.numbers.get(one.workflow_id, 0) < one.made for one in lost)

    def describe(self, loss: Loss) -> str:
        """Return its time, and how many of the lost workflows it holds."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.modified_at))
        lost, partly = len(loss.workflows) + len(loss.earlier), self.count_partly(loss)
        more = f", {partly} in part" if partly else ""
        return f"of {at}, holds {self.count(loss)} of {lost} lost workflow{'' if lost == 1 else 's'} completely{more}"


def find_backups(workspace: Workspace, loss: Loss) -> list[FoundBackup]:
    """Return the copies of the database, those that hold most of the lost workflows first, and of these the newest.

    Looks where `/backup` wrote copies of this workspace, in the workspace's folder and in the folders in it.
    """
    paths = dict.fromkeys(_candidates(workspace))
    found = [backup for path in paths if path != workspace.db and (backup := _read(path)) is not None]
    return sorted(found, key=lambda it: (it.count(loss), it.count_partly(loss), it.modified_at), reverse=True)


def best_backup(workspace: Workspace, loss: Loss) -> FoundBackup | None:
    """Return the copy that holds most of the lost workflows; None if no copy holds a part of any."""
    return next((one for one in find_backups(workspace, loss) if one.count(loss) or one.count_partly(loss)), None)


def restore_command(workspace: Workspace, backup: FoundBackup, loss: Loss) -> str:
    """Return the shell command that puts a copy in the place of the database. It deletes no other workflows."""
    state, db, source = (shlex.quote(str(it)) for it in (workspace.state, workspace.db, backup.path))
    missing = not os.path.lexists(workspace.state)
    aside_folder = Path(f"{workspace.state}.other")
    move_aside = "" if missing else f"mv {state} {shlex.quote(str(aside_folder))} && "
    if (backup.path.parent / KEY_FILE).is_file() and backup.path.parent != workspace.state:
        # A whole `.penguin` under another name.
        return f"{move_aside}mv {shlex.quote(str(backup.path.parent))} {state}"
    if missing or not loss.workflows:
        # The database that is there has lost nothing: it is of the workspace that replaced the lost one.
        if not missing and backup.path.parent == workspace.state:
            source = shlex.quote(str(aside_folder / backup.path.name))
        return f"{move_aside}mkdir -m 700 {state} && cp {source} {db} && penguin trust --yes"
    # The log of the old database must not be applied to the copy.
    return f"rm -f {db}-wal {db}-shm && cp {source} {db}"


def _candidates(workspace: Workspace) -> Iterator[Path]:
    key = read_key(str(workspace.state))
    for one in (key, *earlier_keys(workspace.name, key)):
        yield from map(Path, recorded_backups(one) if one else ())
    for folder in (workspace.root, workspace.state):
        yield from _entries(folder)
    for folder in _entries(workspace.root):
        # A moved `.penguin`, or a folder for backups.
        if folder.is_dir() and not folder.is_symlink() and folder != workspace.state:
            yield folder / workspace.db.name


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> FoundBackup | None:
    """Return a copy of a database, or None for any other file and for a copy that can't be read."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or not _is_database(path):
            return None
        connection = sqlite3.connect(f"{uri_of(path)}?mode=ro{untouched(path)}", uri=True)
        try:
            connection.execute("PRAGMA trusted_schema=OFF")
            if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                return None
            return FoundBackup(path, found.st_mtime, read_numbers(connection))
        finally:
            connection.close()
    except (OSError, sqlite3.DatabaseError, StoreError, UnsafePath):
        return None


def _is_database(path: Path) -> bool:
    with open_to_read(path) as file:
        return file.read(len(MAGIC)) == MAGIC

"""The databases of a workspace: that of the native backend, and one for each namespace and task queue on a Temporal
server.

They have the same tables. Only the first one holds complete histories; the others cache parts of a server's.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.safe_open import UnsafePath, refuse_links
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.connection import untouched
from penguin.orchestration.store.database_file import sql_list
from penguin.orchestration.workflow_status import ACTIVE

log = logging.getLogger(__name__)

MIRROR_FOLDER = "temporal"
"""Below `.penguin/`."""
MIRRORS = "known-*.db"
ENGINES = "engines"
_ACTIVE = sql_list(ACTIVE)
_UNFINISHED = f"SELECT count(*) FROM run WHERE status IN ({_ACTIVE})"


class Database(NamedTuple):
    """A database."""

    db: Path
    whole: bool
    """Whether it holds all data of its workflows."""

    @property
    def engines(self) -> Path:
        """The folder in which the engines of its workflows prove that they are alive."""
        return self.db.parent / ENGINES


def workspace_databases(workspace: Workspace) -> list[Database]:
    """Return all databases, that of the native backend first, even if it does not exist."""
    return [Database(workspace.db, True), *(Database(path, False) for path in cache_databases(workspace))]


def cache_databases(workspace: Workspace) -> list[Path]:
    """Return the caches of workflows on servers."""
    return sorted((workspace.state / MIRROR_FOLDER).glob(MIRRORS))


def count_active_elsewhere(workspace: Workspace, backend: str) -> int:
    """Return how many workflows on the other backend are not final, as far as this workspace knows.

    Creates no file. An unreadable database counts as empty here; `penguin check` reports it.
    """
    paths = cache_databases(workspace) if backend == "native" else [workspace.db]
    return sum(_unfinished(path) for path in paths)


def _unfinished(path: Path) -> int:
    try:
        if not path.exists() or not path.stat().st_size:
            return 0
        refuse_links(path)
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{untouched(path)}", uri=True, timeout=0.2)
        try:
            return int(connection.execute(_UNFINISHED).fetchone()[0])
        finally:
            connection.close()
    except (sqlite3.DatabaseError, StoreError, UnsafePath, OSError) as error:
        log.info("%s can't be read: %s", path, error)
        return 0

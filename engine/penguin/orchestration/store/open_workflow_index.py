"""The index of a database's workflows: opened beside the database, and created from it if there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.safe_open import split_state
from penguin.orchestration.files.workflow_index import IndexWriter, newest_entries
from penguin.orchestration.files.workspace_key import read_key
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import explain_error
from penguin.orchestration.store.queries import HAS

NUMBERS = """
SELECT workflow_id, CASE typeof(seq) WHEN 'integer' THEN seq ELSE 0 END FROM run
WHERE created_at < ? AND typeof(workflow_id) = 'text' ORDER BY updated_at, workflow_id
"""
ALWAYS = float("inf")
COUNT = "SELECT count(*) FROM run"


def read_numbers(connection: sqlite3.Connection, before: float = ALWAYS) -> dict[str, int]:
    """Return the number of the newest decision of each workflow that started before a time, last changed last.

    The number is 0 if the database holds something else for it.
    """
    return dict(connection.execute(NUMBERS, (before,)))


def holds(db: str | Path, entries: Collection[tuple[str, int]]) -> bool:
    """Return whether the database has the newest entries of its index: a loss takes the newest decisions first.

    Raises StoreError if it can't be read.
    """
    connection = open_reader(db) if entries else None
    if connection is None:
        return not entries
    try:
        return all(connection.execute(HAS, entry).fetchone() for entry in entries)
    except sqlite3.DatabaseError as error:
        raise explain_error(error, db) from error
    finally:
        connection.close()


def is_complete(db: Path) -> bool:
    """Return whether the database of a workspace can be read, and has the newest entries of its index."""
    state, names = split_state(db)
    key = read_key(state) if len(names) == 1 else ""
    try:
        return holds(db, newest_entries(key) or ()) if key else True
    except StoreError:
        return False


def open_index(db: Path, connection: sqlite3.Connection) -> IndexWriter:
    """Open the index of a workspace's workflows. Nothing is recorded for any other database, and without a key."""
    state, names = split_state(db)
    key = read_key(state) if len(names) == 1 else ""
    index = IndexWriter(key, lambda: read_numbers(connection))
    (count,) = connection.execute(COUNT).fetchone()
    index.compact(count, lambda workflow_id: (db.parent / "runs" / workflow_id).is_dir())
    return index

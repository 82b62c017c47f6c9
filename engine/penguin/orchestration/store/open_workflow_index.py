"""The index of a database's workflows: opened beside the database, and created from it if there is none."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from penguin.orchestration.files.safe_open import split_state
from penguin.orchestration.files.workflow_index import IndexWriter
from penguin.orchestration.files.workspace_key import read_key

NUMBERS = "SELECT workflow_id, seq FROM run WHERE created_at < ? ORDER BY updated_at, workflow_id"
ALWAYS = float("inf")
COUNT = "SELECT count(*) FROM run"


def read_numbers(connection: sqlite3.Connection, before: float = ALWAYS) -> dict[str, int]:
    """Return the number of the newest decision of each workflow that started before a time, last changed last."""
    return dict(connection.execute(NUMBERS, (before,)))


def open_index(db: Path, connection: sqlite3.Connection) -> IndexWriter:
    """Open the index of a workspace's workflows. Nothing is recorded for any other database, and without a key."""
    state, names = split_state(db)
    key = read_key(state) if len(names) == 1 else ""
    index = IndexWriter(key, lambda: read_numbers(connection))
    (count,) = connection.execute(COUNT).fetchone()
    index.compact(count, lambda workflow_id: (db.parent / "runs" / workflow_id).is_dir())
    return index

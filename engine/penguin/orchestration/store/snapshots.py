"""Snapshots of conversations as rows: what lists show without a look at what they hold, and what they hold, by id."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from penguin.orchestration.backend import StoreError, WorkflowError, WorkflowPhase
from penguin.orchestration.core.times import from_timestamp
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.queries import NAMED, Rows, WorkflowReader

FileRow = tuple[str, str, int, bytes]
"""Snapshot, name, bytes, and the file compressed."""
LEVEL = 3
"""Of compression: a third of the time of the default one, for some percent more bytes."""
LONGEST = 200
"""Bytes of a part of a session file's name."""

COLUMNS = """snapshot_id, workflow_id, created_at, task_id, phase, attempt, agent, session_id, messages, bytes,
    turns, tokens, usd, minutes"""
SAVE = """
INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (snapshot_id) DO UPDATE SET workflow_id = excluded.workflow_id, created_at = excluded.created_at,
    task_id = excluded.task_id, phase = excluded.phase, attempt = excluded.attempt, agent = excluded.agent,
    session_id = excluded.session_id, messages = excluded.messages, bytes = excluded.bytes, turns = excluded.turns,
    tokens = excluded.tokens, usd = excluded.usd, minutes = excluded.minutes
"""
SAVE_CONVERSATION = "INSERT OR REPLACE INTO conversation VALUES (?, ?)"
DROP_FILES = "DELETE FROM session_file WHERE snapshot_id = ?"
SAVE_FILE = "INSERT INTO session_file VALUES (?, ?, ?, ?)"
FORGET = "DELETE FROM snapshot WHERE workflow_id = ?"
"""What they hold goes with them."""


class SnapshotNotFound(WorkflowError):
    """No snapshot has this id."""

    code = "snapshot_not_found"


class SnapshotRow(NamedTuple):
    """A snapshot, as a list shows it."""

    snapshot_id: str
    workflow_id: str
    created_at: datetime
    """Aware, UTC."""
    task_id: str
    phase: WorkflowPhase | None
    attempt: int
    """0: it belongs to no attempt."""
    agent: str
    session_id: str
    messages: int
    bytes: int
    """Of the conversation as JSON, not compressed."""
    spent: UsageTotals
    """What the run of the agent took that it was saved after."""


class SnapshotReader(WorkflowReader):
    """Reads snapshots from a database that others write. See WorkflowReader for threads and errors."""

    def snapshots(self, workflow_id: str | None = None, limit: int = 2**62) -> list[SnapshotRow]:
        """The snapshots of a workflow, or all, the newest first, at most `limit`."""
        sql, parameters = rows_query(workflow_id)
        return [_row(row) for row in self._rows(sql, (*parameters, limit))]

    def snapshot(self, snapshot_id: str) -> SnapshotRow | None:
        """One snapshot, or None where there is none."""
        rows = self._rows(f"SELECT {COLUMNS} FROM snapshot WHERE snapshot_id = ?", (snapshot_id,))
        return _row(rows[0]) if rows else None

    def find_snapshot(self, beginning: str) -> SnapshotRow | None:
        """The one snapshot whose id begins so, or None; raises SnapshotNotFound where there are several."""
        sql = f"SELECT {COLUMNS} FROM snapshot WHERE snapshot_id >= ? AND snapshot_id < ? ORDER BY snapshot_id LIMIT ?"
        found = [_row(row) for row in self._rows(sql, (beginning, beginning + "\U0010ffff", NAMED + 1))]
        if len(found) > 1:
            named = ", ".join(it.snapshot_id for it in found[:NAMED]) + (", …" if len(found) > NAMED else "")
            message = f"{beginning!r} is the beginning of several snapshots: {named}"
            raise SnapshotNotFound(message, "type more of the id")
        return found[0] if found else None

    def conversation(self, snapshot_id: str) -> bytes | None:
        """All of a snapshot as JSON, or None where there is none."""
        rows = self._rows("SELECT data FROM conversation WHERE snapshot_id = ?", (snapshot_id,))
        return zlib.decompress(rows[0][0]) if rows else None

    def conversations(self, workflow_id: str | None) -> list[bytes]:
        """Those of a workflow, or all, the oldest first."""
        where, parameters = ("", ()) if workflow_id is None else ("WHERE workflow_id = ?", (workflow_id,))
        sql = (
            f"SELECT data FROM snapshot JOIN conversation USING (snapshot_id) {where} ORDER BY created_at, snapshot_id"
        )
        return [zlib.decompress(row[0]) for row in self._rows(sql, parameters)]

    def session_sizes(self, snapshot_id: str) -> dict[str, int]:
        """By name: how many bytes the agent's own files have."""
        sql = "SELECT name, bytes FROM session_file WHERE snapshot_id = ? ORDER BY name"
        return dict(self._rows(sql, (snapshot_id,)))

    def session_files(self, snapshot_id: str) -> dict[str, bytes]:
        """By name: the agent's own files, exact; none where none were kept."""
        rows = self._rows("SELECT name, data FROM session_file WHERE snapshot_id = ? ORDER BY name", (snapshot_id,))
        return {name: zlib.decompress(data) for name, data in rows}

    def _rows(self, sql: str, parameters: Iterable[str | float]) -> Rows:
        try:
            return super()._rows(sql, parameters)
        except UnicodeEncodeError:
            # Bytes of a command line that are no text: nothing is called so.
            return []


def rows_query(workflow_id: str | None) -> tuple[str, tuple[str, ...]]:
    """The SQL of a list of snapshots without its limit, and its parameters. It walks an index in its order."""
    order = "ORDER BY created_at DESC, snapshot_id DESC LIMIT ?"
    if workflow_id is None:
        return f"SELECT {COLUMNS} FROM snapshot INDEXED BY snapshot_created {order}", ()
    sql = f"SELECT {COLUMNS} FROM snapshot INDEXED BY snapshot_workflow WHERE workflow_id = ? {order}"
    return sql, (workflow_id,)


def file_rows(snapshot_id: str, files: Mapping[str, bytes]) -> list[FileRow]:
    """The rows of the agent's own files. Raises StoreError for a name that leads out of a folder."""
    for name in files:
        if not is_plain(name):
            raise StoreError(
                f"a session file can't be called {name!r}", "a path below the folder of sessions is needed"
            )
    return [(snapshot_id, name, len(data), zlib.compress(data, LEVEL)) for name, data in files.items()]


def is_plain(name: str) -> bool:
    """Whether a name is a relative path with slashes that leads nowhere but down."""
    parts = name.split("/")
    # What is printable is neither a half of a character nor something that ends or steers a line.
    return name.isprintable() and all(
        part not in ("", ".", "..") and len(part.encode()) <= LONGEST and "\\" not in part for part in parts
    )


def _row(row: tuple[Any, ...]) -> SnapshotRow:
    snapshot_id, workflow_id, created_at, task_id, phase, attempt, agent, session_id, messages, size, *spent = row
    return SnapshotRow(
        snapshot_id=snapshot_id,
        workflow_id=workflow_id,
        created_at=from_timestamp(created_at),
        task_id=task_id,
        phase=WorkflowPhase(phase) if phase else None,
        attempt=attempt,
        agent=agent,
        session_id=session_id,
        messages=messages,
        bytes=size,
        spent=UsageTotals(*spent),
    )

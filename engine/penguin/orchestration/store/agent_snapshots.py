"""Snapshots as rows: their descriptions for lists, and their contents by id."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from penguin.orchestration.backend import StoreError, WorkflowError, WorkflowPhase
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.database_file import UNREADABLE_VALUE, damaged_value, numbers
from penguin.orchestration.store.queries import NAMED, Rows, WorkflowReader

FileRow = tuple[str, str, int, bytes]
"""Snapshot, name, bytes, and the compressed file."""
LEVEL = 3
"""Compression level: takes a third of the time of the default one, for a few percent more bytes."""
LARGEST = 1 << 30
"""Maximum bytes of a conversation or a file of it. A few kilobytes can unpack to more than fits into memory."""
LONGEST = 200
"""Maximum bytes of one part of a session file's name."""

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
"""Deletes the contents with the rows."""


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
    """The usage of the agent's run that ended with this snapshot."""


class SnapshotReader(WorkflowReader):
    """Reads snapshots from a database that other processes write. See WorkflowReader for threads and errors."""

    def snapshots(self, workflow_id: str | None = None, limit: int = 2**62) -> list[SnapshotRow]:
        """Return the snapshots of a workflow, or all, the newest first, at most `limit`."""
        sql, parameters = rows_query(workflow_id)
        return [self._row(row) for row in self._rows(sql, (*parameters, limit))]

    def snapshot(self, snapshot_id: str) -> SnapshotRow | None:
        """Return one snapshot, or None if the id is unknown."""
        rows = self._rows(f"SELECT {COLUMNS} FROM snapshot WHERE snapshot_id = ?", (snapshot_id,))
        return self._row(rows[0]) if rows else None

    def find_snapshot(self, beginning: str) -> SnapshotRow | None:
        """Return the one snapshot with this prefix, or None. Raises SnapshotNotFound if there are several."""
        sql = f"SELECT {COLUMNS} FROM snapshot WHERE snapshot_id >= ? AND snapshot_id < ? ORDER BY snapshot_id LIMIT ?"
        found = [self._row(row) for row in self._rows(sql, (beginning, beginning + "\U0010ffff", NAMED + 1))]
        if len(found) > 1:
            named = ", ".join(snapshot.snapshot_id for snapshot in found[:NAMED]) + (
                ", …" if len(found) > NAMED else ""
            )
            message = f"{beginning!r} matches several snapshots: {named}"
            raise SnapshotNotFound(message, "type more of the id")
        return found[0] if found else None

    def conversation(self, snapshot_id: str) -> bytes | None:
        """Return a whole snapshot as JSON, or None if the id is unknown."""
        rows = self._rows("SELECT data FROM conversation WHERE snapshot_id = ?", (snapshot_id,))
        return self._unpacked(rows[0][0], snapshot_id) if rows else None

    def conversations(self, workflow_id: str | None) -> list[bytes]:
        """Return those of a workflow, or all, the oldest first."""
        where, parameters = ("", ()) if workflow_id is None else ("WHERE workflow_id = ?", (workflow_id,))
        table = "snapshot JOIN conversation USING (snapshot_id)"
        sql = f"SELECT snapshot_id, data FROM {table} {where} ORDER BY created_at, snapshot_id"
        return [self._unpacked(data, snapshot_id) for snapshot_id, data in self._rows(sql, parameters)]

    def session_sizes(self, snapshot_id: str) -> dict[str, int]:
        """Return the sizes of the agent's own files in bytes, by name."""
        sql = "SELECT name, bytes FROM session_file WHERE snapshot_id = ? ORDER BY name"
        return dict(self._rows(sql, (snapshot_id,)))

    def session_files(self, snapshot_id: str) -> dict[str, bytes]:
        """Return the agent's own files by name; empty if none were saved."""
        rows = self._rows("SELECT name, data FROM session_file WHERE snapshot_id = ? ORDER BY name", (snapshot_id,))
        for name, _ in rows:
            # They are written to folders under these names.
            if not is_plain(name):
                raise damaged_value(ValueError(f"its file name {name!r} leads elsewhere"), self._db, snapshot_id)
        return {name: self._unpacked(data, snapshot_id) for name, data in rows}

    def _row(self, row: tuple[Any, ...]) -> SnapshotRow:
        try:
            return _row(row)
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, f"the row of snapshot {row[0]!r}") from error

    def _unpacked(self, data: bytes, snapshot_id: str) -> bytes:
        try:
            return unpack(data)
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, f"snapshot {snapshot_id!r}") from error

    def _rows(self, sql: str, parameters: Iterable[str | float]) -> Rows:
        try:
            return super()._rows(sql, parameters)
        except UnicodeEncodeError:
            # Bytes of a command line that are not UTF-8: no snapshot has such an id.
            return []


def rows_query(workflow_id: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the SQL of a list of snapshots, without its limit, and its parameters. It reads an index in its order."""
    order = "ORDER BY created_at DESC, snapshot_id DESC LIMIT ?"
    if workflow_id is None:
        return f"SELECT {COLUMNS} FROM snapshot INDEXED BY snapshot_created {order}", ()
    sql = f"SELECT {COLUMNS} FROM snapshot INDEXED BY snapshot_workflow WHERE workflow_id = ? {order}"
    return sql, (workflow_id,)


def file_rows(snapshot_id: str, files: Mapping[str, bytes]) -> list[FileRow]:
    """Return the rows of the agent's own files. Raises StoreError for a name that leads out of a folder."""
    for name in files:
        if not is_plain(name):
            raise StoreError(f"invalid name of a session file: {name!r}", "use a relative path without '..'")
    return [(snapshot_id, name, len(data), zlib.compress(data, LEVEL)) for name, data in files.items()]


def unpack(data: bytes) -> bytes:
    """Return compressed data as it was. Raises ValueError if it is damaged, or larger than LARGEST."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacker.eof:
        raise ValueError(f"it is truncated, or larger than {LARGEST >> 20} MB")
    return unpacked


def is_plain(name: str) -> bool:
    """Return whether a name is a relative path with slashes that only leads down."""
    parts = name.split("/")
    # Printable text contains neither half a character nor control characters.
    return name.isprintable() and all(
        part not in ("", ".", "..") and len(part.encode()) <= LONGEST and "\\" not in part for part in parts
    )


def _row(row: tuple[Any, ...]) -> SnapshotRow:
    snapshot_id, workflow_id, created_at, task_id, phase, attempt, agent, session_id, messages, size, *spent = row
    attempt, messages, size, *spent = numbers((attempt, messages, size, *spent))
    return SnapshotRow(
        snapshot_id=snapshot_id,
        workflow_id=workflow_id,
        created_at=datetime.fromtimestamp(created_at, UTC),
        task_id=task_id,
        phase=WorkflowPhase(phase) if phase else None,
        attempt=attempt,
        agent=agent,
        session_id=session_id,
        messages=messages,
        bytes=size,
        spent=UsageTotals(*spent),
    )

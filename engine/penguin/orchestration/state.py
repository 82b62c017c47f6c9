"""The state of a workspace for Python programs: active workflows, and saved conversations of agents."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penguin.orchestration.backend import StoreError, WorkflowInfo, WorkflowPhase
from penguin.orchestration.core.usage import usage_totals
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.safe_open import split_state
from penguin.orchestration.files.trust_status import require_known
from penguin.orchestration.store.agent_snapshots import (
    DROP_FILES,
    LEVEL,
    SAVE,
    SAVE_CONVERSATION,
    SAVE_FILE,
    FileRow,
    SnapshotReader,
    SnapshotRow,
    file_rows,
)
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import DATABASE_ERRORS, UNREADABLE_VALUE, damaged_value, explain_error
from penguin.orchestration.workflow_status import ACTIVE

ALL = 2**62


@dataclass(frozen=True, slots=True)
class ContextSnapshot:
    """A saved conversation of an agent, which a later attempt can continue."""

    snapshot_id: str
    workflow_id: str
    """Id of a workflow, not necessarily one of Penguin's."""
    conversation_history: list[dict[str, Any]]
    """JSON objects, oldest first."""
    created_at: datetime
    """A naive time is local time. It is returned as it was saved."""
    task_id: str = ""
    phase: WorkflowPhase | None = None
    """The phase of the conversation."""
    attempt: int = 0
    """0: it belongs to no attempt."""
    agent: str = ""
    session_id: str = ""
    """The agent's own id for the conversation."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Any JSON object. Its `usage` (`turns`, `tokens`, `usd`, `minutes`) is shown as the cost of the conversation."""


class WorkflowStateStore:
    """The database of a workspace, or any other file. Synchronous; use it from one thread at a time.

    The file and its folder are created if they are missing. All methods raise StoreError if the file can't be used.

    Args:
        db_path: Path of the file.

    Raises:
        StoreError: The file can't be opened.
        WorkspaceNotTrusted: The file is in a `.penguin/` that is not this user's own.
    """

    def __init__(self, db_path: str | Path) -> None:
        self._path = Path(db_path)
        state, _ = split_state(self._path)
        if state:
            require_known(Path(state))
        try:
            make_private_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"can't create {self._path.parent}: {error.strerror}", "choose another folder") from error
        self._connection = open_store(self._path)
        self._closed = False
        self._reader = SnapshotReader(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The store can't be used afterwards."""
        self._closed = True
        self._reader.close()
        self._connection.close()

    def list_active_workflows(self) -> list[WorkflowInfo]:
        """Return the workflows that are not final, the newest first.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        return self._reader.list(statuses=ACTIVE, limit=ALL)

    # --- snapshots ---

    def save_context_snapshot(self, snapshot: ContextSnapshot, files: Mapping[str, bytes] | None = None) -> None:
        """Save a snapshot. It replaces one with the same id.

        Args:
            snapshot: The snapshot.
            files: The agent's own files, saved in the same transaction as in `save_session_files`. None: keep the files
                that were saved before.

        Raises:
            StoreError: The snapshot holds something that is not JSON, or the database can't be written.
        """
        try:
            data = encode_snapshot(snapshot)
            row, packed = _row(snapshot, len(data)), zlib.compress(data, LEVEL)
            kept = None if files is None else file_rows(snapshot.snapshot_id, files)
            with self._writing() as connection:
                connection.execute(SAVE, row)
                connection.execute(SAVE_CONVERSATION, (snapshot.snapshot_id, packed))
                if kept is not None:
                    _replace_files(connection, snapshot.snapshot_id, kept)
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise StoreError(
                f"snapshot {snapshot.snapshot_id!r} can't be saved: {error}", "use only JSON values"
            ) from error

    def get_context_snapshot(self, snapshot_id: str) -> ContextSnapshot | None:
        """Return a snapshot as it was saved.

        Args:
            snapshot_id: Id of the snapshot.

        Returns:
            The snapshot, or None if the id is unknown.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        data = self._reader.conversation(snapshot_id)
        return None if data is None else self._decoded(data)

    def has_context_snapshot(self, snapshot_id: str) -> bool:
        """Return whether a snapshot has this id, without reading its conversation.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        return self._reader.snapshot(snapshot_id) is not None

    def list_context_snapshots(self, workflow_id: str | None = None) -> list[ContextSnapshot]:
        """Return snapshots with their conversations, the oldest first.

        Args:
            workflow_id: Only snapshots of this workflow.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        return [self._decoded(data) for data in self._reader.conversations(workflow_id)]

    def _decoded(self, data: bytes) -> ContextSnapshot:
        try:
            return decode_snapshot(data)
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._path, "a snapshot") from error

    def snapshots(self, workflow_id: str | None = None) -> list[SnapshotRow]:
        """Return rows that describe snapshots, without their conversations, the newest first.

        Args:
            workflow_id: Only snapshots of this workflow.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        return self._reader.snapshots(workflow_id)

    def save_session_files(self, snapshot_id: str, files: Mapping[str, bytes]) -> None:
        """Save the agent's own files of a snapshot. They replace all that were saved before.

        Args:
            snapshot_id: Id of the snapshot.
            files: Contents by name. A name is a relative path with slashes.

        Raises:
            StoreError: A name is not valid, there is no such snapshot, or the database can't be written.
        """
        rows = file_rows(snapshot_id, files)
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM snapshot WHERE snapshot_id = ?", (snapshot_id,)).fetchone():
                raise StoreError(f"there is no snapshot {snapshot_id!r}", "save the snapshot first")
            _replace_files(connection, snapshot_id, rows)

    def session_files(self, snapshot_id: str) -> dict[str, bytes]:
        """Return the agent's own files of a snapshot.

        Args:
            snapshot_id: Id of the snapshot.

        Returns:
            Contents by name; empty if no files were saved.

        Raises:
            StoreError: The database can't be read.
        """
        self._require_open()
        return self._reader.session_files(snapshot_id)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction."""
        self._require_open()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except DATABASE_ERRORS as error:
            raise explain_error(error, self._path) from error

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path} is closed", "open the store again")


def _replace_files(connection: sqlite3.Connection, snapshot_id: str, rows: Sequence[FileRow]) -> None:
    connection.execute(DROP_FILES, (snapshot_id,))
    connection.executemany(SAVE_FILE, rows)


def encode_snapshot(snapshot: ContextSnapshot) -> bytes:
    """Return a snapshot as JSON. Raises what `json.dumps` raises."""
    # A conversation may be long, and `asdict` would copy it.
    values = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    return json.dumps(values | {"created_at": snapshot.created_at.isoformat()}, allow_nan=False).encode()


def _row(snapshot: ContextSnapshot, size: int) -> tuple[str | float, ...]:
    created_at = snapshot.created_at.timestamp()
    # A row that can't be read again would break every list.
    datetime.fromtimestamp(created_at, UTC)
    return (
        snapshot.snapshot_id,
        snapshot.workflow_id,
        created_at,
        snapshot.task_id,
        WorkflowPhase(snapshot.phase) if snapshot.phase else "",
        snapshot.attempt,
        snapshot.agent,
        snapshot.session_id,
        len(snapshot.conversation_history),
        size,
        *usage_totals(snapshot.metadata.get("usage")),
    )


def decode_snapshot(data: bytes) -> ContextSnapshot:
    """Return the snapshot of a JSON document."""
    values = json.loads(data)
    values["created_at"] = datetime.fromisoformat(values["created_at"])
    values["phase"] = WorkflowPhase(values["phase"]) if values["phase"] else None
    return ContextSnapshot(**values)

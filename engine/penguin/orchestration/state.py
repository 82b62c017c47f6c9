"""What a Python program reads and keeps by itself: active workflows, and the saved conversations of agents."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penguin.orchestration.backend import ACTIVE, StoreError, WorkflowInfo, WorkflowPhase
from penguin.orchestration.core.times import from_timestamp
from penguin.orchestration.core.usage import usage_totals
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.standing import require_known
from penguin.orchestration.files.state_files import split_state
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import explain_error
from penguin.orchestration.store.snapshots import (
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

ALL = 2**62


@dataclass(frozen=True, slots=True)
class ContextSnapshot:
    """A saved conversation of an agent, so that a later attempt can go on from it."""

    snapshot_id: str
    workflow_id: str
    """Penguin need not know it."""
    conversation_history: list[dict[str, Any]]
    """JSON objects, oldest first."""
    created_at: datetime
    """A naive one means local time. It comes back as it was given."""
    task_id: str = ""
    phase: WorkflowPhase | None = None
    """The phase in which the conversation was held."""
    attempt: int = 0
    """0: it belongs to no attempt."""
    agent: str = ""
    session_id: str = ""
    """The agent's own name for the conversation."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Any JSON object. What is in its `usage` (`turns`, `tokens`, `usd`, `minutes`) is shown as what it cost."""


class WorkflowStateStore:
    """The database of a workspace, or any other file: synchronous, for one thread at a time.

    The file and its folder are made where they are missing. All methods raise StoreError where it can't be used; to
    open a file in a `.penguin/` that is not this user's own raises WorkspaceNotTrusted.
    """

    def __init__(self, db_path: str | Path) -> None:
        self._path = Path(db_path)
        state, _ = split_state(self._path)
        if state:
            require_known(Path(state))
        try:
            make_private_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"can't make {self._path.parent}: {error.strerror}", "choose another place") from error
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
        """Close the file. The store is of no use after that."""
        self._closed = True
        self._reader.close()
        self._connection.close()

    def list_active_workflows(self) -> list[WorkflowInfo]:
        """Every workflow that is not over, the newest first."""
        self._require_open()
        return self._reader.list(statuses=ACTIVE, limit=ALL)

    # --- snapshots ---

    def save_context_snapshot(self, snapshot: ContextSnapshot, files: Mapping[str, bytes] | None = None) -> None:
        """Keep a snapshot; one of the same id is replaced. With `files`, see `save_session_files`, at the same moment;
        without, those that were kept stay.

        Raises StoreError for what is no JSON.
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
                f"snapshot {snapshot.snapshot_id!r} can't be kept: {error}", "keep nothing but JSON in it"
            ) from error

    def get_context_snapshot(self, snapshot_id: str) -> ContextSnapshot | None:
        """The snapshot as it was saved, or None where there is none."""
        self._require_open()
        data = self._reader.conversation(snapshot_id)
        return None if data is None else decode_snapshot(data)

    def has_context_snapshot(self, snapshot_id: str) -> bool:
        """Whether there is a snapshot with this id, without reading it."""
        self._require_open()
        return self._reader.snapshot(snapshot_id) is not None

    def list_context_snapshots(self, workflow_id: str | None = None) -> list[ContextSnapshot]:
        """The snapshots of a workflow, or all, oldest first, each with all that it holds."""
        self._require_open()
        return [decode_snapshot(data) for data in self._reader.conversations(workflow_id)]

    def snapshots(self, workflow_id: str | None = None) -> list[SnapshotRow]:
        """What there is to show of the snapshots of a workflow, or all, without what they hold; the newest first."""
        self._require_open()
        return self._reader.snapshots(workflow_id)

    def save_session_files(self, snapshot_id: str, files: Mapping[str, bytes]) -> None:
        """Keep the agent's own files of a snapshot, by their names, in place of those that were kept.

        A name is a relative path with slashes. Raises StoreError for another one, and where there is no such snapshot.
        """
        rows = file_rows(snapshot_id, files)
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM snapshot WHERE snapshot_id = ?", (snapshot_id,)).fetchone():
                raise StoreError(f"there is no snapshot {snapshot_id!r}", "save the snapshot first")
            _replace_files(connection, snapshot_id, rows)

    def session_files(self, snapshot_id: str) -> dict[str, bytes]:
        """The agent's own files of a snapshot, by their names, exact; none where none were kept."""
        self._require_open()
        return self._reader.session_files(snapshot_id)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        self._require_open()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            raise explain_error(error, self._path) from error

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path} was closed", "open the store again")


def _replace_files(connection: sqlite3.Connection, snapshot_id: str, rows: Sequence[FileRow]) -> None:
    connection.execute(DROP_FILES, (snapshot_id,))
    connection.executemany(SAVE_FILE, rows)


def encode_snapshot(snapshot: ContextSnapshot) -> bytes:
    """A snapshot as JSON, as the store and the storage keep it. Raises what `json.dumps` raises."""
    # A conversation may be long: `asdict` would copy it first.
    values = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    return json.dumps(values | {"created_at": snapshot.created_at.isoformat()}, allow_nan=False).encode()


def _row(snapshot: ContextSnapshot, size: int) -> tuple[str | float, ...]:
    created_at = snapshot.created_at.timestamp()
    # What can't be read again would hide all the others from a list.
    from_timestamp(created_at)
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
    """The snapshot of which this is the JSON."""
    values = json.loads(data)
    values["created_at"] = datetime.fromisoformat(values["created_at"])
    values["phase"] = WorkflowPhase(values["phase"]) if values["phase"] else None
    return ContextSnapshot(**values)

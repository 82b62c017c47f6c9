"""What a Python program reads and keeps by itself: active workflows, and the saved conversations of agents."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penguin.orchestration.backend import ACTIVE, StoreError, WorkflowInfo, WorkflowPhase
from penguin.orchestration.private import make_private
from penguin.orchestration.store.connection import explain_error, open_store
from penguin.orchestration.store.reader import WorkflowReader

ALL = 2**62
SAVE = "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)"


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
    """Any JSON object."""


class WorkflowStateStore:
    """The database of a workspace, or any other file: synchronous, for one thread at a time.

    The file and its folder are made where they are missing. All methods raise StoreError where it can't be used.
    """

    def __init__(self, db_path: str | Path) -> None:
        self._path = Path(db_path)
        try:
            make_private(self._path.parent)
        except OSError as error:
            raise StoreError(f"can't make {self._path.parent}: {error.strerror}", "choose another place") from error
        self._connection = open_store(self._path)
        self._reader = WorkflowReader(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The store is of no use after that."""
        self._reader.close()
        self._connection.close()

    def list_active_workflows(self) -> list[WorkflowInfo]:
        """Every workflow that is not over, the newest first."""
        return self._reader.list(statuses=ACTIVE, limit=ALL)

    def save_context_snapshot(self, snapshot: ContextSnapshot) -> None:
        """Keep a snapshot; one of the same id is replaced. Raises StoreError for what is no JSON."""
        try:
            data = zlib.compress(_encode(snapshot))
            row = (snapshot.snapshot_id, snapshot.workflow_id, snapshot.created_at.timestamp(), data)
            self._execute(SAVE, row)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise StoreError(
                f"snapshot {snapshot.snapshot_id!r} can't be kept: {error}", "keep nothing but JSON in it"
            ) from error

    def get_context_snapshot(self, snapshot_id: str) -> ContextSnapshot | None:
        """The snapshot as it was saved, or None where there is none."""
        rows = self._execute("SELECT data FROM snapshot WHERE snapshot_id = ?", (snapshot_id,))
        return _decode(rows[0][0]) if rows else None

    def list_context_snapshots(self, workflow_id: str | None = None) -> list[ContextSnapshot]:
        """The snapshots of a workflow, or all, oldest first."""
        where, parameters = ("", ()) if workflow_id is None else ("WHERE workflow_id = ?", (workflow_id,))
        rows = self._execute(f"SELECT data FROM snapshot {where} ORDER BY created_at, snapshot_id", parameters)
        return [_decode(row[0]) for row in rows]

    def _execute(self, sql: str, parameters: Iterable[str | float | bytes]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.ProgrammingError as error:
            raise StoreError(f"{self._path}: {error}", "open the store again") from error
        except sqlite3.DatabaseError as error:
            raise explain_error(error, self._path) from error


def _encode(snapshot: ContextSnapshot) -> bytes:
    fields = asdict(snapshot) | {"created_at": snapshot.created_at.isoformat()}
    return json.dumps(fields, allow_nan=False).encode()


def _decode(data: bytes) -> ContextSnapshot:
    fields = json.loads(zlib.decompress(data))
    fields["created_at"] = datetime.fromisoformat(fields["created_at"])
    fields["phase"] = WorkflowPhase(fields["phase"]) if fields["phase"] else None
    return ContextSnapshot(**fields)

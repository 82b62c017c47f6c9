"""What this workspace knows of workflows on the server: a store of the same shape as the embedded backend's.

The server says how things stand; the mirror is what was last heard. So every rule about dependencies, waiting and
lists is asked of it with the same code as on the embedded backend. What is over is kept: that a task was completed
outlives the server's retention.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import ACTIVE, WorkflowInfo
from penguin.orchestration.core.views import workflow_info
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import explain_error, sql_list
from penguin.orchestration.store.dependencies import dependency_state
from penguin.orchestration.store.rows import INSERT_EVENT, INSERT_RUN, inserted_run
from penguin.orchestration.temporal.client.memo import WorkflowSnapshot

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.core.state import State
    from penguin.orchestration.files.workspace import Workspace

FOLDER = "temporal"
_NEWER = "SELECT seq, status, phase FROM run WHERE workflow_id = ?"
_ACTIVE = f"SELECT workflow_id FROM run WHERE status IN ({sql_list(ACTIVE)})"
_BEGUN = f"{_ACTIVE} AND phase != 'PENDING' AND project_id = ? AND blueprint_id = ? LIMIT 1"
_WORKED = "SELECT workflow_id, blueprint_id FROM run WHERE project_id = ? AND attempt > 0 ORDER BY created_at"
_PENDING = "SELECT workflow_id, dependencies FROM run WHERE project_id = ? AND status = 'PENDING'"
_PRUNED = "SELECT number FROM pruned WHERE project_id = ? AND task_id = ?"
_HOLDS_TREE = "SELECT holds_tree FROM run WHERE workflow_id = ?"
_MARK = "CREATE TABLE IF NOT EXISTS heard (at REAL NOT NULL)"


def cache_path(state: Path, namespace: str, task_queue: str) -> Path:
    """The file, below `.penguin/`: another one for each place on a server."""
    digest = hashlib.sha256(f"{namespace}\0{task_queue}".encode()).hexdigest()[:8]
    return state / FOLDER / f"known-{digest}.db"


def workspace_cache(workspace: Workspace, settings: Settings) -> Path:
    """The file of a workspace with these settings."""
    temporal = settings.temporal
    return cache_path(workspace.state, temporal.namespace or "", temporal.task_queue or "")


class LocalCache:
    """May be used from several threads. Methods raise StoreError where the file can't be used."""

    def __init__(self, path: Path) -> None:
        make_private_folder(path.parent)
        self.path = path
        self.place = path.stem
        """What all hosts call it, of whatever workspace: it has the names of namespace and task queue in it."""
        self.listeners: list[Callable[[WorkflowInfo], None]] = []
        """Called, on the thread that heard it, with each workflow whose status or phase changed."""
        self.connection = open_store(path)
        self._lock = threading.RLock()
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'heard'").fetchone():
            self._make_ours()

    def _make_ours(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        # Of two active workflows of one task one is over already: word of it is on its way.
        self.connection.execute("DROP INDEX IF EXISTS run_active")
        self.connection.execute("CREATE INDEX run_active ON run (project_id, task_id)")
        self.connection.execute(_MARK)
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()

    def update(self, *heard: WorkflowSnapshot) -> None:
        """Take in how workflows stand, unless something newer is known."""
        told = []
        with self._lock:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                told = [seen for seen in heard if self._take_in(seen)]
                self.connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise explain_error(error, self.path) from error
        for seen in told:
            for listener in tuple(self.listeners):
                listener(workflow_info(seen.state))

    def _take_in(self, seen: WorkflowSnapshot) -> bool:
        """Whether status or phase changed."""
        state = seen.state
        known = self.connection.execute(_NEWER, (state.workflow_id,)).fetchone()
        if known is not None and known[0] >= seen.seq:
            return False
        if known is None and state.is_final and self._is_pruned(state):
            return False
        self.connection.execute(INSERT_RUN.replace("INSERT", "INSERT OR REPLACE", 1), inserted_run(state, seen.seq))
        return known is None or known[1:] != (state.status.value, state.phase.value)

    def _is_pruned(self, state: State) -> bool:
        """Whether it was forgotten here, while the server still keeps it."""
        task = state.definition.task
        row = self.connection.execute(_PRUNED, (task.project_id, task.id)).fetchone()
        return row is not None and state.number <= int(row[0])

    def forget(self, workflow_id: str) -> None:
        """The server knows nothing of an active workflow."""
        with self._lock:
            self.connection.execute("DELETE FROM event WHERE workflow_id = ?", (workflow_id,))
            self.connection.execute("DELETE FROM run WHERE workflow_id = ?", (workflow_id,))

    def active(self) -> set[str]:
        """The workflows that were active when they were last heard of."""
        with self._lock:
            return {row[0] for row in self.connection.execute(_ACTIVE)}

    def waiting_for(self, project_id: str, task_id: str) -> list[str]:
        """The workflows of a project that have not begun and depend on a task."""
        with self._lock:
            rows = self.connection.execute(_PENDING, (project_id,)).fetchall()
        return [workflow_id for workflow_id, dependencies in rows if task_id in json.loads(dependencies)]

    def begun(self, project_id: str, blueprint_id: str) -> bool:
        """Whether an active workflow of a blueprint has begun."""
        with self._lock:
            return self.connection.execute(_BEGUN, (project_id, blueprint_id)).fetchone() is not None

    def work_before(
        self, workflow_id: str, project_id: str, blueprint_id: str, dependencies: Sequence[str]
    ) -> list[str]:
        """The other workflows, the oldest first, whose work a workflow builds on: its blueprint's, and those by which
        its dependencies were met."""
        met = (dependency_state(self.connection, project_id, task_id).workflow_id for task_id in dependencies)
        with self._lock:
            rows = self.connection.execute(_WORKED, (project_id,)).fetchall()
            wanted = {*met}
        return [one for one, of in rows if one != workflow_id and (of == blueprint_id or one in wanted)]

    def holds_tree(self, workflow_id: str) -> bool:
        """Whether a workflow holds the working tree in which it runs."""
        with self._lock:
            row = self.connection.execute(_HOLDS_TREE, (workflow_id,)).fetchone()
        return row is not None and bool(row[0])

    def owned_by(self, engine: str) -> set[str]:
        """The active workflows whose last attempt an engine began."""
        with self._lock:
            return {row[0] for row in self.connection.execute(f"{_ACTIVE} AND owner = ?", (engine,))}

    def seq_of(self, workflow_id: str) -> int:
        """The number of the newest decision that is known; 0: none."""
        with self._lock:
            row = self.connection.execute(_NEWER, (workflow_id,)).fetchone()
        return int(row[0]) if row else 0

    # --- events ---

    def keep_events(self, workflow_id: str, rows: Iterable[tuple[int, str]]) -> None:
        """Keep decisions, as number and JSON."""
        insert = INSERT_EVENT.replace("INSERT", "INSERT OR IGNORE", 1)
        with self._lock:
            self.connection.executemany(insert, [_event(workflow_id, *row) for row in rows])

    def events_known(self, workflow_id: str) -> int:
        """Up to which decision the events are kept."""
        sql = "SELECT coalesce(max(seq), 0) FROM event WHERE workflow_id = ?"
        with self._lock:
            return int(self.connection.execute(sql, (workflow_id,)).fetchone()[0])

    # --- when the server was asked ---

    @property
    def heard_at(self) -> float:
        """When everything was last asked for, seconds since the epoch; 0: never."""
        with self._lock:
            row = self.connection.execute("SELECT max(at) FROM heard").fetchone()
        return float(row[0] or 0.0)

    def note_heard(self, at: float) -> None:
        """Everything was asked for at this moment."""
        with self._lock:
            self.connection.execute("DELETE FROM heard")
            self.connection.execute("INSERT INTO heard VALUES (?)", (at,))


def _event(workflow_id: str, seq: int, data: str) -> tuple[str, int, float, str, str]:
    events = json.loads(data)
    return (workflow_id, seq, events[-1]["at"], "+".join(event["type"] for event in events), data)

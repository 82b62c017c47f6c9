"""The local cache of the workflows on the server: a store with the schema of the native backend.

The server is authoritative; the cache holds what was last read. So rules about dependencies, waiting and lists use the
same code as on the native backend. Finished workflows stay in the cache: a completed task is remembered longer than the
server's retention.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.core.workflow_info import workflow_info
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error, sql_list
from penguin.orchestration.store.dependencies import awaited_workflows, dependency_state
from penguin.orchestration.store.open_file import OpenFile
from penguin.orchestration.store.rows import INSERT_EVENT, INSERT_RUN, inserted_run
from penguin.orchestration.temporal.client.memo import WorkflowSnapshot
from penguin.orchestration.workflow_status import ACTIVE

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
_OWNER = "SELECT owner FROM run WHERE workflow_id = ?"
_MARK = "CREATE TABLE IF NOT EXISTS heard (at REAL NOT NULL)"


def cache_path(state: Path, namespace: str, task_queue: str) -> Path:
    """Return the file, below `.penguin/`: one for each namespace and task queue on a server."""
    digest = hashlib.sha256(f"{namespace}\0{task_queue}".encode()).hexdigest()[:8]
    return state / FOLDER / f"known-{digest}.db"


def workspace_cache(workspace: Workspace, settings: Settings) -> Path:
    """Return the file of a workspace with these settings."""
    temporal = settings.temporal
    return cache_path(workspace.state, temporal.namespace or "", temporal.task_queue or "")


class LocalCache:
    """The cache of one workspace.

    It may be used from several threads. Methods raise StoreError if the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        make_private_folder(path.parent)
        self.path = path
        self.id_namespace = path.stem
        """A name that is the same on all hosts and for all workspaces; it contains namespace and task queue."""
        self.listeners: list[Callable[[WorkflowInfo], None]] = []
        """Called, on the thread that updates the cache, with each workflow whose status or phase changed."""
        self.connection = open_store(path)
        self._file = OpenFile(path)
        self._lock = threading.RLock()
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'heard'").fetchone():
            self._make_ours()

    def _make_ours(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        # Of two active workflows of one task, one is over already, and its update is on its way.
        self.connection.execute("DROP INDEX IF EXISTS run_active")
        self.connection.execute("CREATE INDEX run_active ON run (project_id, task_id)")
        self.connection.execute(_MARK)
        self.connection.execute("COMMIT")

    def require_in_place(self) -> None:
        """Raise StoreError if the file has been missing in its place for some seconds, and with it the workspace."""
        missing = self._file.missing()
        if missing is not None and self._file.is_gone:
            raise missing

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()

    def update(self, *heard: WorkflowSnapshot) -> None:
        """Update the states of workflows, unless the cache holds newer ones."""
        told = []
        with self._lock:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                told = [seen for seen in heard if self._take_in(seen)]
                self.connection.execute("COMMIT")
            except DATABASE_ERRORS as error:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise explain_error(error, self.path) from error
        for seen in told:
            for listener in tuple(self.listeners):
                listener(workflow_info(seen.state))

    def _take_in(self, seen: WorkflowSnapshot) -> bool:
        """Update one state. Return whether status or phase changed."""
        state = seen.state
        known = self.connection.execute(_NEWER, (state.workflow_id,)).fetchone()
        if known is not None and known[0] >= seen.seq:
            return False
        if known is None and state.is_final and self._is_pruned(state):
            return False
        self.connection.execute(INSERT_RUN.replace("INSERT", "INSERT OR REPLACE", 1), inserted_run(state, seen.seq))
        return known is None or known[1:] != (state.status.value, state.phase.value)

    def _is_pruned(self, state: State) -> bool:
        """Return whether it was pruned here while the server still has it."""
        task = state.definition.task
        row = self.connection.execute(_PRUNED, (task.project_id, task.id)).fetchone()
        return row is not None and state.number <= int(row[0])

    def forget(self, workflow_id: str) -> None:
        """Remove an active workflow that the server does not know."""
        with self._lock:
            self.connection.execute("DELETE FROM event WHERE workflow_id = ?", (workflow_id,))
            self.connection.execute("DELETE FROM run WHERE workflow_id = ?", (workflow_id,))

    def active(self) -> set[str]:
        """Return the workflows that were active at the last update."""
        with self._lock:
            return {row[0] for row in self.connection.execute(_ACTIVE)}

    def waiting_for(self, project_id: str, task_id: str) -> list[str]:
        """Return the workflows of a project that have not started and depend on a task."""
        with self._lock:
            rows = self.connection.execute(_PENDING, (project_id,)).fetchall()
        return [workflow_id for workflow_id, dependencies in rows if task_id in json.loads(dependencies)]

    def begun(self, project_id: str, blueprint_id: str) -> bool:
        """Return whether an active workflow of a blueprint has started."""
        with self._lock:
            return self.connection.execute(_BEGUN, (project_id, blueprint_id)).fetchone() is not None

    def work_before(
        self, workflow_id: str, project_id: str, blueprint_id: str, dependencies: Sequence[str]
    ) -> list[str]:
        """Return the workflows on whose work this one builds, the oldest first: its blueprint's and dependencies."""
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

    def is_awaited(self, workflow_id: str, waiting: Iterable[str]) -> bool:
        """Return whether one of these workflows waits for a workflow."""
        with self._lock:
            return workflow_id in awaited_workflows(self.connection, waiting)

    def owner_of(self, workflow_id: str) -> str:
        """Return the engine that started its last attempt; '' if none did."""
        with self._lock:
            row = self.connection.execute(_OWNER, (workflow_id,)).fetchone()
        return str(row[0]) if row else ""

    def owned_by(self, engine: str) -> set[str]:
        """Return the active workflows whose last attempt this engine started."""
        with self._lock:
            return {row[0] for row in self.connection.execute(f"{_ACTIVE} AND owner = ?", (engine,))}

    def seq_of(self, workflow_id: str) -> int:
        """Return the number of the newest known decision; 0: none."""
        with self._lock:
            row = self.connection.execute(_NEWER, (workflow_id,)).fetchone()
        return int(row[0]) if row else 0

    # --- events ---

    def keep_events(self, workflow_id: str, rows: Iterable[tuple[int, str]]) -> None:
        """Store decisions, as number and JSON."""
        insert = INSERT_EVENT.replace("INSERT", "INSERT OR IGNORE", 1)
        with self._lock:
            self.connection.executemany(insert, [_event(workflow_id, *row) for row in rows])

    def events_known(self, workflow_id: str) -> int:
        """Return the number of the last decision whose events are stored."""
        sql = "SELECT coalesce(max(seq), 0) FROM event WHERE workflow_id = ?"
        with self._lock:
            return int(self.connection.execute(sql, (workflow_id,)).fetchone()[0])

    # --- time of updates ---

    @property
    def synced_at(self) -> float:
        """Return when the last full update was made, in seconds since the epoch; 0: never."""
        with self._lock:
            row = self.connection.execute("SELECT max(at) FROM heard").fetchone()
        return float(row[0] or 0.0)

    def note_synced(self, at: float) -> None:
        """Record a full update at this moment."""
        with self._lock:
            self.connection.execute("DELETE FROM heard")
            self.connection.execute("INSERT INTO heard VALUES (?)", (at,))


def _event(workflow_id: str, seq: int, data: str) -> tuple[str, int, float, str, str]:
    events = json.loads(data)
    return (workflow_id, seq, events[-1]["at"], "+".join(event["type"] for event in events), data)

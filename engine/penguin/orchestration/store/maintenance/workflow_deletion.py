"""Deletion of old workflows from a database: their selection, and their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.files.workflow_index import REMOVED
from penguin.orchestration.store.agent_snapshots import FORGET as FORGET_SNAPSHOTS
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error, sql_list
from penguin.orchestration.store.maintenance.crash_leftovers import ReferencedFiles
from penguin.orchestration.store.open_workflow_index import open_index
from penguin.orchestration.store.workspace_databases import Database
from penguin.orchestration.workflow_status import FINAL

# The newest COMPLETED workflow of a task meets dependencies: without it, ready tasks would not be ready any more.
OLD = f"""
SELECT workflow_id, project_id, task_id, number, status, updated_at FROM run
WHERE status IN ({sql_list(FINAL)}) AND updated_at < ?
AND NOT (status = 'COMPLETED' AND number = (
    SELECT max(number) FROM run AS other INDEXED BY run_completed
    WHERE other.project_id = run.project_id AND other.task_id = run.task_id AND other.status = 'COMPLETED'
))
ORDER BY updated_at, workflow_id
"""
REMEMBER = """
INSERT INTO pruned VALUES (?, ?, ?)
ON CONFLICT (project_id, task_id) DO UPDATE SET number = max(number, excluded.number)
"""
FORGET = tuple(f"DELETE FROM {table} WHERE workflow_id = ?" for table in ("event", "run"))


class PrunableWorkflow(NamedTuple):
    """A workflow that will be deleted, or was."""

    workflow_id: str
    project_id: str
    task_id: str
    number: int
    status: WorkflowStatus
    updated_at: float
    """Seconds since the epoch: when it ended."""
    bytes: int = 0
    """Size of its files in bytes."""


class StorePruner:
    """One database while it is pruned."""

    def __init__(self, database: Database, opened: ExitStack) -> None:
        self._database = database
        self._connection = open_store(database.db)
        opened.callback(self._connection.close)
        self._index = open_index(database.db, self._connection)
        opened.callback(self._index.close)
        self.old: list[PrunableWorkflow] = []

    def survey(self, needed: ReferencedFiles, before: float) -> None:
        """Find what is needed, and what is old."""
        with self._explained():
            self.old = _old(self._connection, before)
            self._connection.execute("BEGIN")
            needed.scan(self._database, self._connection)
            self._connection.execute("COMMIT")

    def forget(self, batch: tuple[PrunableWorkflow, ...]) -> None:
        """Delete workflows."""
        # First: a check at this moment must not report them as lost.
        self._index.append((one.workflow_id, REMOVED) for one in batch)
        with self._explained():
            _forget(self._connection, batch)

    def forget_conversations(self, workflow_ids: Iterable[str]) -> None:
        """Delete the conversations of their agents."""
        with self._explained():
            for workflow_id in workflow_ids:
                # One at a time: they may be large, and engines wait for the lock.
                self._connection.execute(FORGET_SNAPSHOTS, (workflow_id,))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DATABASE_ERRORS as error:
            raise explain_error(error, self._database.db) from error


def _old(connection: sqlite3.Connection, before: float) -> list[PrunableWorkflow]:
    return [
        PrunableWorkflow(workflow_id, project_id, task_id, number, WorkflowStatus(status), updated_at)
        for workflow_id, project_id, task_id, number, status, updated_at in connection.execute(OLD, (before,))
    ]


def _forget(connection: sqlite3.Connection, batch: tuple[PrunableWorkflow, ...]) -> None:
    # Final workflows stay final, and an older COMPLETED one never becomes the newest: no need to check again.
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            REMEMBER, [(workflow.project_id, workflow.task_id, workflow.number) for workflow in batch]
        )
        for statement in FORGET:
            connection.executemany(statement, [(workflow.workflow_id,) for workflow in batch])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

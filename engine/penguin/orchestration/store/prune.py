"""`/workflow prune`: forgetting workflows that are long over, and removing what crashes left behind.

The rows of a workflow go first, then its checkpoints, its folder last. A crash in between leaves a folder without a
workflow, which `penguin check` lists and the next pruning removes, with what is left of the checkpoints.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import FINAL, WorkflowStatus
from penguin.orchestration.inside import refuse_inside_step
from penguin.orchestration.store.check import OWNERS
from penguin.orchestration.store.connection import explain_error, open_store
from penguin.orchestration.store.leftovers import Leftover, leftovers, remove, size_of
from penguin.orchestration.tree.checkpoints import drop_checkpoints
from penguin.orchestration.tree.git import GitTrouble
from penguin.orchestration.workspace import Workspace

log = logging.getLogger(__name__)

BATCH = 100
"""Workflows whose rows go in one transaction: engines that write meanwhile wait for no longer than that."""
# A dependency is met by the newest COMPLETED workflow of its task: without it, what was ready would not be any more.
OLD = f"""
SELECT workflow_id, project_id, task_id, number, status, updated_at FROM run
WHERE status IN ({", ".join(f"'{status}'" for status in sorted(FINAL))}) AND updated_at < ?
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
FORGET = tuple(f"DELETE FROM {table} WHERE workflow_id = ?" for table in ("snapshot", "event", "run"))


class Old(NamedTuple):
    """A workflow that is to go, or gone."""

    workflow_id: str
    project_id: str
    task_id: str
    number: int
    status: WorkflowStatus
    updated_at: float
    """Seconds since the epoch: when it ended."""
    bytes: int = 0
    """What its steps left in files."""


class Pruned(NamedTuple):
    """What went, or would go."""

    workflows: tuple[Old, ...]
    leftovers: tuple[Leftover, ...]
    stuck: tuple[Leftover, ...] = ()
    """What could not be removed, and why."""


def prune(workspace: Workspace, age: float, *, dry_run: bool = False) -> Pruned:
    """Forget the workflows that ended more than `age` seconds ago, and remove what nothing needs.

    Never an active workflow, nor the newest COMPLETED one of a task. With `dry_run` nothing is changed. Raises
    StoreError where the database can't be used; what was forgotten until then is gone.
    """
    refuse_inside_step(workspace.root, "prune workflows")
    if not workspace.db.exists():
        return Pruned((), ())
    connection = open_store(workspace.db)
    try:
        now = time.time()
        old = _old(connection, now - age)
        if dry_run:
            return Pruned(tuple(_sized(workspace, old)), tuple(_left(connection, workspace, now)))
        return _prune(connection, workspace, old, now)
    except sqlite3.DatabaseError as error:
        raise explain_error(error, workspace.db) from error
    finally:
        connection.close()


def _prune(connection: sqlite3.Connection, workspace: Workspace, old: Sequence[Old], now: float) -> Pruned:
    # What nothing needs goes first: on a full disk that may be the room that forgetting takes.
    left = tuple(_left(connection, workspace, now))
    stuck = _clear(workspace, [one.path for one in left])
    gone: list[Old] = []
    for start in range(0, len(old), BATCH):
        batch = tuple(_sized(workspace, old[start : start + BATCH]))
        _forget(connection, batch)
        gone += batch
        stuck += _clear(workspace, [workspace.runs / one.workflow_id for one in batch])
    held = {one.path for one in stuck}
    return Pruned(tuple(gone), tuple(one for one in left if one.path not in held), tuple(stuck))


def _clear(workspace: Workspace, paths: Sequence[Path]) -> list[Leftover]:
    """Remove files and folders, those of workflows together with what git keeps for them; what could not be."""
    folders = [path for path in paths if path.parent == workspace.runs]
    trouble = _drop(workspace, folders)
    # The folder is what tells the next pruning that something is still to be dropped.
    stuck = [Leftover(folder, trouble) for folder in folders if trouble]
    others = [path for path in paths if not (trouble and path in folders)]
    return [*stuck, *(Leftover(path, why) for path in others if (why := remove(path)))]


def _drop(workspace: Workspace, folders: Sequence[Path]) -> str:
    """Drop the checkpoints of workflows; why that could not be, or ''."""
    try:
        if folders:
            drop_checkpoints(workspace.root, *(folder.name for folder in folders))
    except GitTrouble as error:
        return error.message
    return ""


def _old(connection: sqlite3.Connection, before: float) -> list[Old]:
    return [
        Old(workflow_id, project_id, task_id, number, WorkflowStatus(status), updated_at)
        for workflow_id, project_id, task_id, number, status, updated_at in connection.execute(OLD, (before,))
    ]


def _sized(workspace: Workspace, old: Iterable[Old]) -> Iterator[Old]:
    return (one._replace(bytes=size_of(workspace.runs / one.workflow_id)) for one in old)


def _left(connection: sqlite3.Connection, workspace: Workspace, now: float) -> Iterator[Leftover]:
    connection.execute("BEGIN")
    known = {row[0] for row in connection.execute("SELECT workflow_id FROM run")}
    owners = {row[0] for row in connection.execute(OWNERS)}
    connection.execute("COMMIT")
    return leftovers(workspace, known, owners, now)


def _forget(connection: sqlite3.Connection, batch: tuple[Old, ...]) -> None:
    # What is final stays so, and a COMPLETED workflow that is not the newest never becomes it: no need to look again.
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(REMEMBER, [(one.project_id, one.task_id, one.number) for one in batch])
        for statement in FORGET:
            connection.executemany(statement, [(one.workflow_id,) for one in batch])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

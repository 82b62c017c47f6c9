"""`/workflow prune`: forgetting workflows that are long over, and removing what crashes left behind.

What agents said in a workflow goes first, then its rows, then its checkpoints, its folder last. A crash in between
leaves a workflow that is forgotten next time, or a folder without a workflow, which `penguin check` lists and the next
pruning removes, with what is left of the checkpoints.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import FINAL, WorkflowStatus
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.store.connection import explain_error, open_store
from penguin.orchestration.store.databases import Place, places
from penguin.orchestration.store.garbage import Leftover, Needed, leftovers, remove, size_of
from penguin.orchestration.store.snapshots import FORGET as FORGET_SNAPSHOTS
from penguin.orchestration.worktree.checkpoints import drop_checkpoints
from penguin.orchestration.worktree.git import GitTrouble

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
FORGET = tuple(f"DELETE FROM {table} WHERE workflow_id = ?" for table in ("event", "run"))


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

    On both backends; what a server holds stays there for as long as its namespace keeps it. Never an active workflow,
    nor the newest COMPLETED one of a task. With `dry_run` nothing is changed. Raises StoreError where a database can't
    be used; what was forgotten until then is gone.
    """
    refuse_inside_step(workspace.root, "prune workflows")
    now = time.time()
    with ExitStack() as opened:
        stores = [_Store(place, opened) for place in places(workspace) if place.db.exists()]
        if not stores:
            return Pruned((), ())
        needed = Needed(workspace)
        for store in stores:
            store.survey(needed, now - age)
        pruning = _Pruning(workspace, needed, dry_run)
        # What nothing needs goes first: on a full disk that may be the room that forgetting takes.
        left = tuple(leftovers(workspace, needed, now))
        pruning.clear([one.path for one in left])
        gone = [one for store in stores for one in pruning.forget(store, stores[0])]
    held = {one.path for one in pruning.stuck}
    return Pruned(tuple(gone), tuple(one for one in left if one.path not in held), tuple(pruning.stuck))


class _Store:
    """One database, for as long as it is pruned."""

    def __init__(self, place: Place, opened: ExitStack) -> None:
        self._place = place
        self._connection = open_store(place.db)
        opened.callback(self._connection.close)
        self.old: list[Old] = []

    def survey(self, needed: Needed, before: float) -> None:
        """See what is needed, and what is old."""
        with self._explained():
            self.old = _old(self._connection, before)
            self._connection.execute("BEGIN")
            needed.see(self._place, self._connection)
            self._connection.execute("COMMIT")

    def forget(self, batch: tuple[Old, ...]) -> None:
        """Forget workflows."""
        with self._explained():
            _forget(self._connection, batch)

    def forget_conversations(self, workflow_ids: Iterable[str]) -> None:
        """Forget what their agents said."""
        with self._explained():
            for workflow_id in workflow_ids:
                # One at a time: they may be large, and engines wait meanwhile.
                self._connection.execute(FORGET_SNAPSHOTS, (workflow_id,))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise explain_error(error, self._place.db) from error


class _Pruning:
    """One pruning, over all databases."""

    def __init__(self, workspace: Workspace, needed: Needed, dry_run: bool) -> None:
        self._workspace = workspace
        self._known = needed.workflows
        self._dry_run = dry_run
        self.stuck: list[Leftover] = []

    def forget(self, store: _Store, first: _Store) -> Iterator[Old]:
        """Forget what is old in a database, and remove its folders; what went.

        The first of all databases holds what agents said, whichever backend ran them.
        """
        for start in range(0, len(store.old), BATCH):
            batch = tuple(self._sized(store.old[start : start + BATCH]))
            if not self._dry_run:
                # Of the few digits of an id two databases may have the same: what is left may be another one's too.
                first.forget_conversations(one.workflow_id for one in batch if self._known[one.workflow_id] == 1)
                store.forget(batch)
            for one in batch:
                self._known[one.workflow_id] -= 1
            runs = self._workspace.runs
            self.clear([runs / one.workflow_id for one in batch if not self._known[one.workflow_id]])
            yield from batch

    def clear(self, paths: Sequence[Path]) -> None:
        """Remove files and folders."""
        if not self._dry_run:
            self.stuck += _clear(self._workspace, paths)

    def _sized(self, old: Iterable[Old]) -> Iterator[Old]:
        for one in old:
            shared = self._known[one.workflow_id] > 1
            yield one if shared else one._replace(bytes=size_of(self._workspace.runs / one.workflow_id))


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

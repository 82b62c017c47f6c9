"""Lost workflows: what a database once held, according to the index of its workflows, and lacks now.

The index is outside of the workspace (`files.workflow_index`). Run folders tell more where it is missing: the row of a
workflow is on disk before its first attempt makes a folder, and pruning notes the task of each workflow that it
removes. Neither covers workflows on a Temporal server, which keeps them itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.files.workflow_index import (
    REMOVED,
    earlier_keys,
    read_index,
)
from penguin.orchestration.files.workspace_key import read_key, read_record
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error
from penguin.orchestration.store.open_workflow_index import ALWAYS, read_numbers

if TYPE_CHECKING:
    from penguin.orchestration.files.workspace import Workspace

TASKS_PRUNED = "SELECT DISTINCT task_id FROM pruned"


class LostWorkflow(NamedTuple):
    """A workflow that lacks some of its decisions, or all."""

    workflow_id: str
    left: int
    """Number of its decisions that the database has; 0: no record of it."""
    made: int
    """Number of its decisions before the loss; 0: unknown."""


class Loss(NamedTuple):
    """What the database of a workspace lacks."""

    workflows: tuple[LostWorkflow, ...] = ()
    """Lost from this `.penguin`."""
    earlier: tuple[LostWorkflow, ...] = ()
    """Of an earlier `.penguin` in the same place, which was deleted or moved."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is missing."""
        return not self.workflows and not self.earlier


def find_loss(workspace: Workspace, *, migrate: bool = False) -> Loss:
    """Compare the database with everything that tells of its workflows.

    Raises StoreError if it can't be read, and without `migrate` if it has an older version.
    """
    key = read_key(str(workspace.state))
    # Before the database: a workflow that starts meanwhile has its row first, and so does one with a folder.
    made = _made(key)
    folders = _run_folders(workspace)
    earlier = _earlier(workspace.name, key)
    record = read_record(key) if earlier and key else None
    if not (made or folders or earlier):
        return Loss()
    kept, pruned = _records(workspace.db_name, migrate=migrate)
    lost = [LostWorkflow(name, kept.get(name, 0), seq) for name, seq in made.items() if kept.get(name, 0) < seq]
    if lost or folders:
        # After the database: a workflow that is pruned meanwhile is marked first.
        index = read_index(key) or {}
        lost = [one for one in lost if index.get(one.workflow_id) != REMOVED]
        unknown = [name for name in folders if name not in kept and name not in index and _task_of(name) not in pruned]
        lost += [LostWorkflow(name, 0, 0) for name in sorted(unknown) if _has_attempt(f"{workspace.runs}/{name}")]
    if record is not None:
        # Ids are used again: what started after the earlier workspace went is not from there.
        kept, _ = _records(workspace.db_name, record.recorded_at, migrate=migrate)
    before = (LostWorkflow(name, kept.get(name, 0), seq) for name, seq in earlier.items())
    return Loss(tuple(lost), tuple(one for one in before if one.left < one.made))


def recorded_workflows(workspace: Workspace) -> Loss:
    """Return all workflows that the index names, for a database that can't be read: how much it has is unknown."""
    made = _made(read_key(str(workspace.state)))
    return Loss(tuple(LostWorkflow(name, 0, seq) for name, seq in made.items()))


def _made(key: str) -> dict[str, int]:
    return {name: seq for name, seq in (read_index(key) or {}).items() if seq != REMOVED} if key else {}


def _earlier(workspace: str, key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for other in earlier_keys(workspace, key):
        found |= _made(other)
    return found


def _records(db: str, before: float = ALWAYS, *, migrate: bool) -> tuple[dict[str, int], set[str]]:
    """Return the numbers of workflows that started before a time, and the tasks of which some were pruned."""
    connection = open_reader(db, migrate=migrate)
    if connection is None:
        return {}, set()
    try:
        connection.execute("BEGIN")
        kept = read_numbers(connection, before)
        return kept, {str(row[0]) for row in connection.execute(TASKS_PRUNED)}
    except DATABASE_ERRORS as error:
        raise explain_error(error, db) from error
    finally:
        connection.close()


def _run_folders(workspace: Workspace) -> list[str]:
    """Return the workflows with files."""
    # A server's workflows leave folders, too.
    if os.path.lexists(workspace.state / "temporal"):
        return []
    return _folders(workspace.runs.as_posix())


def _task_of(workflow_id: str) -> str:
    return workflow_id.removeprefix("ituv-").rpartition("-")[0]


def _has_attempt(folder: str) -> bool:
    from penguin.orchestration.files.run_files import parse_attempt_folder

    return any(parse_attempt_folder(name) for name in _folders(folder))


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []

"""Lost workflows: their run folders exist, but no database of the workspace has them.

The row of a workflow is on disk before its first attempt makes a folder, and pruning notes the task of each workflow
that it removes. So the folder of an attempt without either means that records were lost: the database was truncated,
replaced by an older copy, or lost its write-ahead log.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from penguin.orchestration.backend import StoreError
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error

if TYPE_CHECKING:
    from penguin.orchestration.files.workspace import Workspace

MOST_NAMED = 5
TASKS_PRUNED = "SELECT DISTINCT task_id FROM pruned"


def lost_workflows(workspace: Workspace) -> list[str]:
    """Return the ids of workflows that have files of attempts but no record, sorted."""
    # A server's workflows leave folders, too.
    if os.path.lexists(workspace.state / "temporal"):
        return []
    # Read the folders first: a workflow that starts meanwhile has its row before its folder.
    folders = _names(workspace.runs.as_posix())
    if not folders:
        return []
    known, pruned = _records(workspace)
    missing = [name for name in folders if name not in known and _task_of(name) not in pruned]
    return sorted(name for name in missing if _has_attempt(f"{workspace.runs}/{name}"))


def describe_loss(workspace: Workspace, lost: list[str]) -> str:
    """Return which workflows were lost, as a sentence without a full stop."""
    named = ", ".join(lost[:MOST_NAMED]) + (f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else "")
    what = "1 workflow" if len(lost) == 1 else f"{len(lost)} workflows"
    return f"{workspace.db} has lost {what}: {named} left files in {workspace.runs}, but no record"


def restore_hint(workspace: Workspace) -> str:
    """Return the hint for lost records."""
    return (
        f"put a copy that /backup made in the place of {workspace.db}; without one, keep the outputs of the steps and "
        f"start anew: mv {workspace.runs} {workspace.runs}.old"
    )


def refuse_loss(workspace: Workspace) -> None:
    """Raise StoreError if workflows were lost."""
    if lost := lost_workflows(workspace):
        raise StoreError(describe_loss(workspace, lost), restore_hint(workspace))


def _records(workspace: Workspace) -> tuple[set[str], set[str]]:
    """Return the ids of the workflows in the database, and the tasks with pruned workflows."""
    connection = open_reader(workspace.db_name, migrate=False)
    if connection is None:
        return set(), set()
    try:
        connection.execute("BEGIN")
        known = {str(row[0]) for row in connection.execute("SELECT workflow_id FROM run")}
        return known, {str(row[0]) for row in connection.execute(TASKS_PRUNED)}
    except DATABASE_ERRORS as error:
        raise explain_error(error, workspace.db) from error
    finally:
        connection.close()


def _task_of(workflow_id: str) -> str:
    return workflow_id.removeprefix("ituv-").rpartition("-")[0]


def _has_attempt(folder: str) -> bool:
    from penguin.orchestration.files.run_files import parse_attempt_folder

    return any(parse_attempt_folder(name) for name in _names(folder))


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []

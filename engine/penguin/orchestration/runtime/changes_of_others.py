"""The changes of other workflows in the working tree, as they are recorded when a workflow takes the tree."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.core.results import LeftChanges
from penguin.orchestration.core.state import State
from penguin.orchestration.core.tree_isolation import LEAVES_CHANGES
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.database_file import sql_list
from penguin.orchestration.worktree import MAX_NAMED, GitError
from penguin.orchestration.worktree.files_of_others import find_left_files

log = logging.getLogger(__name__)

COMPARED = 50
"""Maximum number of workflows whose checkpoints are compared: those that stopped last."""

# What a task left is part of its work as soon as a newer workflow of it completed.
_OTHERS = f"""
SELECT workflow_id, status, project_id, task_id FROM run
WHERE status IN ({sql_list(LEAVES_CHANGES)}) AND attempt > 0 AND NOT (project_id = ? AND task_id = ?)
AND NOT EXISTS (
    SELECT 1 FROM run AS newer WHERE newer.project_id = run.project_id AND newer.task_id = run.task_id
    AND newer.status = 'COMPLETED' AND newer.number > run.number
)
ORDER BY updated_at DESC, workflow_id LIMIT {COMPARED}
"""


class OtherWorkflow(NamedTuple):
    """A workflow that may have left changes."""

    workflow_id: str
    status: WorkflowStatus
    project_id: str
    task_id: str


def others_with_changes(connection: sqlite3.Connection, state: State) -> list[OtherWorkflow]:
    """Return the workflows of other tasks that may have left changes, the newest first, at most COMPARED."""
    task = state.definition.task
    rows = connection.execute(_OTHERS, (task.project_id, task.id)).fetchall()
    return [OtherWorkflow(one, WorkflowStatus(status), project, of) for one, status, project, of in rows]


def left_changes(workspace: Workspace, state: State, others: Sequence[OtherWorkflow]) -> tuple[LeftChanges, ...]:
    """Return the changes of `others` in the working tree. Blocks while git runs."""
    # Without a folder, the workflow ran in the working tree of another host.
    here = [other for other in others if (workspace.runs / other.workflow_id).is_dir()]
    if not here:
        return ()
    folders = [workspace.runs / other.workflow_id for other in here]
    try:
        exclude = state.definition.checkpoint_exclude
        found = find_left_files(workspace.root, workspace.runs / state.workflow_id, folders, exclude)
    except (GitError, OSError) as error:
        log.warning("the changes of other workflows in the working tree are unknown: %s", error)
        found = {folder.name: None for folder in folders}
    return tuple(_by_task(here, found))


def _by_task(others: Sequence[OtherWorkflow], found: Mapping[str, list[str] | None]) -> Iterator[LeftChanges]:
    """Return one record for each task, with its newest workflow: a retry continues the work of the one before."""
    by_task: dict[tuple[str, str], list[OtherWorkflow]] = {}
    for other in others:
        by_task.setdefault((other.project_id, other.task_id), []).append(other)
    for workflows in by_task.values():
        newest = workflows[0]
        files = sorted({name for other in workflows for name in found.get(other.workflow_id) or ()})
        if files:
            yield LeftChanges(newest.workflow_id, newest.status, tuple(files[:MAX_NAMED]), len(files))
        elif any(found.get(other.workflow_id, ()) is None for other in workflows):
            yield LeftChanges(newest.workflow_id, newest.status)

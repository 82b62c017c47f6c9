"""The state of dependencies, and the workflows that others wait for.

A dependency is met when its task has a COMPLETED workflow and no newer active one. Plain SQL on the given connection,
by index, so that an engine can ask for every workflow that waits.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.core.landing_stage import LandingStage
from penguin.orchestration.core.tree_isolation import needs_tree

NEWEST_FIRST = """
SELECT workflow_id, status FROM run INDEXED BY run_number WHERE project_id = ? AND task_id = ? ORDER BY number DESC
"""
WAITING = """
SELECT status, isolation, holds_tree, landing, target_branch, project_id, dependencies FROM run WHERE workflow_id = ?
"""
TREE_HOLDERS = "SELECT workflow_id FROM run WHERE holds_tree = 1"
BRANCH_HOLDER = "SELECT workflow_id FROM run WHERE landing >= 2 AND target_branch = ?"
DEPENDENCIES = "SELECT project_id, dependencies FROM run WHERE workflow_id = ?"


class Dependency(NamedTuple):
    """The state of a task that another one depends on."""

    task_id: str
    met: bool
    workflow_id: str | None = None
    """The workflow that decides: the COMPLETED one that meets it, else the newest; None: the task has none."""
    status: WorkflowStatus | None = None
    """Status of that workflow."""


def dependency_state(connection: sqlite3.Connection, project_id: str, task_id: str) -> Dependency:
    """Return whether the dependency on `task_id` is met, and which workflow decides that."""
    newest: tuple[str, WorkflowStatus] | None = None
    for workflow_id, word in connection.execute(NEWEST_FIRST, (project_id, task_id)):
        status = WorkflowStatus(word)
        if status is WorkflowStatus.COMPLETED:
            return Dependency(task_id, True, workflow_id, status)
        newest = newest or (workflow_id, status)
        if not status.final:
            break
    return Dependency(task_id, False, *newest) if newest else Dependency(task_id, False)


def unmet_dependencies(connection: sqlite3.Connection, project_id: str, task_ids: Iterable[str]) -> list[Dependency]:
    """Return the dependencies that are not met, in their order."""
    states = (dependency_state(connection, project_id, task_id) for task_id in task_ids)
    return [state for state in states if not state.met]


def awaited_workflows(connection: sqlite3.Connection, workflow_ids: Iterable[str]) -> set[str]:
    """Return the workflows that have to move before these can: their dependencies, and the holders of the working tree
    and of the target branch."""
    awaited: set[str] = set()
    for workflow_id in workflow_ids:
        row = connection.execute(WAITING, (workflow_id,)).fetchone()
        if row is None or not WorkflowStatus(row[0]).moving:
            continue
        status, isolation, holds_tree, landing, branch, project_id, dependencies = row
        if status == WorkflowStatus.PENDING:
            unmet = unmet_dependencies(connection, project_id, json.loads(dependencies))
            awaited.update(dependency.workflow_id for dependency in unmet if dependency.workflow_id is not None)
        if needs_tree(isolation, bool(holds_tree)):
            awaited.update(holder for (holder,) in connection.execute(TREE_HOLDERS))
        if landing == LandingStage.QUEUED:
            awaited.update(holder for (holder,) in connection.execute(BRANCH_HOLDER, (branch,)))
    return awaited


def settled_dependency(connection: sqlite3.Connection, workflow_id: str) -> Dependency | None:
    """Return the dependency because of which a PENDING workflow can't start until a person acts, or None.

    It ended without completing, is BLOCKED, has no workflow, or is PENDING itself because of such a dependency.
    """
    return _hopeless(connection, workflow_id, set())


def _hopeless(connection: sqlite3.Connection, workflow_id: str, seen: set[str]) -> Dependency | None:
    seen.add(workflow_id)
    row = connection.execute(DEPENDENCIES, (workflow_id,)).fetchone()
    if row is None:
        return None
    for dependency in unmet_dependencies(connection, row[0], json.loads(row[1])):
        if dependency.workflow_id is None or dependency.status is WorkflowStatus.BLOCKED:
            return dependency
        assert dependency.status is not None
        if dependency.status.final:
            return dependency
        if dependency.status is WorkflowStatus.PENDING and dependency.workflow_id not in seen:
            behind = _hopeless(connection, dependency.workflow_id, seen)
            if behind is not None:
                return behind
    return None

"""The check whether workflows are settled, together with those that they wait for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.core.decider import workflow_settled
from penguin.orchestration.core.state import State
from penguin.orchestration.core.tree_isolation import needs_tree
from penguin.orchestration.errors import unknown_workflow
from penguin.orchestration.store.dependencies import dependency_state

_RUN = """
SELECT status, cancelling, slot, isolation, holds_tree, project_id, dependencies FROM run WHERE workflow_id = ?
"""
_TREE_HOLDERS = "SELECT workflow_id FROM run WHERE holds_tree = 1"


class _WorkflowSnapshot(NamedTuple):
    """The columns of a workflow that the check needs."""

    status: WorkflowStatus
    cancelling: bool
    running: bool
    needs_tree: bool
    project_id: str
    dependencies: Sequence[str]


class SettledCheck:
    """One check of the workflows that a caller waits for.

    `at_rest`: a PAUSED one whose step has not ended yet is not settled.
    """

    def __init__(
        self, connection: sqlite3.Connection, believed: Callable[[str], State | None], *, at_rest: bool = False
    ) -> None:
        self._connection = connection
        self._believed = believed
        self._at_rest = at_rest
        self._memo: dict[tuple[str, bool], bool] = {}
        self.watched: set[str] = set()
        """The workflows that the answer depends on."""

    def all_settled(self, workflow_ids: Sequence[str]) -> bool:
        """Return whether none of these workflows will move by itself."""
        # A list, not a generator: every unsettled one must be watched.
        settled = [self._settled(workflow_id, False) for workflow_id in workflow_ids]
        return all(settled) or all(self._settled(workflow_id, True) for workflow_id in workflow_ids)

    def _settled(self, workflow_id: str, others_settled: bool) -> bool:
        key = (workflow_id, others_settled)
        if key not in self._memo:
            self._memo[key] = True  # a cycle only waits for itself
            self._memo[key] = self._look(workflow_id, others_settled)
        return self._memo[key]

    def _look(self, workflow_id: str, others_settled: bool) -> bool:
        state = self._read(workflow_id)
        self.watched.add(workflow_id)
        if (state.cancelling or (self._at_rest and state.running)) and not state.status.final:
            # Even if it is PAUSED: the end of its step changes it.
            return False
        return workflow_settled(
            state.status, self._waits_on_settled(workflow_id, state, others_settled), others_settled
        )

    def _waits_on_settled(self, workflow_id: str, state: _WorkflowSnapshot, others_settled: bool) -> bool:
        if not state.status.moving or state.running:
            return False
        if state.status is WorkflowStatus.PENDING and self._has_settled_dependency(
            state.project_id, state.dependencies, others_settled
        ):
            return True
        return state.needs_tree and self._has_settled_holder(workflow_id, others_settled)

    def _has_settled_holder(self, workflow_id: str, others_settled: bool) -> bool:
        """Return whether a settled workflow holds the working tree."""
        holders = [row[0] for row in self._connection.execute(_TREE_HOLDERS) if row[0] != workflow_id]
        # A list, not a generator: every unsettled one must be watched.
        settled = [self._settled(holder, others_settled) for holder in holders]
        return any(settled)

    def _read(self, workflow_id: str) -> _WorkflowSnapshot:
        state = self._believed(workflow_id)
        if state is not None:
            task = state.definition.task
            return _WorkflowSnapshot(
                state.status,
                state.cancelling,
                state.is_running,
                state.needs_tree,
                task.project_id,
                task.dependencies,
            )
        row = self._connection.execute(_RUN, (workflow_id,)).fetchone()
        if row is None:
            raise unknown_workflow(workflow_id)
        status, cancelling, running, isolation, holds_tree, project_id, dependencies = row
        return _WorkflowSnapshot(
            WorkflowStatus(status),
            bool(cancelling),
            bool(running),
            needs_tree(isolation, bool(holds_tree)),
            project_id,
            json.loads(dependencies),
        )

    def _has_settled_dependency(self, project_id: str, dependencies: Sequence[str], others_settled: bool) -> bool:
        """Return whether an unmet dependency is settled."""
        for task_id in dependencies:
            found = dependency_state(self._connection, project_id, task_id)
            if not found.met and (found.workflow_id is None or self._settled(found.workflow_id, others_settled)):
                return True
        return False

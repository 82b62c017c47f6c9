"""Whether waiting is in vain: which workflows are settled, seen together with those that they depend on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence

from penguin.orchestration.backend import WorkflowStatus, unknown_workflow
from penguin.orchestration.core.decider import workflow_settled
from penguin.orchestration.core.state import State
from penguin.orchestration.store.dependencies import dependency_state

_RUN = "SELECT status, cancelling, slot, project_id, dependencies FROM run WHERE workflow_id = ?"


class SettledCheck:
    """One look at the workflows that somebody waits for.

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
        """The workflows on which the answer hangs."""

    def all_settled(self, workflow_ids: Sequence[str]) -> bool:
        """Whether nothing that is waited for will move by itself any more."""
        # A list, not a generator: every unsettled one must be watched.
        settled = [self._settled(workflow_id, False) for workflow_id in workflow_ids]
        return all(settled) or all(self._settled(workflow_id, True) for workflow_id in workflow_ids)

    def _settled(self, workflow_id: str, others_settled: bool) -> bool:
        key = (workflow_id, others_settled)
        if key not in self._memo:
            self._memo[key] = True  # a cycle waits for nobody but itself
            self._memo[key] = self._look(workflow_id, others_settled)
        return self._memo[key]

    def _look(self, workflow_id: str, others_settled: bool) -> bool:
        status, cancelling, running, project_id, dependencies = self._read(workflow_id)
        self.watched.add(workflow_id)
        if (cancelling or (self._at_rest and running)) and not status.final:
            # Also of a PAUSED one: something follows by itself as soon as its step has ended.
            return False
        in_vain = status is WorkflowStatus.PENDING and self._has_settled_dependency(
            project_id, dependencies, others_settled
        )
        return workflow_settled(status, in_vain, others_settled)

    def _read(self, workflow_id: str) -> tuple[WorkflowStatus, bool, bool, str, Sequence[str]]:
        state = self._believed(workflow_id)
        if state is not None:
            task = state.definition.task
            return state.status, state.cancelling, state.is_running, task.project_id, task.dependencies
        row = self._connection.execute(_RUN, (workflow_id,)).fetchone()
        if row is None:
            raise unknown_workflow(workflow_id)
        return WorkflowStatus(row[0]), bool(row[1]), bool(row[2]), row[3], json.loads(row[4])

    def _has_settled_dependency(self, project_id: str, dependencies: Sequence[str], others_settled: bool) -> bool:
        """Whether an unmet dependency settled."""
        for task_id in dependencies:
            found = dependency_state(self._connection, project_id, task_id)
            if not found.met and (found.workflow_id is None or self._settled(found.workflow_id, others_settled)):
                return True
        return False

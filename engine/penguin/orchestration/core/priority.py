"""The order among attempts that wait for a slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import WorkflowPhase

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State

TaskRank = tuple[int, float, int, int]
"""The sort key of a task, as in `Task.rank`."""
Rank = tuple[bool, TaskRank, float]
"""The sort key: the lowest is first."""


def queue_priority(state: State) -> Rank:
    """Return the sort key of a waiting attempt: workflows that have begun, then the order of tasks, then the older
    one."""
    return rank_of(state.phase, state.definition.task.rank, state.created_at)


def rank_of(phase: WorkflowPhase, task: TaskRank, created_at: float) -> Rank:
    """Return the sort key of an attempt from its parts. Needs no state."""
    return (phase is WorkflowPhase.PENDING, task, created_at)

"""The order among attempts that wait for a slot."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.state import State

Rank = tuple[bool, tuple[int, float, int, int], float]
"""The sort key: the lowest is first."""


def queue_priority(state: State) -> Rank:
    """Return the sort key of a waiting attempt: workflows that have begun, then the order of tasks, then the older
    one."""
    return (state.phase is WorkflowPhase.PENDING, state.definition.task.rank, state.created_at)

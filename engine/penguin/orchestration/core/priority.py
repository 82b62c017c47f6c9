"""The order among attempts that wait for a slot."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.state import State

Rank = tuple[bool, tuple[int, float, int, int], float]
"""Sorts: the lower, the sooner."""


def queue_priority(state: State) -> Rank:
    """What has begun goes on before anything new begins; then the task's own order; then who came first."""
    return (state.phase is WorkflowPhase.PENDING, state.definition.task.rank, state.created_at)

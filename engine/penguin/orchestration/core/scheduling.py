"""Which attempt may begin: isolation of the working tree, and the order among attempts that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowPhase

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State

Rank = tuple[bool, tuple[int, float, int, int], float]
"""Sorts: the lower, the sooner."""

IN_PLACE = "in-place"
"""A workflow holds the working tree from its first attempt until it is BLOCKED or final; the others wait."""
SHARED = "shared"
"""Workflows work in the working tree at the same time, as many as `max_parallel` allows."""
ISOLATIONS = (IN_PLACE, SHARED)


def queue_priority(state: State) -> Rank:
    """Sort workflows that have begun before new ones, then by the task's own order, then by the time of the start."""
    return (state.phase is WorkflowPhase.PENDING, state.definition.task.rank, state.created_at)


def needs_tree(isolation: str, holds_tree: bool) -> bool:
    """Return whether a workflow must take the working tree before its next attempt begins.

    It can take the tree when no other workflow holds it. A workflow holds it also between two attempts and while it is
    PAUSED. One that continues after BLOCKED takes it again.
    """
    return isolation == IN_PLACE and not holds_tree

"""The rules of the working tree: who holds it, who leaves changes in it, and what checkpoints leave out."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowStatus

CHECKPOINT_EXCLUDE = (".env*", "*.pem", "*.key", "id_*", "*.p12", "*.sqlite*", "*.db")
"""Untracked files that checkpoints of the tree leave out: secrets and databases."""
TREE = "tree"
"""Each workflow works in a private clone of its own, and lands its commit on a branch."""
IN_PLACE = "in-place"
"""A workflow holds the working tree from its first attempt until it is BLOCKED or final; the others wait."""
SHARED = "shared"
"""Workflows work in the working tree at the same time, as many as `max_parallel` allows."""
ISOLATIONS = (TREE, IN_PLACE, SHARED)
LEAVES_CHANGES = (WorkflowStatus.BLOCKED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)
"""A workflow that began and has one of these statuses does not hold the working tree, but may have left changes."""


def needs_tree(isolation: str, holds_tree: bool) -> bool:
    """Return whether a workflow must take the working tree before its next attempt begins.

    It can take the tree when no other workflow holds it. A workflow holds it also between two attempts and while it is
    PAUSED. One that continues after BLOCKED takes it again.
    """
    return isolation == IN_PLACE and not holds_tree

"""The stages of a landing, as lists and schedulers see them. It imports no library, so that listing stays cheap."""

from __future__ import annotations

from enum import IntEnum

from penguin.orchestration.workflow_status import WorkflowPhase

LANDING_PROGRESS = 95
"""Percent done while a workflow lands."""


class LandingStage(IntEnum):
    """How far the landing of a workflow is."""

    NONE = 0
    QUEUED = 1
    """All gates passed: it waits until it holds its target branch."""
    LANDING = 2
    """It holds its target branch, and merges or lands."""
    GATES_AGAIN = 3
    """It holds its target branch, and its gates run again on the merged tree."""

    @property
    def holds_branch(self) -> bool:
        """Whether no other workflow may land on the branch."""
        return self in (LandingStage.LANDING, LandingStage.GATES_AGAIN)


def progress_of(phase: WorkflowPhase, stage: int) -> int:
    """Return how much of a workflow is done, in percent."""
    return LANDING_PROGRESS if stage in (LandingStage.QUEUED, LandingStage.LANDING) else phase.progress

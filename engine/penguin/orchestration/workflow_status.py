"""The public types of a workflow: its status, phase and verdicts, and its description. A new status starts here.

Nothing here imports a library, so that listing workflows stays cheap.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class WorkflowStatus(StrEnum):
    """The status of a workflow. Each status is in exactly one of MOVING, RESTING and FINAL."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BLOCKED = "BLOCKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether the workflow has ended. A final status never changes."""
        return self in FINAL

    @property
    def moving(self) -> bool:
        """Whether an engine works on the workflow, or starts it as soon as it can."""
        return self in MOVING

    @property
    def rests(self) -> bool:
        """Whether the workflow is not final but does nothing until a person resumes it."""
        return self in RESTING

    @property
    def stopped(self) -> bool:
        """Whether the workflow has ended or a gate blocks it, so that it can be retried."""
        return self in STOPPED

    @classmethod
    def active(cls) -> tuple[WorkflowStatus, ...]:
        """Return all statuses that are not final."""
        return tuple(status for status in cls if not status.final)


class WorkflowPhase(StrEnum):
    """The phase of a workflow: one of the four gates, or its beginning or end."""

    PENDING = "PENDING"
    IMPLEMENT = "IMPLEMENT"
    TEST = "TEST"
    USE = "USE"
    VERIFY = "VERIFY"
    DONE = "DONE"

    @property
    def is_gate(self) -> bool:
        """Whether the phase is one of the four gates."""
        return self in GATES

    @property
    def progress(self) -> int:
        """Percent done, 0 to 100."""
        return PROGRESS[self]


class Verdict(StrEnum):
    """The verdict on a step, an attempt or a phase."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    UNVERIFIED = "UNVERIFIED"
    INTERRUPTED = "INTERRUPTED"
    SKIPPED = "SKIPPED"

    @property
    def opens_gate(self) -> bool:
        """Whether the next phase may start."""
        return self in (Verdict.PASSED, Verdict.SKIPPED)

    @property
    def counts_as_failure(self) -> bool:
        """Whether the verdict uses up one of the phase's attempts."""
        return self in (Verdict.FAILED, Verdict.ERROR)


class Delivery(StrEnum):
    """What happened to a signal."""

    TAKEN = "TAKEN"
    """The workflow handled it."""
    QUEUED = "QUEUED"
    """It is queued until a worker runs, and discarded if the workflow does not allow it then."""


MOVING = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING})
RESTING = frozenset({WorkflowStatus.PAUSED, WorkflowStatus.BLOCKED})
FINAL = frozenset({WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})
ACTIVE = frozenset(WorkflowStatus) - FINAL
STOPPED = FINAL | {WorkflowStatus.BLOCKED}
GATES = (WorkflowPhase.IMPLEMENT, WorkflowPhase.TEST, WorkflowPhase.USE, WorkflowPhase.VERIFY)
PROGRESS = dict(zip(WorkflowPhase, (0, 25, 50, 75, 90, 100), strict=True))


class WorkflowInfo(NamedTuple):
    """A workflow as it was when it was read.

    Not a dataclass: importing their machinery takes longer than reading and printing a list of workflows.
    """

    workflow_id: str
    task_id: str
    blueprint_id: str
    project_id: str
    status: WorkflowStatus
    phase: WorkflowPhase
    progress: int
    """Percent, 0 to 100."""
    started_at: datetime
    """Aware, UTC: time of the start."""
    updated_at: datetime
    """Aware, UTC: time of the newest event."""
    error_message: str | None = None
    """Why it is BLOCKED, FAILED or CANCELLED, or the reason of the last failed attempt."""
    artifacts: list[str] = []  # noqa: RUF012 - both backends pass a list of their own
    """Paths of files that steps produced."""

"""The words for statuses and verdicts, with their meanings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_repl.render.parts import Span

if TYPE_CHECKING:
    from penguin.orchestration.backend import Verdict
    from penguin.orchestration.config.theme import Meaning

STATUS_WORDS = {
    WorkflowStatus.RUNNING: "running",
    WorkflowStatus.BLOCKED: "blocked",
    WorkflowStatus.PAUSED: "paused",
    WorkflowStatus.PENDING: "waiting",
    WorkflowStatus.COMPLETED: "completed",
    WorkflowStatus.FAILED: "failed",
    WorkflowStatus.CANCELLED: "cancelled",
}
"""The word in a sentence for every status, in display order: first what runs, then what waits for a person."""


def status_span(status: WorkflowStatus) -> Span:
    """Return the name of a status."""
    return Span(status.value, status_meaning(status))


def status_meaning(status: WorkflowStatus) -> Meaning:
    """Return the meaning of text about a workflow with this status."""
    # A test checks that every status has a meaning.
    return f"status.{status.lower()}"  # type: ignore[return-value]


def verdict_span(verdict: Verdict) -> Span:
    """Return the name of a verdict."""
    return Span(verdict.value, verdict_meaning(verdict))


def verdict_meaning(verdict: Verdict) -> Meaning:
    """Return the meaning of text about a step with this verdict."""
    return f"verdict.{verdict.lower()}"  # type: ignore[return-value]

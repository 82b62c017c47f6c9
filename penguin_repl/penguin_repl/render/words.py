"""The words for statuses and verdicts, with their meanings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_repl.render.parts import Line, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.backend import Verdict, WorkflowInfo
    from penguin.orchestration.config.theme import Meaning
    from penguin.orchestration.store.progress import GateState

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


def waiting_span() -> Span:
    """Return the word for a workflow that waits for its next attempt. Its status is RUNNING, but nothing runs."""
    return Span(STATUS_WORDS[WorkflowStatus.PENDING], "status.pending")


def name_task(command: str, info: WorkflowInfo) -> str:
    """Return a command with the id of the task, which is shorter and names the task's newest workflow."""
    return command.replace(info.workflow_id, info.task_id)


def with_command(reason: str, command: str, info: WorkflowInfo) -> Line:
    """Return why a workflow waits, and what to type."""
    # A newer workflow of the task may exist only if this one has ended.
    command = command if info.status.final else name_task(command, info)
    return Line((f"{reason}  →  ", Span(command, "command")))


def verdict_span(verdict: Verdict) -> Span:
    """Return the name of a verdict."""
    return Span(verdict.value, verdict_meaning(verdict))


def verdict_meaning(verdict: Verdict) -> Meaning:
    """Return the meaning of text about a step with this verdict."""
    return f"verdict.{verdict.lower()}"  # type: ignore[return-value]


GATES_TITLE = "I T U V"
"""The title of a column of gate strips: the initials of the four gates."""
NOTE_TITLE = "NOTE"
"""The title of the last column: why a workflow waits and what to type, or else the title of its task."""
OPTIONAL_ABOVE_NOTE = ("ATTEMPT", "TIME", GATES_TITLE, "COST")
"""The columns of workflows that a narrow terminal leaves out."""
_GATE_MARKS: dict[str, Span] = {
    "PASSED": Span("✓", "verdict.passed"),
    "SKIPPED": Span("–", "verdict.skipped"),
    "RUNNING": Span("●", "status.running"),
    "FAILED": Span("✗", "verdict.failed"),
    "BLOCKED": Span("!", "status.blocked"),
    "WAITING": Span("○", "dim"),
}


def gate_strip(gates: Iterable[GateState]) -> Line:
    """Return the states of the four gates, one character each, below GATES_TITLE."""
    pieces: list[str | Span] = []
    for gate in gates:
        pieces += [" ", _GATE_MARKS[gate]] if pieces else [_GATE_MARKS[gate]]
    return Line(tuple(pieces))


def attempt_text(attempt: int, max_attempts: int) -> str:
    """Return an attempt of how many; empty if there is none."""
    if not attempt:
        return ""
    return f"{attempt}/{max_attempts}" if max_attempts else str(attempt)

"""Results about the past of a workflow: events, attempts and artifacts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.core.usage import UsageTotals
from penguin_commands.results import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.backend import Verdict
    from penguin_commands.results.report import Span


class EventRow(NamedTuple):
    """One event of a workflow."""

    seq: int
    at: datetime
    kind: str
    text: str
    details: dict[str, Any]


def event_data(event: EventRow) -> dict[str, Any]:
    """Return an event as plain data."""
    return {
        "seq": event.seq,
        "at": iso_time(event.at),
        "kind": event.kind,
        "text": event.text,
        "data": event.details,
    }


class EventResult(NamedTuple):
    """An event that a command waited for."""

    workflow_id: str
    event: EventRow

    def data(self) -> dict[str, Any]:
        return {"event": {"workflow_id": self.workflow_id, **event_data(self.event)}}


class HistoryResult(NamedTuple):
    """All events of a workflow."""

    workflow_id: str
    events: tuple[EventRow, ...]
    timeline: tuple[Span, ...] = ()
    """Its runs and waits, in order; empty if the result is not for a terminal."""
    shows_events: bool = True
    """Whether to show the events below the timeline. Without a timeline, they are always shown."""

    def data(self) -> dict[str, Any]:
        return {"events": [event_data(event) for event in self.events]}


class AttemptRow(NamedTuple):
    """One attempt of a phase."""

    phase: str
    number: int
    verdict: Verdict | None
    """None while the attempt runs."""
    started_at: datetime
    ended_at: datetime | None
    evidence: dict[str, Any]
    host: str = ""
    """The machine that ran it; '' if none did, or its name is unknown."""
    usage: UsageTotals = UsageTotals()
    """The usage of its agent, in all runs of the attempt."""
    running_agent: str = ""
    """The file to which the agent of a running attempt writes; '' if there is none."""


def _no_activities(source: object) -> Sequence[Activity] | None:
    return None


class AttemptTable(NamedTuple):
    """The attempts of a workflow, oldest first."""

    workflow_id: str
    attempts: tuple[AttemptRow, ...]
    this_host: str = ""
    """This machine."""
    empty_message: str = "No attempts yet."
    """The message for people if there are no attempts."""
    recent_activities: Callable[[Mapping[str, Any]], Sequence[Activity] | None] = _no_activities
    """Reads the last activities of an agent's step, given its evidence; None for another step."""
    current_activities: Callable[[str], Sequence[Activity] | None] = _no_activities
    """Reads those of an agent that runs, given the file to which it writes."""

    @property
    def attempts_by_remote_host(self) -> dict[str, list[int]]:
        """Return the numbers of the attempts that ran on other hosts, by host."""
        found: dict[str, list[int]] = {}
        for attempt in self.attempts:
            if attempt.host not in ("", self.this_host):
                found.setdefault(attempt.host, []).append(attempt.number)
        return found

    def data(self) -> dict[str, Any]:
        return {"results": [self._row(attempt) for attempt in self.attempts]}

    def _row(self, attempt: AttemptRow) -> dict[str, Any]:
        return {
            "phase": attempt.phase,
            "attempt": attempt.number,
            "verdict": attempt.verdict.value if attempt.verdict else None,
            "started_at": iso_time(attempt.started_at),
            "ended_at": iso_time(attempt.ended_at),
            "evidence": attempt.evidence,
            "host": attempt.host,
            "usage": attempt.usage._asdict(),
        }


class ArtifactTable(NamedTuple):
    """The files that the steps of a workflow left behind."""

    workflow_id: str
    files: tuple[tuple[str, int | None], ...]
    """(path, size in bytes or None if it is not on this machine)."""
    remote_hosts: Mapping[str, str] = MappingProxyType({})
    """The machine that has a file that was never fetched, by path."""

    def data(self) -> dict[str, Any]:
        rows = [{"path": path, "bytes": size, "host": self.remote_hosts.get(path, "")} for path, size in self.files]
        return {"artifacts": rows}

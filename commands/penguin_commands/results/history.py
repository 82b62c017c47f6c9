"""What happened to a workflow: events, attempts, and the files that were left behind."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.core.usage import Spending
from penguin_commands.results import moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from penguin.orchestration.backend import Verdict


class Event(NamedTuple):
    """One thing that happened to a workflow."""

    seq: int
    at: datetime
    kind: str
    text: str
    facts: dict[str, Any]


def event_data(event: Event) -> dict[str, Any]:
    """An event as plain data."""
    return {
        "seq": event.seq,
        "at": moment(event.at),
        "kind": event.kind,
        "text": event.text,
        "data": event.facts,
    }


class Happened(NamedTuple):
    """An event that was waited for."""

    workflow_id: str
    event: Event

    def data(self) -> dict[str, Any]:
        return {"event": {"workflow_id": self.workflow_id, **event_data(self.event)}}


class History(NamedTuple):
    """Everything that happened to a workflow."""

    workflow_id: str
    events: tuple[Event, ...]

    def data(self) -> dict[str, Any]:
        return {"events": [event_data(event) for event in self.events]}


class Attempt(NamedTuple):
    """One attempt of a phase."""

    phase: str
    number: int
    verdict: Verdict | None
    """None while it is under way."""
    started_at: datetime
    ended_at: datetime | None
    evidence: dict[str, Any]
    host: str = ""
    """The machine that ran it; '' where none did, or its name is not known."""
    spent: Spending = Spending()
    """What its agent spent, in all its tries."""


class Results(NamedTuple):
    """The attempts of a workflow, the oldest first."""

    workflow_id: str
    attempts: tuple[Attempt, ...]
    here: str = ""
    """This machine."""
    empty: str = "Nothing was tried yet."
    """What people are told where there are none."""

    @property
    def abroad(self) -> dict[str, list[int]]:
        """By other machines: the numbers of the attempts that they ran."""
        found: dict[str, list[int]] = {}
        for attempt in self.attempts:
            if attempt.host not in ("", self.here):
                found.setdefault(attempt.host, []).append(attempt.number)
        return found

    def data(self) -> dict[str, Any]:
        return {"results": [self._row(attempt) for attempt in self.attempts]}

    def _row(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "phase": attempt.phase,
            "attempt": attempt.number,
            "verdict": attempt.verdict.value if attempt.verdict else None,
            "started_at": moment(attempt.started_at),
            "ended_at": moment(attempt.ended_at),
            "evidence": attempt.evidence,
            "host": attempt.host,
            "usage": attempt.spent._asdict(),
        }


class Artifacts(NamedTuple):
    """The files that a workflow's steps left behind."""

    workflow_id: str
    files: tuple[tuple[str, int | None], ...]
    """(path, size in bytes or None where it is not here)."""
    elsewhere: Mapping[str, str] = MappingProxyType({})
    """By path: the machine that has it, where it was never brought here."""

    def data(self) -> dict[str, Any]:
        rows = [{"path": path, "bytes": size, "host": self.elsewhere.get(path, "")} for path, size in self.files]
        return {"artifacts": rows}

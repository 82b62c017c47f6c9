"""The timeline of a workflow: when its attempts ran, and what it waited for in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import Verdict
from penguin_commands.results.report import Span

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from penguin.orchestration.store.history import HistoryEntry

SHORTEST_WAIT = 0.1
"""Seconds below which a gap between two attempts is no wait."""
TO_START, FOR_A_SLOT, PAUSED, BLOCKED, RETRYING, INTERRUPTED = (
    "waited to start",
    "waited to continue",
    "paused",
    "blocked",
    "waited for the next attempt",
    "interrupted",
)
FINAL_EVENTS = ("Completed", "Failed", "Cancelled")


def timeline(events: Iterable[HistoryEntry], now: datetime) -> tuple[Span, ...]:
    """Return the runs and waits of a workflow, in order. What has not ended lasts until `now`."""
    builder = _Builder()
    for event in events:
        builder.add(event)
    builder.finish(now)
    return tuple(builder.spans)


class _Builder:
    """A reader of events that keeps what goes on: a run or a wait, since when."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._run: tuple[str, int] | None = None
        """Phase and number of the attempt that runs."""
        self._since: datetime | None = None
        """The start of the run or wait; None before the first and after the last event."""
        self._waiting = TO_START

    def add(self, event: HistoryEntry) -> None:
        if event.kind == "Started":
            self._since = event.at
        elif event.kind == "AttemptStarted":
            run = (str(event.data["phase"]), int(event.data["attempt"]))
            self._end_wait(event.at, run)
            self._run, self._since = run, event.at
        elif event.kind in ("AttemptEnded", "Interrupted"):
            self._end_run(event)
        elif event.kind in FINAL_EVENTS:
            self.finish(event.at)
        else:
            self._note_wait(event)

    def _note_wait(self, event: HistoryEntry) -> None:
        """Change what it waits for. An attempt that runs goes on."""
        waiting = {"Paused": PAUSED, "Blocked": BLOCKED, "BackedOff": RETRYING, "Resumed": FOR_A_SLOT}.get(event.kind)
        if waiting and waiting != self._waiting:
            if self._run is None:
                self._end_wait(event.at, ("", 0))
            self._waiting = waiting

    def _end_run(self, event: HistoryEntry) -> None:
        if self._run is not None and self._since is not None:
            ended = event.kind == "AttemptEnded"
            verdict = Verdict(event.data["result"]["verdict"]) if ended else Verdict.INTERRUPTED
            self.spans.append(Span(*self._run, self._since, event.at, verdict))
            if self._waiting != PAUSED:
                self._waiting = FOR_A_SLOT if ended else INTERRUPTED
        self._run, self._since = None, event.at

    def _end_wait(self, at: datetime, run: tuple[str, int]) -> None:
        """End a wait, which precedes this run."""
        if self._since is not None and (at - self._since).total_seconds() >= SHORTEST_WAIT:
            self.spans.append(Span(*run, self._since, at, waiting=self._waiting))
        self._since, self._waiting = at, FOR_A_SLOT

    def finish(self, at: datetime) -> None:
        """End what goes on at this time."""
        if self._run is not None and self._since is not None:
            self.spans.append(Span(*self._run, self._since, at))
        else:
            self._end_wait(at, ("", 0))
        self._run, self._since = None, None

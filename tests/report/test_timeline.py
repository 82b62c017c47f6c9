"""The timeline of a workflow, from its events to positions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penguin.orchestration.backend import Verdict
from penguin.orchestration.store.history import HistoryEntry
from penguin_commands.handlers.report.timeline import timeline
from penguin_commands.results.report import Span
from penguin_repl.report.time_scale import TimeScale

START = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(kind: str, seconds: float, **data: Any) -> HistoryEntry:
    return HistoryEntry(1, after(seconds), kind, "", data)


def begun(seconds: float, phase: str, attempt: int) -> HistoryEntry:
    return event("AttemptStarted", seconds, phase=phase, attempt=attempt)


def ended(seconds: float, phase: str, attempt: int, verdict: str) -> HistoryEntry:
    return event("AttemptEnded", seconds, phase=phase, attempt=attempt, result={"verdict": verdict})


def shown(spans: tuple[Span, ...]) -> list[tuple[str, int, float, float, str]]:
    return [
        (
            span.phase,
            span.attempt,
            (span.started_at - START).total_seconds(),
            (span.ended_at - START).total_seconds(),
            span.waiting or str(span.verdict),
        )
        for span in spans
    ]


def test_runs_and_waits() -> None:
    events = [
        event("Started", 0),
        event("Claimed", 1),
        begun(5, "IMPLEMENT", 1),
        ended(10, "IMPLEMENT", 1, "PASSED"),
        event("Passed", 10),
        begun(10, "TEST", 2),
        ended(20, "TEST", 2, "FAILED"),
        event("BackedOff", 20),
        begun(25, "TEST", 3),
        event("Paused", 27),
        ended(30, "TEST", 3, "PASSED"),
        event("Resumed", 40),
        begun(42, "VERIFY", 4),
        ended(50, "VERIFY", 4, "UNVERIFIED"),
        event("Blocked", 50),
        event("Passed", 90, by="ada"),
        event("Completed", 90),
    ]
    assert shown(timeline(events, after(1000))) == [
        ("IMPLEMENT", 1, 0, 5, "waited to start"),
        ("IMPLEMENT", 1, 5, 10, "PASSED"),
        ("TEST", 2, 10, 20, "FAILED"),
        ("TEST", 3, 20, 25, "waited for the next attempt"),
        ("TEST", 3, 25, 30, "PASSED"),
        ("", 0, 30, 40, "paused"),
        ("VERIFY", 4, 40, 42, "waited to continue"),
        ("VERIFY", 4, 42, 50, "UNVERIFIED"),
        ("", 0, 50, 90, "blocked"),
    ]


def test_an_interrupted_attempt_has_two_runs() -> None:
    events = [
        event("Started", 0),
        begun(0, "TEST", 1),
        event("Interrupted", 10, phase="TEST", attempt=1),
        begun(15, "TEST", 1),
    ]
    assert shown(timeline(events, after(20))) == [
        ("TEST", 1, 0, 10, "INTERRUPTED"),
        ("TEST", 1, 10, 15, "interrupted"),
        ("TEST", 1, 15, 20, "None"),
    ]


def test_what_goes_on_lasts_until_now() -> None:
    assert shown(timeline([event("Started", 0)], after(9))) == [("", 0, 0, 9, "waited to start")]
    assert timeline([], after(9)) == ()


def test_long_gaps_are_shortened() -> None:
    spans = [
        Span("TEST", 1, after(0), after(100), Verdict.FAILED),
        Span("TEST", 2, after(100), after(100_000), waiting="blocked"),
        Span("TEST", 2, after(100_000), after(100_100), Verdict.PASSED),
    ]
    scale = TimeScale(spans)
    assert scale.shortened
    assert scale.longest_gap == 50
    positions = [round(scale.position(after(at)), 6) for at in (0, 100, 100_000, 100_100)]
    assert positions == [0, 40, 60, 100]
    assert not TimeScale(spans[:1]).shortened


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.booleans()), min_size=1, max_size=12))
def test_later_times_are_further_right(parts: list[tuple[int, int, bool]]) -> None:
    spans = [
        Span("TEST", 1, after(start), after(start + length), waiting="paused" if waits else "")
        for start, length, waits in parts
    ]
    scale = TimeScale(spans)
    times = sorted({time for span in spans for time in (span.started_at, span.ended_at)})
    positions = [scale.position(time) for time in times]
    assert positions == sorted(positions)
    assert all(0 <= position <= 100.000001 for position in positions)

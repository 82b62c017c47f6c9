"""Rendering of a workflow's history as a timeline, and of its attempts with the evidence of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import Verdict
from penguin.orchestration.files.text_lines import split_lines
from penguin.orchestration.store.sentence_format import left_changes_text
from penguin_commands.results.history import ArtifactTable, AttemptRow, AttemptTable, EventRow, HistoryResult
from penguin_repl.render.costs import cost_columns, usage_text
from penguin_repl.render.format import format_duration, format_size, format_time
from penguin_repl.render.parts import Bar, Chart, ChartRow, Grid, Line, Span, field, line, text_of
from penguin_repl.render.registry import Renderers
from penguin_repl.render.words import verdict_meaning, verdict_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.config.theme import Meaning
    from penguin_commands.results.report import Span as TimelineSpan
    from penguin_repl.render.parts import Cell, Part
    from penguin_repl.report.time_scale import TimeScale

RENDERERS = Renderers()

OUTCOMES = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
"""Outcomes of tests, in display order."""
MAX_LINES = 12
"""The maximum number of output lines shown for a step that did not pass."""
MAX_LINES_OF_PASSED = 3
MIN_NAMED_WAIT = 1.0
"""Seconds below which a timeline does not name a wait."""
_WAITS: dict[str, Meaning] = {"paused": "status.paused", "blocked": "status.blocked"}
"""The meanings of waits for a person."""
END_EVENTS = ("Completed", "Failed", "Cancelled")


# --- the timeline ---------------------------------------------------------------------------------------------------


@RENDERERS.shows(HistoryResult)
def _history(result: HistoryResult) -> Iterator[Part]:
    if result.timeline:
        yield from _timeline(result)
        if not result.shows_events:
            return
        yield ""
    yield from _events(result)


def _timeline(result: HistoryResult) -> Iterator[Part]:
    """Yield a chart with one row for each attempt, and why attempts did not pass."""
    # Pipes show no timeline.
    from penguin_repl.report.time_scale import TimeScale
    from penguin_repl.report.timeline_chart import attempt_rows

    scale = TimeScale(result.timeline)
    ran, waited = (
        sum(_seconds(span) for span in result.timeline if bool(span.waiting) is waits) for waits in (False, True)
    )
    parts = f"attempts {format_duration(ran)}" + (f", waits {format_duration(waited)}" if waited else "")
    took = format_duration((scale.end - scale.start).total_seconds())
    started = Span(format_time(scale.start), "time")
    yield line(Span(result.workflow_id, "id"), "  ", started, f"  {took} ", Span(f"({parts})", "time"))
    width = max(len(_outcome(span).text) for span in result.timeline)
    rows = tuple(_chart_row(row.label, row.spans, scale, width) for row in attempt_rows(result.timeline))
    yield Chart(rows, _scale_texts(scale.start, took, scale.end))
    if scale.shortened:
        yield line(Span("The bars of long waits are shortened.", "dim"))
    yield from _remarks(result)


def _chart_row(label: str, spans: Sequence[TimelineSpan], scale: TimeScale, width: int) -> ChartRow:
    bars = tuple(
        Bar(scale.position(span.started_at), scale.position(span.ended_at), _bar_meaning(span), bool(span.waiting))
        for span in spans
    )
    outcome = _outcome(spans[-1])
    took = Span(f"{format_duration(_seconds(spans[-1])):>6}", "time")
    return ChartRow(Span(label, "phase"), bars, line(outcome, " " * (width - len(outcome.text) + 1), took))


def _outcome(span: TimelineSpan) -> Span:
    """Return the verdict of an attempt, or that it runs; nothing for a wait."""
    if span.waiting:
        return Span("", "dim")
    return verdict_span(span.verdict) if span.verdict else Span("running", "status.running")


def _bar_meaning(span: TimelineSpan) -> Meaning:
    if span.waiting:
        return _WAITS.get(span.waiting, "dim")
    return verdict_meaning(span.verdict) if span.verdict else "status.running"


def _seconds(span: TimelineSpan) -> float:
    return (span.ended_at - span.started_at).total_seconds()


def _scale_texts(start: datetime, middle: str, end: datetime) -> tuple[str, str, str]:
    """Return the texts below the bars; the times without their dates if these are the same."""
    (first_day, first), (last_day, last) = (format_time(when).split(" ") for when in (start, end))
    if first_day == last_day:
        return first, middle, last
    return f"{first_day[5:]} {first[:5]}", middle, f"{last_day[5:]} {last[:5]}"


def _remarks(result: HistoryResult) -> Iterator[Line]:
    """Yield what each long wait was for, and why an attempt did not pass, in order."""
    reasons = {
        (str(event.details["phase"]), int(event.details["attempt"])): str(event.details["result"].get("reason") or "")
        for event in result.events
        if event.kind == "AttemptEnded"
    }
    for span in result.timeline:
        attempt = f"{span.phase} {span.attempt}" if span.phase else "now"
        if span.waiting and _seconds(span) >= MIN_NAMED_WAIT:
            text = f"{span.waiting} for {format_duration(_seconds(span))}"
            yield line(Span(f"{attempt}: ", "phase"), Span(text, _bar_meaning(span)))
        elif span.verdict not in (None, Verdict.PASSED) and (reason := reasons.get((span.phase, span.attempt))):
            yield line(Span(f"{attempt}: ", "phase"), verdict_span(span.verdict), f": {reason}")


def _events(result: HistoryResult) -> Iterator[Part]:
    lengths = [_event_duration(result.events, index) for index in range(len(result.events))]
    rows = tuple(
        (Span(format_time(event.at), "time"), "" if length is None else format_duration(length), _event_text(event))
        for event, length in zip(result.events, lengths, strict=True)
    )
    yield Grid(("TIME", "TOOK", "EVENT"), rows, right_aligned=(1,))
    spent = _duration_by_phase(result.events, lengths)
    if spent:
        phases = ", ".join(f"{phase} {format_duration(seconds)}" for phase, seconds in spent.items())
        yield field(f"Attempts took {format_duration(sum(spent.values()))}", phases)


def _event_text(event: EventRow) -> Cell:
    """Return the sentence of an event, with the verdict in it."""
    verdict = next((word for word in Verdict if word in event.text.split()), None)
    if verdict is None:
        return event.text
    before, _, after = event.text.partition(verdict)
    return line(before, verdict_span(verdict), after)


def _event_duration(events: Sequence[EventRow], index: int) -> float | None:
    """Return the seconds of what ends with this event, or that it concerns; None if it has no duration."""
    event = events[index]
    if event.kind == "BackedOff":
        return max(0.0, float(event.details["until"]) - float(event.details["at"])) or None
    begun = _start_event(events, index)
    return None if begun is None else (event.at - begun.at).total_seconds()


def _start_event(events: Sequence[EventRow], index: int) -> EventRow | None:
    """Return the event that began what this one ends."""
    kind, before = events[index].kind, reversed(events[:index])
    if kind in ("AttemptEnded", "Interrupted"):
        return next((event for event in before if event.kind == "AttemptStarted"), None)
    if kind == "Resumed" or (kind == "Passed" and events[index].details.get("by")):
        return next((event for event in before if event.kind in ("Paused", "Blocked")), None)
    return events[0] if kind in END_EVENTS and index else None


def _duration_by_phase(events: Sequence[EventRow], lengths: Sequence[float | None]) -> dict[str, float]:
    """Return the seconds by phase, in the order of their first attempts."""
    spent: dict[str, float] = {}
    for event, length in zip(events, lengths, strict=True):
        if event.kind in ("AttemptEnded", "Interrupted") and length is not None:
            phase = str(event.details["phase"])
            spent[phase] = spent.get(phase, 0.0) + length
    return spent


# --- results --------------------------------------------------------------------------------------------------------


@RENDERERS.shows(AttemptTable)
def _attempts(result: AttemptTable) -> Iterator[Part]:
    if not result.attempts:
        yield result.empty_message
        return
    heads, costs = cost_columns([attempt.usage for attempt in result.attempts])
    columns = ("ATTEMPT", "PHASE", "VERDICT", "TIME", *heads, "STEP", "REASON")
    yield Grid(columns, tuple(_attempt_rows(result, costs)), right_aligned=(0, *range(4, 4 + len(heads))))
    for host, numbers in result.attempts_by_remote_host.items():
        named = f"Attempt{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        yield line(f"{named} ran on host {host}.")
    for attempt in result.attempts:
        if found := left_changes_text(attempt.evidence.get("left_changes") or ()):
            yield line(f"When {attempt.phase} attempt {attempt.number} started, {found}")
        for step in attempt.evidence.get("steps") or ():
            yield from _step_evidence(attempt, step, result.recent_activities(step))
        if attempt.running_agent:
            yield from _running_agent(attempt, result.current_activities(attempt.running_agent) or ())


def _attempt_rows(result: AttemptTable, costs: Sequence[tuple[Cell, ...]]) -> Iterator[tuple[Cell, ...]]:
    for attempt, cost in zip(result.attempts, costs, strict=True):
        number = str(attempt.number or "-")
        verdict = verdict_span(attempt.verdict) if attempt.verdict else Span("running", "status.running")
        taken = ""
        if attempt.number and attempt.ended_at:
            taken = format_duration((attempt.ended_at - attempt.started_at).total_seconds())
        yield (number, Span(attempt.phase, "phase"), verdict, taken, *cost, "", _remark(attempt.evidence))
        for step in attempt.evidence.get("steps") or ():
            remark = str(step.get("reason") or _test_counts(step))
            took = format_duration(step.get("duration") or 0.0)
            yield ("", "", verdict_span(Verdict(step["verdict"])), took, *("" for _ in cost), _step_name(step), remark)


def _remark(evidence: dict[str, Any]) -> str:
    """Return why an attempt has its verdict, or why a phase needed no attempt."""
    if evidence.get("reason"):
        return str(evidence["reason"])
    if evidence.get("kept_from"):
        return f"kept from {evidence['kept_from']}"
    if evidence.get("approved_by"):
        note = f": {evidence['note']}" if evidence.get("note") else ""
        return f"approved by {evidence['approved_by']}{note}"
    return f"cause: {evidence['cause']}" if evidence.get("cause") else ""


def _step_name(step: dict[str, Any]) -> str:
    return str(step.get("name") or "")


def _test_counts(step: dict[str, Any]) -> str:
    tests = step.get("tests") or {}
    if tests and "passed" not in tests:
        # Evidence written by an earlier version.
        bad = tests.get("failed", 0) + tests.get("errors", 0)
        tests = {**tests, "passed": tests.get("run", 0) - bad}
    return ", ".join(f"{tests[outcome]} {outcome}" for outcome in OUTCOMES if tests.get(outcome))


def _step_evidence(attempt: AttemptRow, step: dict[str, Any], activities: Sequence[Activity] | None) -> Iterator[Part]:
    """Return the evidence of a step besides its verdict; nothing if there is none."""
    lines = [*_evidence_lines(step), *_output_lines(step, activities)]
    if not lines:
        return
    yield ""
    what = Span(f"{attempt.phase} attempt {attempt.number}: {_step_name(step)}: ", "heading")
    yield line(what, verdict_span(Verdict(step["verdict"])), *_step_outcome(step))
    yield from lines


def _step_outcome(step: dict[str, Any]) -> Iterator[str]:
    code = step.get("exit_code")
    ended = "" if code is None else f"exit code {code}" if code >= 0 else f"ended by signal {-code}"
    facts = (ended, format_duration(step.get("duration") or 0.0), _test_counts(step))
    return (f", {fact}" for fact in facts if fact)


def _evidence_lines(step: dict[str, Any]) -> Iterator[Part]:
    if step.get("argv"):
        import shlex

        yield field("  argv", Span(shlex.join(map(str, step["argv"])), "command"))
    if step.get("output"):
        size = format_size(int(step.get("output_bytes") or 0))
        yield field("  output", line(Span(str(step["output"]), "path"), f" ({size})"))
    if step.get("output_sha256"):
        yield field("  sha256", Span(step["output_sha256"], "dim"))


def _running_agent(attempt: AttemptRow, activities: Sequence[Activity]) -> Iterator[Part]:
    """Return what an agent did up to now, and what it spent."""
    from penguin_repl.text.activity_lines import log_lines, usage_of

    spent = usage_text(usage_of(activities))
    yield ""
    what = Span(f"{attempt.phase} attempt {attempt.number}: ", "heading")
    yield line(what, Span("running", "status.running"), f", {spent} so far" if spent else "")
    yield from _last_lines(list(log_lines(activities)), MAX_LINES)


def _output_lines(step: dict[str, Any], activities: Sequence[Activity] | None) -> Iterator[Part]:
    """Return the last lines of a step's output; of an agent's, those of its activities."""
    lines: Sequence[str | Line]
    if activities is None:
        lines = [text.rstrip() for text in split_lines(str(step.get("excerpt") or ""))]
    else:
        from penguin_repl.text.activity_lines import log_lines

        lines = list(log_lines(activities))
    yield from _last_lines(lines, MAX_LINES_OF_PASSED if step["verdict"] == "PASSED" else MAX_LINES)


def _last_lines(lines: Sequence[str | Line], most: int) -> Iterator[Part]:
    shown = lines[-most:]
    if len(shown) < len(lines):
        yield line("  ", Span("| …", "dim"))
    for text in shown:
        pieces = text.pieces if isinstance(text, Line) else (text,)
        yield line("  ", Span("| ", "dim"), *pieces) if text_of(text).strip() else line("  ", Span("|", "dim"))


# --- artifacts ------------------------------------------------------------------------------------------------------


@RENDERERS.shows(ArtifactTable)
def _artifacts(result: ArtifactTable) -> Iterator[Part]:
    if not result.files:
        yield "No artifacts."
        return
    rows = tuple((_host_note(result, path) or format_size(count), Span(path, "path")) for path, count in result.files)
    yield Grid(("SIZE", "PATH"), rows, right_aligned=(0,))


def _host_note(result: ArtifactTable, path: str) -> str:
    host = result.remote_hosts.get(path)
    return f"on {host}" if host else ""

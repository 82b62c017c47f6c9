"""What happened to a workflow: its history as a timeline, and its attempts with what was seen of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.results.history import Artifacts, Attempt, Event, History, Results
from penguin_repl.render.costs import cost_columns
from penguin_repl.render.format import duration, local, size
from penguin_repl.render.registry import Renderers
from penguin_repl.render.table import Grid
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin_repl.render.table import Part

RENDERERS = Renderers()

TESTS = {"run": "run", "failed": "failed", "errors": "errors", "skipped": "skipped"}
SHOWN = 12
"""Lines of output that are shown of a step that did not pass."""
SHOWN_OF_PASSED = 3
OVER = ("Completed", "Failed", "Cancelled")


# --- the timeline ---------------------------------------------------------------------------------------------------


@RENDERERS.shows(History)
def _history(result: History) -> Iterator[Part]:
    lengths = [_length(result.events, index) for index in range(len(result.events))]
    rows = tuple(
        (local(event.at), "" if length is None else duration(length), event.text)
        for event, length in zip(result.events, lengths, strict=True)
    )
    yield Grid(("TIME", "TOOK", "EVENT"), rows, right=(1,))
    spent = _spent(result.events, lengths)
    if spent:
        yield f"Attempts took {duration(sum(spent.values()))}: " + ", ".join(
            f"{phase} {duration(seconds)}" for phase, seconds in spent.items()
        )


def _length(events: Sequence[Event], index: int) -> float | None:
    """Seconds that came to their end with this event, or that it is about; None where there are none to tell."""
    event = events[index]
    if event.kind == "BackedOff":
        return max(0.0, float(event.facts["until"]) - float(event.facts["at"])) or None
    begun = _begun(events, index)
    return None if begun is None else (event.at - begun.at).total_seconds()


def _begun(events: Sequence[Event], index: int) -> Event | None:
    """The event with which began what this one ends."""
    kind, before = events[index].kind, reversed(events[:index])
    if kind in ("AttemptEnded", "Interrupted"):
        return next((event for event in before if event.kind == "AttemptStarted"), None)
    if kind == "Resumed" or (kind == "Passed" and events[index].facts.get("by")):
        return next((event for event in before if event.kind in ("Paused", "Blocked")), None)
    return events[0] if kind in OVER and index else None


def _spent(events: Sequence[Event], lengths: Sequence[float | None]) -> dict[str, float]:
    """Seconds by phase, in the order in which they were first tried."""
    spent: dict[str, float] = {}
    for event, length in zip(events, lengths, strict=True):
        if event.kind in ("AttemptEnded", "Interrupted") and length is not None:
            phase = str(event.facts["phase"])
            spent[phase] = spent.get(phase, 0.0) + length
    return spent


# --- results --------------------------------------------------------------------------------------------------------


@RENDERERS.shows(Results)
def _results(result: Results) -> Iterator[Part]:
    if not result.attempts:
        yield result.empty
        return
    heads, costs = cost_columns([attempt.spent for attempt in result.attempts])
    columns = ("ATTEMPT", "PHASE", "VERDICT", "TIME", *heads, "STEP", "REASON")
    yield Grid(columns, tuple(_attempt_rows(result, costs)), right=(0, *range(4, 4 + len(heads))))
    for host, numbers in result.abroad.items():
        named = f"Attempt{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        yield f"{named} ran on host {clean(host)}."
    for attempt in result.attempts:
        for step in attempt.evidence.get("steps") or ():
            yield from _evidence(attempt, step)


def _attempt_rows(result: Results, costs: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for attempt, cost in zip(result.attempts, costs, strict=True):
        number = str(attempt.number or "-")
        verdict = attempt.verdict.value if attempt.verdict else "running"
        taken = ""
        if attempt.number and attempt.ended_at:
            taken = duration((attempt.ended_at - attempt.started_at).total_seconds())
        yield (number, attempt.phase, verdict, taken, *cost, "", _remark(attempt.evidence))
        for step in attempt.evidence.get("steps") or ():
            remark = str(step.get("reason") or _counts(step))
            took = duration(step.get("duration") or 0.0)
            yield ("", "", str(step["verdict"]), took, *("" for _ in cost), _name(step), remark)


def _remark(evidence: dict[str, Any]) -> str:
    """Why an attempt came to its verdict, or why a phase needed none."""
    if evidence.get("reason"):
        return str(evidence["reason"])
    if evidence.get("kept_from"):
        return f"kept from {evidence['kept_from']}"
    if evidence.get("approved_by"):
        note = f": {evidence['note']}" if evidence.get("note") else ""
        return f"approved by {evidence['approved_by']}{note}"
    return f"cause: {evidence['cause']}" if evidence.get("cause") else ""


def _name(step: dict[str, Any]) -> str:
    return str(step.get("name") or "")


def _counts(step: dict[str, Any]) -> str:
    tests = step.get("tests") or {}
    return ", ".join(f"{tests[key]} {word}" for key, word in TESTS.items() if tests.get(key))


def _evidence(attempt: Attempt, step: dict[str, Any]) -> Iterator[Part]:
    """What was seen of a step beside its verdict: nothing where there is nothing more to say."""
    lines = list(_seen(step))
    if not lines:
        return
    yield f"\n{attempt.phase} attempt {attempt.number}: {clean(_name(step))}: {_outcome(step)}"
    yield from (f"  {line}" for line in lines)


def _outcome(step: dict[str, Any]) -> str:
    code = step.get("exit_code")
    ended = "" if code is None else f"exit code {code}" if code >= 0 else f"ended by signal {-code}"
    facts = (str(step["verdict"]), ended, duration(step.get("duration") or 0.0), _counts(step))
    return ", ".join(fact for fact in facts if fact)


def _seen(step: dict[str, Any]) -> Iterator[str]:
    if step.get("argv"):
        import shlex

        yield f"argv: {clean(shlex.join(map(str, step['argv'])))}"
    if step.get("output"):
        yield f"output: {clean(str(step['output']))} ({size(int(step.get('output_bytes') or 0))})"
    if step.get("output_sha256"):
        yield f"sha256: {step['output_sha256']}"
    lines = str(step.get("excerpt") or "").splitlines()
    shown = lines[-(SHOWN_OF_PASSED if step["verdict"] == "PASSED" else SHOWN) :]
    if len(shown) < len(lines):
        yield "| …"
    yield from (f"| {clean(line)}".rstrip() for line in shown)


# --- what was left behind -------------------------------------------------------------------------------------------


@RENDERERS.shows(Artifacts)
def _artifacts(result: Artifacts) -> Iterator[Part]:
    if not result.files:
        yield "No artifacts."
        return
    rows = tuple((_place(result, path) or size(count), path) for path, count in result.files)
    yield Grid(("SIZE", "PATH"), rows, right=(0,))


def _place(result: Artifacts, path: str) -> str:
    host = result.elsewhere.get(path)
    return f"on {host}" if host else ""

"""The history of a workflow as text: its events in sentences, and the results of its phases.

Reads the JSON of event rows directly, without the machinery that decodes it to events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.usage import usage_totals
from penguin.orchestration.store.sentence_format import clock, left_changes_text, one_line

Data = dict[str, Any]
Row = tuple[int, str]
"""Number and JSON of an event row, which holds all events of one decision."""


class HistoryEntry(NamedTuple):
    """One event."""

    seq: int
    """Number of the decision in the workflow's history, from 1; shared by the events of one decision."""
    at: datetime
    """Aware, UTC."""
    kind: str
    """The event's name, such as AttemptEnded."""
    text: str
    """What happened, in one line."""
    data: dict[str, Any]
    """The event as it is stored."""


class PhaseResult(NamedTuple):
    """The result of one attempt of a phase, or the reason why the phase needed none."""

    phase: WorkflowPhase
    attempt: int
    """0: without an attempt: skipped, approved by a person, or kept from the workflow that was retried."""
    verdict: Verdict | None
    """None: running. INTERRUPTED: runs again, unless the workflow is final."""
    started_at: datetime
    """Aware, UTC."""
    ended_at: datetime | None
    evidence: dict[str, Any]
    """An AttemptResult as a dict (`steps`: the evidence of each step). `usage` is the sum over all runs of its agent,
    even while it runs; without an agent it is zero or missing. `left_changes` is there if the working tree contained
    changes of other workflows when it took the tree: each a LeftChanges as a dict.

    Interrupted: {"cause"}. Approved: {"approved_by", "note", "tree"}, and "process" if it is known. Kept:
    {"kept_from", "approved_by", "tree"}.
    """


def history_entries(rows: Iterable[Row]) -> list[HistoryEntry]:
    """Return one entry for every event."""
    return [
        HistoryEntry(seq, datetime.fromtimestamp(event["at"], UTC), event["type"], describe_event(event), event)
        for seq, data in rows
        for event in json.loads(data)
    ]


def phase_results(rows: Iterable[Row]) -> list[PhaseResult]:
    """Return one result for every attempt, approval, skipped phase and kept pass, in order."""
    results: list[PhaseResult] = []
    for _, data in rows:
        for event in json.loads(data):
            _add_result(results, event)
    return results


def attempt_hosts(rows: Iterable[Row]) -> dict[int, str]:
    """Return the machine that ran an attempt last, by attempt number; empty if its name is not known."""
    hosts: dict[int, str] = {}
    host, under_way = "", 0
    for _, data in rows:
        for event in json.loads(data):
            if event["type"] == "Claimed":
                host = event.get("host", "")
            elif event["type"] == "AttemptStarted":
                under_way = event["attempt"]
            if under_way:
                hosts[under_way] = host
            if event["type"] == "AttemptEnded":
                under_way = 0
    return hosts


# --- results --------------------------------------------------------------------------------------------------------


def _add_result(results: list[PhaseResult], event: Data) -> None:
    kind, at = event["type"], datetime.fromtimestamp(event["at"], UTC)
    if kind == "Started":
        results.extend(_kept(event, kept, at) for kept in event["passes"])
    elif kind == "AttemptStarted":
        _begin(results, event, at)
    elif kind == "AttemptEnded":
        _end(results, event, at, Verdict(event["result"]["verdict"]), event["result"])
    elif kind == "Interrupted":
        _end(results, event, at, Verdict.INTERRUPTED, _cause(event))
    elif kind == "Skipped":
        results.append(PhaseResult(WorkflowPhase(event["phase"]), 0, Verdict.SKIPPED, at, at, {}))
    elif kind == "Passed" and event["by"]:
        evidence = {"approved_by": event["by"], "note": event["note"], "tree": event["tree"]}
        if process := event.get("process"):
            evidence["process"] = process
        results.append(PhaseResult(WorkflowPhase(event["phase"]), 0, Verdict.PASSED, at, at, evidence))


def _kept(started: Data, kept: Data, at: datetime) -> PhaseResult:
    evidence = {"kept_from": started["retry_of"], "approved_by": kept["by"], "tree": kept["tree"]}
    return PhaseResult(WorkflowPhase(kept["phase"]), 0, Verdict.PASSED, at, at, evidence)


def _begin(results: list[PhaseResult], event: Data, at: datetime) -> None:
    index = _index(results, event["attempt"])
    if index is None:
        results.append(PhaseResult(WorkflowPhase(event["phase"]), event["attempt"], None, at, None, _found(event)))
    else:
        spent = results[index].evidence.get("usage")
        evidence = {**({"usage": spent} if spent else {}), **(_found(event) or _found(results[index].evidence))}
        results[index] = results[index]._replace(verdict=None, ended_at=None, evidence=evidence)


def _end(results: list[PhaseResult], event: Data, at: datetime, verdict: Verdict, evidence: Data) -> None:
    index = _index(results, event["attempt"])
    if index is not None:
        if before := results[index].evidence.get("usage"):
            both = usage_totals(before).plus(usage_totals(evidence.get("usage")))
            evidence = evidence | {"usage": both._asdict()}
        evidence = evidence | _found(results[index].evidence)
        results[index] = results[index]._replace(verdict=verdict, ended_at=at, evidence=evidence)


def _found(event: Data) -> Data:
    """Return the changes of other workflows that an attempt began with, as part of its evidence."""
    return {"left_changes": event["left_changes"]} if event.get("left_changes") else {}


def _cause(event: Data) -> Data:
    spent = usage_totals(event.get("usage"))
    return {"cause": event["cause"], **({"usage": spent._asdict()} if any(spent) else {})}


def _index(results: list[PhaseResult], attempt: int) -> int | None:
    # The attempt is usually the newest one.
    return next((i for i in reversed(range(len(results))) if results[i].attempt == attempt), None)


# --- sentences ------------------------------------------------------------------------------------------------------


def describe_event(event: Data) -> str:
    """Describe an event in one line."""
    teller = SENTENCES.get(event["type"])
    return teller(event) if teller else str(event["type"])


def _by(event: Data) -> str:
    return f" by {event['by']}" if event["by"] else ""


def _because(text: str) -> str:
    return f": {one_line(text)}" if text else ""


def _attempt(event: Data) -> str:
    return f"{event['phase']} attempt {event['attempt']}"


def _started(e: Data) -> str:
    text = f"started{_by(e)}"
    if e["retry_of"]:
        text += f" as a retry of {e['retry_of']}"
    kept = [kept["phase"] for kept in e["passes"]]
    text += f", starting at {e['phase']}"
    return text + (f"; passes kept: {', '.join(kept)}" if kept else "")


def _claimed(e: Data) -> str:
    host = e.get("host")
    return f"claimed by engine {e['owner'][:6]}{f' on {host}' if host else ''}"


def _attempt_started(e: Data) -> str:
    count = len(e["delivered"])
    feedback = f" with {count} piece{'s' if count > 1 else ''} of feedback" if count else ""
    left = left_changes_text(e.get("left_changes") or ())
    return f"{_attempt(e)} {'restarted' if e['again'] else 'started'}{feedback}{f'; {left}' if left else ''}"


def _attempt_ended(e: Data) -> str:
    result = e["result"]
    return f"{_attempt(e)} {result['verdict']}{_because(result['reason'] or _test_count_text(result))}"


def _test_count_text(result: Data) -> str:
    tests = sum(step["tests"]["run"] for step in result["steps"] if step["tests"])
    return f"{tests} test{'s' if tests > 1 else ''} run" if tests else ""


def _interrupted(e: Data) -> str:
    cause = {"pause": "a pause", "now": "a pause --now", "cancel": "the cancellation", "crash": "a crash"}
    return f"{_attempt(e)} interrupted by {cause.get(e['cause'], e['cause'])}"


def _passed(e: Data) -> str:
    return f"{e['phase']} approved by {e['by']}{_because(e['note'])}" if e["by"] else f"{e['phase']} passed"


def _backed_off(e: Data) -> str:
    if e["until"] <= e["at"]:
        return f"{e['failed']} failed: continues with {e['phase']}"
    return f"retrying at {clock(e['until'], e['at'])} with {e['phase']}"


def _went_stale(e: Data) -> str:
    files = f" ({', '.join(e['changed'])})" if e["changed"] else ""
    return f"the tree changed after TEST passed{files}: back to TEST"


def _landing_queued(e: Data) -> str:
    return (
        f"all gates passed on {e['commit'][:10]}: waits to land" if e["commit"] else "all gates passed: waits to land"
    )


def _gates_again(e: Data) -> str:
    count = len(e["others"])
    others = f", with {count} commit{'s' if count > 1 else ''} that landed meanwhile" if count else ""
    return f"the gates run again on the merged tree{others}"


def _landing_done(e: Data) -> str:
    if not e["commit"]:
        return "nothing to land"
    return f"landed as {e['commit'][:10]} on {e['branch']}"


def _paused(e: Data) -> str:
    return f"paused{_by(e)}{', ending the running step' if e['now'] else ''}"


def _resumed(e: Data) -> str:
    return f"resumed{_by(e)}{' at ' + e['phase'] if e['phase'] else ''}"


def _feedback_queued(e: Data) -> str:
    return f"feedback queued{_by(e['advice'])}{_because(e['advice']['text'])}"


def _completed(e: Data) -> str:
    # Events of earlier versions have no name.
    return f"recorded by {e['by']} as done outside of Penguin" if e.get("by") else "completed"


SENTENCES: dict[str, Callable[[Data], str]] = {
    "Started": _started,
    "Claimed": _claimed,
    "AttemptStarted": _attempt_started,
    "AttemptEnded": _attempt_ended,
    "Interrupted": _interrupted,
    "Passed": _passed,
    "Skipped": lambda e: f"{e['phase']} skipped by configuration",
    "BackedOff": _backed_off,
    "WentStale": _went_stale,
    "LandingQueued": _landing_queued,
    "LandingApproved": lambda e: f"landing approved by {e['by']}{_because(e['note'])}",
    "LandingBegan": lambda e: "merging and landing",
    "LandingInterrupted": lambda e: "landing interrupted: nothing was changed",
    "LandingConflicted": lambda e: f"landing found a conflict in {', '.join(e['files'])}: {e['next']} follows",
    "GatesAgain": _gates_again,
    "TargetBranchMoved": lambda e: "the target branch moved before the landing: merging again",
    "LandingDone": _landing_done,
    "Paused": _paused,
    "Resumed": _resumed,
    "Blocked": lambda e: f"blocked{_because(e['reason'])}",
    "FeedbackQueued": _feedback_queued,
    "CancelRequested": lambda e: f"cancellation requested{_by(e)}",
    "Refused": lambda e: f"{e['command']}{_by(e)} was refused{_because(e['reason'])}",
    "Cancelled": lambda e: f"cancelled{_by(e)}{_because(e['reason'])}",
    "Failed": lambda e: f"failed{_because(e['reason'])}",
    "Completed": _completed,
}

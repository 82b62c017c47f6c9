"""The attempts of a workflow with the evidence of their steps, and where each gate stands."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.usage import usage_totals
from penguin.orchestration.execution.launcher.redaction import Secrets
from penguin.orchestration.files.secret_env import secret_values
from penguin.orchestration.store.sentence_format import left_changes_text
from penguin.orchestration.workflow_status import GATES
from penguin_commands.handlers.report.bounds import LINE, TEXT, TITLE, bounded, bounded_lines
from penguin_commands.handlers.report.step_tests import local_file, named_tests, stated_reports
from penguin_commands.results.report import AttemptReport, GateReport, StepReport

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.store.history import PhaseResult
    from penguin_commands.session import Session

AGENT_ACTIVITIES = 60
"""Activities of an agent that a report shows."""
SHORT = 60
"""Characters of a step's name in a summary."""
SKIPPED = "skipped by configuration"
NAMED = 20
"""Files that a finding names."""


def attempt_reports(
    session: Session, workflow_id: str, results: Sequence[PhaseResult], definition: dict[str, Any]
) -> tuple[AttemptReport, ...]:
    """Return all attempts, including those that ran on other hosts. `definition`: as it is stored."""
    from penguin_commands.handlers.remote_output import full_evidence

    hosts = session.reader.attempt_hosts(workflow_id)
    gates = definition.get("gates") or {}
    secrets = Secrets(secret_values(os.environ, tuple(definition.get("redact") or ())))
    found = []
    for result in results:
        evidence = full_evidence(session, workflow_id, result)
        attempt = _attempt(result, evidence, hosts.get(result.attempt, ""))
        steps = _steps(session, evidence, stated_reports(gates.get(result.phase) or {}), secrets)
        attempt = attempt._replace(steps=steps)
        found.append(attempt._replace(summary=_summary(attempt)))
    return tuple(found)


def _attempt(result: PhaseResult, evidence: dict[str, Any], host: str) -> AttemptReport:
    """Return an attempt without its steps."""
    return AttemptReport(
        result.phase,
        result.attempt,
        result.verdict,
        result.started_at,
        result.ended_at,
        bounded(_reason(evidence), LINE),
        (),
        # The evidence of other hosts covers only the last run of the attempt.
        usage_totals(result.evidence.get("usage")),
        host,
        str(evidence.get("checkpoint") or ""),
        tuple(bounded(text, TITLE * 2) for text in _findings(evidence)),
        summary="",
    )


def _reason(evidence: dict[str, Any]) -> str:
    """Return why an attempt has its verdict, or why a phase needed no attempt."""
    if evidence.get("kept_from"):
        return f"kept from {evidence['kept_from']}"
    if evidence.get("approved_by"):
        return f"approved by {evidence['approved_by']}"
    if evidence.get("cause"):
        return f"interrupted: {evidence['cause']}"
    return str(evidence.get("reason") or "")


def _findings(evidence: dict[str, Any]) -> list[str]:
    found = []
    if left := left_changes_text(evidence.get("left_changes") or ()):
        found.append(f"At its start, {left}.")
    if changed := evidence.get("changed"):
        found.append(f"Files changed after TEST: {_names(changed)}.")
    if left_out := evidence.get("left_out"):
        found.append(f"Files that the checkpoint leaves out: {_names(left_out)}.")
    if evidence.get("overspent"):
        found.append(str(evidence["overspent"]))
    if evidence.get("missing"):
        found.append(f"Missing on this machine: {evidence['missing']}")
    return found


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(map(str, paths[:NAMED])) + more


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(
    session: Session, evidence: dict[str, Any], reports: Sequence[str], secrets: Secrets
) -> tuple[StepReport, ...]:
    """Return the steps. `reports`: the reports that the commands of the gate write, in order."""
    following = iter(reports)
    found = []
    for step in evidence.get("steps") or ():
        report = next(following, "") if step.get("kind") == "run" else ""
        tests = named_tests(session, step, report, secrets.redact_text)
        found.append(_step(session, step)._replace(tests=tests))
    return tuple(found)


def _step(session: Session, step: dict[str, Any]) -> StepReport:
    """Return a step without its tests."""
    code = step.get("exit_code")
    excerpt = bounded_lines(str(step.get("excerpt") or ""), str(step.get("output") or ""))
    activities: tuple[Activity, ...] = ()
    if step.get("kind") in ("agent", "judge"):
        excerpt, activities = _agent_step(session, step)
    return StepReport(
        bounded(str(step.get("name") or ""), TITLE),
        str(step.get("kind") or ""),
        Verdict(step["verdict"]),
        bounded(str(step.get("reason") or ""), LINE),
        bounded(shlex.join(map(str, step.get("argv") or ())), LINE),
        None if code is None else int(code),
        float(step.get("duration") or 0.0),
        str(step.get("output") or ""),
        int(step.get("output_bytes") or 0),
        excerpt,
        activities=activities,
    )


def _agent_step(session: Session, step: dict[str, Any]) -> tuple[str, tuple[Activity, ...]]:
    """Return what an agent said and did, as far as it is known."""
    from penguin.orchestration.agents.activity.activities import Message

    activities = _activities(local_file(session, str(step.get("output") or "")))
    if not activities:
        return _without_protocol(step), ()
    said = "\n".join(found.text for found in activities if isinstance(found, Message))
    return bounded_lines(said, str(step.get("output") or "")), activities


def _activities(path: str) -> tuple[Activity, ...]:
    """Return the newest activities of an agent; none if the output is not known."""
    from penguin_commands.handlers.agent_output import last_activities

    return tuple(last_activities(path) or ())[-AGENT_ACTIVITIES:]


def _without_protocol(step: dict[str, Any]) -> str:
    """Return the lines of an agent's output that are not JSON."""
    lines = str(step.get("excerpt") or "")[:TEXT].split("\n")
    return "\n".join(bounded(line, LINE) for line in lines if line.strip() and not line.lstrip().startswith("{"))


# --- gates ----------------------------------------------------------------------------------------------------------


def gate_reports(
    attempts: Sequence[AttemptReport], final: bool, skipped: Collection[WorkflowPhase] = ()
) -> tuple[GateReport, ...]:
    """Return where each gate stands. A pass from before the newest IMPLEMENT attempt no longer counts.

    Args:
        attempts: All attempts.
        final: Whether the workflow has ended.
        skipped: The gates that the configuration skips, also if the workflow has not come to them.
    """
    implemented = max((place for place, one in enumerate(attempts) if _implements(one)), default=-1)
    return tuple(
        GateReport(phase, Verdict.SKIPPED, False, 0, 0.0, SKIPPED)
        if phase in skipped
        else _gate(phase, attempts, implemented, final)
        for phase in GATES
    )


def _implements(attempt: AttemptReport) -> bool:
    return attempt.phase is WorkflowPhase.IMPLEMENT and attempt.number > 0


def _gate(phase: WorkflowPhase, attempts: Sequence[AttemptReport], implemented: int, final: bool) -> GateReport:
    own = [(place, attempt) for place, attempt in enumerate(attempts) if attempt.phase is phase]
    ran = [attempt for _, attempt in own if attempt.number]
    seconds = sum(attempt.seconds or 0.0 for attempt in ran)
    if not own:
        return GateReport(phase, None, False, 0, 0.0, "not run")
    place, newest = own[-1]
    if place < implemented and newest.verdict is not Verdict.SKIPPED:
        return GateReport(phase, None, False, len(ran), seconds, "must run again: IMPLEMENT ran after it")
    running = newest.verdict is None and not final
    return GateReport(phase, newest.verdict, running, len(ran), seconds, "running" if running else newest.summary)


def _summary(attempt: AttemptReport) -> str:
    """Return what was seen in an attempt, in one line."""
    if attempt.reason:
        return attempt.reason
    if attempt.verdict is Verdict.SKIPPED:
        return SKIPPED
    counts: dict[str, int] = {}
    for step in attempt.steps:
        for outcome, count in (step.tests.counts if step.tests else {}).items():
            counts[outcome] = counts.get(outcome, 0) + count
    if counts:
        return f"tests: {counts_text(counts)}"
    if not attempt.steps:
        return ""
    if attempt.verdict is Verdict.PASSED and all(step.kind == "check" for step in attempt.steps):
        return f"{len(attempt.steps)} criteria passed" if len(attempt.steps) > 1 else "1 criterion passed"
    if len(attempt.steps) == 1:
        name = attempt.steps[0].name
        return name if len(name) <= SHORT else f"{name[:SHORT]}…"
    return f"{len(attempt.steps)} steps passed" if attempt.verdict is Verdict.PASSED else ""


def counts_text(counts: dict[str, int]) -> str:
    """Return numbers of tests by outcome as text."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())

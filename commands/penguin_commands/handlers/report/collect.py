"""Collection of the report on one workflow from its history, its evidence and its files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.workflow_status import GATES
from penguin_commands.handlers.report.attempts import attempt_reports, gate_reports
from penguin_commands.handlers.report.bounds import LINE, TITLE, bounded, bounded_lines
from penguin_commands.handlers.report.timeline import timeline
from penguin_commands.results.report import (
    ApprovalReport,
    ChangesReport,
    CriterionReport,
    DependencyReport,
    FeedbackReport,
    WorkflowReport,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.store.history import HistoryEntry, PhaseResult
    from penguin_commands.results.report import AttemptReport, StepReport
    from penguin_commands.session import Session


def workflow_report(session: Session, workflow_id: str, *, with_changes: bool = True) -> WorkflowReport:
    """Return the report on one workflow. Without its changes, no git command runs."""
    reader = session.reader
    info = session.info(workflow_id)
    info = info._replace(error_message=bounded(info.error_message or "", LINE) or None)
    now = datetime.now(UTC)
    events = reader.history(workflow_id)
    results = reader.results(workflow_id)
    started = events[0].data if events else {}
    definition: dict[str, Any] = started.get("definition") or {}
    task: dict[str, Any] = definition.get("task") or {}
    attempts = attempt_reports(session, workflow_id, results, definition)
    return WorkflowReport(
        made_at=now,
        info=info,
        title=bounded(str(task.get("title") or info.task_id), TITLE),
        description=bounded_lines(str(task.get("description") or ""), f"/task show {info.task_id}"),
        criteria=_criteria(task, attempts, _approved_by(results)),
        dependencies=_dependencies(session, info.project_id, task),
        started_by=str(started.get("by") or ""),
        retry_of=str(started.get("retry_of") or ""),
        explanation=bounded(reader.explain(workflow_id), LINE),
        next_command=reader.next_command(workflow_id),
        gates=gate_reports(attempts, info.status.final, _skipped(definition)),
        attempts=attempts,
        timeline=timeline(events, now),
        changes=_changes(session, workflow_id, attempts) if with_changes else ChangesReport(),
        approvals=_approvals(results),
        feedback=_feedback(events),
        agents=reader.agent_names(workflow_id),
        usage=reader.usage_of([workflow_id]).get(workflow_id, UsageTotals()),
    )


def _skipped(definition: dict[str, Any]) -> list[WorkflowPhase]:
    """Return the gates that the configuration skips."""
    gates = definition.get("gates") or {}
    return [phase for phase in GATES if (gates.get(phase) or {}).get("skip")]


def _changes(session: Session, workflow_id: str, attempts: Sequence[AttemptReport]) -> ChangesReport:
    from penguin_commands.handlers.report.changes import changes_of

    return changes_of(session, workflow_id, started=any(attempt.number for attempt in attempts))


def _criteria(task: dict[str, Any], attempts: Sequence[AttemptReport], approved_by: str) -> tuple[CriterionReport, ...]:
    """Return the criteria, each with the verdict of its step in the newest VERIFY attempt."""
    verified = [attempt for attempt in attempts if attempt.phase is WorkflowPhase.VERIFY and attempt.number]
    steps = [step for attempt in verified[-1:] for step in attempt.steps]
    judges = [step.name.removeprefix("judge ") for step in steps if step.kind == "judge"]
    found = []
    for criterion in task.get("criteria") or ():
        text, check = str(criterion.get("text") or ""), str(criterion.get("check") or "")
        step = next((step for step in steps if _checks(step, text)), None)
        verdict = step.verdict if step else None
        person = "" if verdict is Verdict.PASSED or check else approved_by
        criterion = CriterionReport(bounded(text, LINE), bounded(check, LINE), verdict, person)
        found.append(_with_reason(criterion, step, judges) if step else criterion)
    return tuple(found)


def _with_reason(criterion: CriterionReport, step: StepReport, judges: Sequence[str]) -> CriterionReport:
    """Return a criterion with the reason of its verdict; if a judge gave it, also with the judge and the evidence."""
    if criterion.check or not judges:
        return criterion._replace(reason=step.reason)
    from penguin.orchestration.agents.judge import split_reason

    reason, evidence = split_reason(step.verdict, step.reason)
    return criterion._replace(judge=judges[0], reason=reason, evidence=evidence)


def _dependencies(session: Session, project_id: str, task: dict[str, Any]) -> tuple[DependencyReport, ...]:
    found = []
    for name in task.get("dependencies") or ():
        newest = session.reader.list(project_id=project_id, task_id=name, limit=1)
        found.append(DependencyReport(name, newest[0].status.value if newest else ""))
    return tuple(found)


def _checks(step: StepReport, criterion: str) -> bool:
    """Return whether a step checks a criterion: it has its first line as name, perhaps shortened."""
    line = criterion.strip().partition("\n")[0].strip()
    return step.name == line or (step.name.endswith("…") and line.startswith(step.name[:-1]))


def _approved_by(results: Sequence[PhaseResult]) -> str:
    """Return the person who approved VERIFY; '' if its newest result is no approval."""
    newest = [result for result in results if result.phase is WorkflowPhase.VERIFY][-1:]
    return str(newest[0].evidence.get("approved_by") or "") if newest else ""


def _approvals(results: Sequence[PhaseResult]) -> tuple[ApprovalReport, ...]:
    return tuple(
        ApprovalReport(
            result.phase,
            str(result.evidence["approved_by"]),
            result.started_at,
            bounded_lines(str(result.evidence.get("note") or "")),
        )
        for result in results
        if result.verdict is Verdict.PASSED and result.evidence.get("approved_by")
    )


def _feedback(events: Sequence[HistoryEntry]) -> tuple[FeedbackReport, ...]:
    """Return all feedback, also that which a retry took over, with the attempt that it was delivered with."""
    given: dict[str, dict[str, Any]] = {}
    delivered: dict[str, int] = {}
    for event in events:
        if event.kind == "Started":
            given |= {item["id"]: item for item in event.data.get("feedback") or ()}
        elif event.kind == "FeedbackQueued":
            given[event.data["advice"]["id"]] = event.data["advice"]
        elif event.kind == "AttemptStarted":
            delivered |= dict.fromkeys(event.data.get("delivered") or (), int(event.data["attempt"]))
    whole = "/workflow history, with -o json"
    return tuple(
        FeedbackReport(
            str(item.get("by") or ""),
            datetime.fromtimestamp(float(item.get("at") or 0.0), UTC),
            bounded_lines(str(item.get("text") or ""), whole),
            delivered.get(name),
        )
        for name, item in given.items()
    )

"""Commands that read workflows: status, list, history, results, artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import ACTIVE
from penguin_commands.results import Artifacts, Attempt, Event, History, Results, Status, WorkflowTable

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowStatus
    from penguin_commands.session import Session


def status(session: Session, workflow: str | None = None) -> Status | WorkflowTable:
    """One workflow, or all active ones."""
    reader = session.reader
    if workflow is None:
        active = tuple(reader.list(statuses=ACTIVE))
        explain = {info.workflow_id: reader.explain(info.workflow_id) for info in active}
        advice = {info.workflow_id: reader.advice(info.workflow_id) for info in active}
        return WorkflowTable(active, explain, advice, "No active workflows.")
    workflow_id = session.resolve(workflow, prefix=True)
    info = session.info(workflow_id)
    return Status(info, reader.explain(workflow_id), reader.advice(workflow_id), reader.host_of(workflow_id))


def list_(
    session: Session,
    project: str | None = None,
    status: tuple[frozenset[WorkflowStatus], ...] = (),
    task: str | None = None,
    limit: int = 100,
) -> WorkflowTable:
    """The newest workflows first."""
    wanted: frozenset[WorkflowStatus] = frozenset().union(*status)
    return WorkflowTable(tuple(session.reader.list(project_id=project, statuses=wanted, task_id=task, limit=limit)))


def history(session: Session, workflow: str) -> History:
    """Every event."""
    workflow_id = session.resolve(workflow, prefix=True)
    entries = session.reader.history(workflow_id)
    return History(workflow_id, tuple(Event(it.seq, it.at, it.kind, it.text, it.data) for it in entries))


def results(session: Session, workflow: str) -> Results:
    """Every attempt."""
    workflow_id = session.resolve(workflow, prefix=True)
    attempts = (
        Attempt(it.phase.value, it.attempt, it.verdict, it.started_at, it.ended_at, it.evidence)
        for it in session.reader.results(workflow_id)
    )
    return Results(workflow_id, tuple(attempts))


def artifacts(session: Session, workflow: str) -> Artifacts:
    """The files that steps left behind, with their sizes."""
    workflow_id = session.resolve(workflow, prefix=True)
    return Artifacts(
        workflow_id,
        tuple((path, _size(session, path)) for path in session.info(workflow_id).artifacts),
    )


def _size(session: Session, path: str) -> int | None:
    try:
        return (session.workspace.root / path).stat().st_size
    except OSError:
        return None

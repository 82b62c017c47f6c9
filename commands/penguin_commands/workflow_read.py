"""Commands that read workflows: status, list, history, results, artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import ACTIVE, WorkflowError
from penguin.orchestration.spending import Spending, spending_of
from penguin_commands.results.past import Artifacts, Attempt, Event, History, Results
from penguin_commands.results.workflows import Status, Total, WorkflowTable

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowPhase, WorkflowStatus
    from penguin_commands.session import Session


LIMIT = 100
"""So many workflows are listed unless said."""


def status(session: Session, workflow: str | None = None) -> Status | WorkflowTable:
    """One workflow, or all active ones."""
    reader = session.reader
    if workflow is None:
        found = reader.list(statuses=ACTIVE, limit=LIMIT + 1)
        active = tuple(found[:LIMIT])
        explain = {info.workflow_id: reader.explain(info.workflow_id) for info in active}
        advice = {info.workflow_id: reader.advice(info.workflow_id) for info in active}
        more = "; /workflow list --status active --limit N shows more"
        remark = f"the newest {LIMIT} are shown, there are more{more}" if len(found) > LIMIT else ""
        spent = reader.spent(explain)
        return WorkflowTable(active, explain, advice, "No active workflows.", remark, spent)
    workflow_id = session.resolve(workflow, prefix=True)
    info = session.info(workflow_id)
    return Status(
        info,
        reader.explain(workflow_id),
        reader.advice(workflow_id),
        reader.host_of(workflow_id),
        reader.spent([workflow_id]).get(workflow_id, Spending()),
        reader.agents_of(workflow_id),
    )


def list_(
    session: Session,
    project: str | None = None,
    status: tuple[frozenset[WorkflowStatus], ...] = (),
    task: str | None = None,
    since: float | None = None,
    limit: int = LIMIT,
    sort: str = "newest",
    total: bool = False,
) -> WorkflowTable:
    """The newest workflows first, or in another order."""
    reader = session.reader
    wanted: frozenset[WorkflowStatus] = frozenset().union(*status)
    asked: dict[str, Any] = {
        "project_id": project,
        "statuses": wanted,
        "task_id": task,
        "since": since,
        "sort": sort,
    }
    found = reader.list(**asked, limit=limit + 1)
    shown = tuple(found[:limit])
    return WorkflowTable(
        shown,
        remark=_cut(limit, sort) if len(found) > limit else "",
        spent=reader.spent(info.workflow_id for info in shown),
        total=Total(*reader.total(**asked)) if total else None,
    )


def _cut(limit: int, sort: str) -> str:
    which = {"newest": "the newest", "oldest": "the oldest", "updated": "the last changed"}[sort]
    return f"{which} {limit} are shown, there are more; --limit {2 * limit} shows more of them"


def history(session: Session, workflow: str) -> History:
    """Every event."""
    workflow_id = session.resolve(workflow, prefix=True)
    entries = session.reader.history(workflow_id)
    return History(workflow_id, tuple(Event(it.seq, it.at, it.kind, it.text, it.data) for it in entries))


def results(
    session: Session, workflow: str, *, phase: WorkflowPhase | None = None, attempt: int | None = None
) -> Results:
    """Every attempt, also of other hosts, or those of a phase, or the one with this number."""
    from penguin_commands.elsewhere import bring, this_host, whole_evidence

    workflow_id = session.resolve(workflow, prefix=True)
    bring(session, workflow_id)
    found = session.reader.results(workflow_id)
    hosts = session.reader.attempt_hosts(workflow_id)
    attempts = (
        Attempt(
            it.phase.value,
            it.attempt,
            it.verdict,
            it.started_at,
            it.ended_at,
            whole_evidence(session, workflow_id, it),
            hosts.get(it.attempt, ""),
            # The evidence that was fetched knows of the last try alone.
            spending_of(it.evidence.get("usage")),
        )
        for it in found
        if phase in (None, it.phase) and attempt in (None, it.attempt)
    )
    return Results(workflow_id, tuple(attempts), this_host())


def artifacts(session: Session, workflow: str) -> Artifacts:
    """The files that steps left behind, with their sizes."""
    workflow_id = session.resolve(workflow, prefix=True)
    paths = session.info(workflow_id).artifacts
    files = tuple((path, _size(session, path)) for path in paths)
    if all(size is not None for _, size in files):
        return Artifacts(workflow_id, files)
    from penguin_commands.elsewhere import bring

    try:
        missing = bring(session, workflow_id)
    except WorkflowError as error:
        # The list is known even where nobody can tell the history.
        session.narrate(error.message)
        missing = []
    hosts = {path: it.host for it in missing for path in it.evidence.get("artifacts") or ()}
    files = tuple((path, _size(session, path)) for path in paths)
    return Artifacts(workflow_id, files, {path: hosts[path] for path, size in files if size is None and path in hosts})


def _size(session: Session, path: str) -> int | None:
    try:
        return (session.workspace.root / path).stat().st_size
    except OSError:
        return None

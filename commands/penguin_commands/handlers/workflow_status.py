"""Commands that read the status of workflows: status, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.workflow_status import ACTIVE
from penguin_commands.results.workflows import StatusResult, UsageSummary, WorkflowTable

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowStatus
    from penguin_commands.session import Session


LIMIT = 100
"""The default maximum number of workflows."""


def status(session: Session, workflow: str | None = None) -> StatusResult | WorkflowTable:
    """Return one workflow, or all active ones."""
    reader = session.reader
    if workflow is None:
        session.warn_of_lost_workflows()
        found = reader.list(statuses=ACTIVE, limit=LIMIT + 1)
        active = tuple(found[:LIMIT])
        explain = {info.workflow_id: reader.explain(info.workflow_id) for info in active}
        next_commands = {info.workflow_id: reader.next_command(info.workflow_id) for info in active}
        more = "; /workflow list --status active --limit N shows more"
        remark = f"only the newest {LIMIT} are shown{more}" if len(found) > LIMIT else ""
        spent = reader.usage_of(explain)
        return WorkflowTable(active, explain, next_commands, "No active workflows.", remark, spent)
    workflow_id = session.resolve(workflow, prefix=True)
    info = session.info(workflow_id)
    return StatusResult(
        info,
        reader.explain(workflow_id),
        reader.next_command(workflow_id),
        reader.host_of(workflow_id),
        reader.usage_of([workflow_id]).get(workflow_id, UsageTotals()),
        reader.agent_names(workflow_id),
        reader.left_changes(workflow_id),
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
    """Return workflows, newest first or in another order."""
    reader = session.reader
    session.warn_of_lost_workflows()
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
        remark=_limit_remark(limit, sort) if len(found) > limit else "",
        usage=reader.usage_of(info.workflow_id for info in shown),
        total=UsageSummary(*reader.total(**asked)) if total else None,
    )


def _limit_remark(limit: int, sort: str) -> str:
    which = {"newest": "the newest", "oldest": "the oldest", "updated": "the last updated"}[sort]
    return f"only {which} {limit} are shown; --limit {2 * limit} shows more"

"""Commands that read the status of workflows: status, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.workflow_status import ACTIVE, WorkflowStatus
from penguin_commands.results.workflows import StatusResult, UsageSummary, WorkflowTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.queries import WorkflowReader
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
        next_commands = {info.workflow_id: session.next_command(info.workflow_id) for info in active}
        more = "; /workflow list --status active --limit N shows more"
        remark = f"only the newest {LIMIT} are shown{more}" if len(found) > LIMIT else ""
        spent = reader.usage_of(explain)
        table = WorkflowTable(active, explain, next_commands, "No active workflows.", remark, spent)
        return _with_progress(session, table) if session.on_terminal else table
    workflow_id = session.resolve(workflow, prefix=True)
    info = session.info(workflow_id)
    return StatusResult(
        info,
        reader.explain(workflow_id),
        session.next_command(workflow_id),
        reader.host_of(workflow_id),
        reader.usage_of([workflow_id]).get(workflow_id, UsageTotals()),
        reader.agent_names(workflow_id),
        reader.left_changes(workflow_id),
        *_tree_of(session, workflow_id),
    )


def _tree_of(session: Session, workflow_id: str) -> tuple[str, str]:
    """Return the folder of a workflow's private clone, if it has one, and the branch on which it lands."""
    isolation, branch = session.reader.isolation(workflow_id)
    from penguin.orchestration.core.tree_isolation import TREE

    if isolation != TREE:
        return "", ""
    from penguin.orchestration.worktree.trees.tree_folder import recorded_tree

    tree = recorded_tree(session.workspace.runs / workflow_id)
    return str(tree.work) if tree is not None and tree.work.is_dir() else "", branch


def list_(
    session: Session,
    project: str | None = None,
    status: tuple[frozenset[WorkflowStatus], ...] = (),
    task: str | None = None,
    since: float | None = None,
    limit: int = LIMIT,
    sort: str | None = None,
    total: bool = False,
) -> WorkflowTable:
    """Return workflows, newest first or in another order; on a terminal, by default, in the order of execution."""
    reader = session.reader
    session.warn_of_lost_workflows()
    wanted: frozenset[WorkflowStatus] = frozenset().union(*status)
    asked: dict[str, Any] = {
        "project_id": project,
        "statuses": wanted,
        "task_id": task,
        "since": since,
        "sort": sort or "newest",
    }
    by_execution = session.on_terminal and sort is None
    found = _active_first(reader, asked, limit + 1) if by_execution else reader.list(**asked, limit=limit + 1)
    table = WorkflowTable(
        tuple(found[:limit]),
        remark=_limit_remark(limit, asked["sort"]) if len(found) > limit else "",
        usage=reader.usage_of(info.workflow_id for info in found[:limit]),
        total=UsageSummary(*reader.total(**asked)) if total else None,
    )
    if not session.on_terminal:
        return table
    table = _with_progress(session, table)
    return _in_execution_order(table) if by_execution else table


def _active_first(reader: WorkflowReader, asked: Mapping[str, Any], limit: int) -> list[WorkflowInfo]:
    """Return the active workflows of a list, and then the others."""
    wanted = asked["statuses"] or frozenset(WorkflowStatus)
    found: list[WorkflowInfo] = []
    for statuses in (wanted & ACTIVE, wanted - ACTIVE):
        if statuses and len(found) < limit:
            found += reader.list(**{**asked, "statuses": statuses}, limit=limit - len(found))
    return found


def _with_progress(session: Session, table: WorkflowTable) -> WorkflowTable:
    """Return a table for a terminal: with the progress of each workflow, and why an active one does not run."""
    reader = session.reader
    active = [info.workflow_id for info in table.workflows if not info.status.final]
    return table._replace(
        progress=reader.progress_of(info.workflow_id for info in table.workflows),
        explanations=table.explanations or {one: reader.explain(one) for one in active},
        next_commands=table.next_commands or {one: session.next_command(one) for one in active},
    )


def _in_execution_order(table: WorkflowTable) -> WorkflowTable:
    """Return a table with what needs a person on top, then what runs, then what waits, and then what has ended."""
    # Pipes keep the order of the query.
    from penguin_commands.execution_order import execution_place

    def place(info: WorkflowInfo) -> tuple[Any, ...]:
        progress = table.progress.get(info.workflow_id)
        return execution_place(info, progress, executing=progress is not None and progress.is_running)

    return table._replace(workflows=tuple(sorted(table.workflows, key=place)))


def _limit_remark(limit: int, sort: str) -> str:
    which = {"newest": "the newest", "oldest": "the oldest", "updated": "the last updated"}[sort]
    return f"only {which} {limit} are shown; --limit {2 * limit} shows more"

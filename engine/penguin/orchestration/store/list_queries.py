"""The SQL of lists of workflows by project, status, task and time, in each order, and the workflow of a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from penguin.orchestration.backend import WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.landing_stage import progress_of

COLUMNS = (
    "workflow_id, task_id, blueprint_id, project_id, status, phase, created_at, updated_at, reason, artifacts, landing"
)
ORDER = "ORDER BY created_at DESC, workflow_id LIMIT ?"
SORTS = {
    "newest": ORDER,
    "oldest": "ORDER BY created_at, workflow_id DESC LIMIT ?",
    "updated": "ORDER BY updated_at DESC, workflow_id LIMIT ?",
}
"""Orders of a list: by the time of the start, or the latest change first. Ids break ties, so each order is total."""
TOTAL = """
SELECT count(*), coalesce(sum(turns), 0), coalesce(sum(tokens), 0), coalesce(sum(usd), 0.0), coalesce(sum(minutes), 0.0)
FROM run WHERE"""


def list_query(
    project_id: str | None,
    statuses: Collection[WorkflowStatus],
    task_id: str | None,
    since: float | None = None,
    sort: str = "newest",
) -> tuple[str, tuple[str | float, ...]]:
    """Return the SQL of a list, without its limit, and its parameters. Every form reads an index in the order of the
    list, except for a task's workflows by their last change: the few that a task has are sorted.
    """
    order, updated = SORTS[sort], sort == "updated"
    wanted = sorted(set(statuses) or WorkflowStatus)
    whole = len(wanted) == len(WorkflowStatus)
    marks = ", ".join("?" * len(wanted))
    project: dict[str, str | float] = {} if project_id is None else {"project_id = ?": project_id}
    after = {} if since is None else {f"{'updated_at' if updated else 'created_at'} >= ?": since}
    if task_id is not None:
        # A task has few workflows: the other filters check each row.
        where = {"task_id = ?": task_id, **project, **after}
        select = _select("run_task", [*where, *([] if whole else [f"status IN ({marks})"])])
        return f"{select} {order}", (*where.values(), *([] if whole else wanted))
    if whole and not updated:
        where = {**project, **after}
        return f"{_select('run_project' if project else 'run_created', where)} {order}", tuple(where.values())
    # One index walk per status; SQLite merges them up to the limit.
    index = ("run_project_status" if project else "run_status") + ("_updated" if updated else "")
    each = [{**project, "status = ?": status.value, **after} for status in wanted]
    return f"{' UNION ALL '.join(_select(index, where) for where in each)} {order}", tuple(
        value for where in each for value in where.values()
    )


def total_query(
    project_id: str | None,
    statuses: Collection[WorkflowStatus],
    task_id: str | None,
    since: float | None = None,
    sort: str = "newest",
) -> tuple[str, tuple[str | float, ...]]:
    """Return the SQL that counts and sums what a list would find without a limit, and its parameters."""
    wanted = sorted(set(statuses))
    when = "updated_at" if sort == "updated" else "created_at"
    where: dict[str, str | float | None] = {"project_id = ?": project_id, "task_id = ?": task_id, f"{when} >= ?": since}
    given = {condition: value for condition, value in where.items() if value is not None}
    among = [f"status IN ({', '.join('?' * len(wanted))})"] if wanted else []
    return f"{TOTAL} {' AND '.join([*given, *among]) or 'TRUE'}", (*given.values(), *wanted)


def _select(index: str, conditions: Iterable[str]) -> str:
    return f"SELECT {COLUMNS} FROM run INDEXED BY {index} WHERE {' AND '.join(conditions) or 'TRUE'}"


def workflow_of(row: tuple[Any, ...]) -> WorkflowInfo:
    """Return the workflow of a row of COLUMNS."""
    (
        workflow_id,
        task_id,
        blueprint_id,
        project_id,
        status,
        phase,
        created_at,
        updated_at,
        reason,
        artifacts,
        landing,
    ) = row
    where = WorkflowPhase(phase)
    return WorkflowInfo(
        workflow_id=workflow_id,
        task_id=task_id,
        blueprint_id=blueprint_id,
        project_id=project_id,
        status=WorkflowStatus(status),
        phase=where,
        progress=progress_of(where, landing),
        started_at=datetime.fromtimestamp(created_at, UTC),
        updated_at=datetime.fromtimestamp(updated_at, UTC),
        error_message=reason or None,
        artifacts=json_list(artifacts),
    )


def json_list(text: str) -> list[Any]:
    """Return a stored list."""
    # Most lists are empty, and reading those needs no JSON.
    if text == "[]":
        return []
    import json

    return list(json.loads(text))

"""The board of a blueprint: its tasks as a tree, with progress, critical path and an estimate."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from penguin_commands.handlers.task_progress import TaskProgress
from penguin_commands.results.tasks import BoardEstimate, BoardResult, BoardRow, GraphRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.core.definition import Task
    from penguin_commands.session import Session

UNMEASURED = 1.0
"""The weight of a task in the critical path while no task has been completed: the longest chain."""
NOT_LEFT = ("COMPLETED",)


def board(session: Session, blueprint: str | None = None) -> BoardResult:
    """Return the board of one blueprint, or of all."""
    from penguin.orchestration.blueprint.graph import TaskGraph
    from penguin_commands.handlers.task import empty_message, tasks_of, warn_broken

    blueprints = session.blueprints
    warn_broken(session, blueprints, blueprint)
    tasks = tasks_of(blueprints, blueprint)
    graph, progress = TaskGraph(tasks), TaskProgress(session)
    states = {task.id: progress.state(task) for task in graph.tasks.values()}
    left = {task_id: state for task_id, state in states.items() if state.state not in NOT_LEFT}
    newest = _newest_workflows(session, graph.tasks.values())
    measured = _durations(session, graph.tasks.values())
    weights = _weights(left, newest, median(measured) if measured else UNMEASURED)
    critical = graph.critical_path(weights)
    rows = [GraphRow(line.branch, line.rail, states[line.task.id], line.needs, line.folded) for line in graph.tree()]
    return BoardResult(
        blueprints.blueprint(blueprint).title if blueprint else "",
        tuple(_row(session, row, newest.get(row.state.task.id), set(critical)) for row in rows),
        dict(Counter(state.state for state in states.values())),
        tuple(critical),
        _estimate(session, weights, critical, measured) if left and measured else None,
        tuple(tuple(circle) for circle in graph.cycles()),
        empty_message(blueprints),
    )


def _newest_workflows(session: Session, tasks: Iterable[Task]) -> dict[str, WorkflowInfo]:
    """Return the newest workflow of each task that was started."""
    found = {}
    for task in tasks:
        workflows = session.reader.list(project_id=task.project_id, task_id=task.id, limit=1)
        if workflows:
            found[task.id] = workflows[0]
    return found


def _durations(session: Session, tasks: Iterable[Task]) -> list[float]:
    """Return the seconds that completed tasks of these projects took."""
    projects = dict.fromkeys(task.project_id for task in tasks)
    return [seconds for project in projects for seconds in session.reader.task_durations(project).values()]


def _weights(left: Iterable[str], newest: Mapping[str, WorkflowInfo], typical: float) -> dict[str, float]:
    """Return what each task that is left still takes: less by the share that its gates have passed."""
    moving = {name: newest[name] for name in left if name in newest and not newest[name].status.final}
    return {name: typical * (1 - moving[name].progress / 100) if name in moving else typical for name in left}


def _estimate(
    session: Session,
    weights: Mapping[str, float],
    critical: Sequence[str],
    measured: Sequence[float],
) -> BoardEstimate:
    """Return the time that is left: at least that of the critical path, and of all work spread over the slots."""
    from penguin.orchestration.core.tree_isolation import IN_PLACE

    # In one working tree, one workflow runs at a time.
    slots = 1 if session.settings.isolation == IN_PLACE else max(1, session.settings.max_parallel)
    work = sum(weights.values())
    longest = sum(weights[name] for name in critical)
    return BoardEstimate(max(longest, work / slots), work, median(measured), len(measured), slots)


def _row(session: Session, row: GraphRow, workflow: WorkflowInfo | None, critical: set[str]) -> BoardRow:
    is_critical = row.state.task.id in critical
    if workflow is None:
        return BoardRow(row, is_critical=is_critical)
    reader = session.reader
    progress = reader.progress_of([workflow.workflow_id]).get(workflow.workflow_id)
    reason = reader.explain(workflow.workflow_id) or (workflow.error_message or "" if workflow.status.final else "")
    command = session.next_command(workflow.workflow_id) if reason else ""
    return BoardRow(row, workflow, progress, reason, command, is_critical)

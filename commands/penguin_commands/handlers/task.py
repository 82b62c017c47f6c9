"""Commands on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.handlers.task_progress import TaskProgress
from penguin_commands.results.tasks import GraphResult, TaskResult, TaskTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.blueprint import BlueprintSet
    from penguin.orchestration.blueprint.graph import TaskGraph
    from penguin.orchestration.core.definition import Task
    from penguin_commands.session import Session


def list_(session: Session, blueprint: str | None = None) -> TaskTable:
    """Return all tasks, in the order of their files."""
    blueprints = session.blueprints
    _warn_broken(session, blueprints, blueprint)
    return TaskTable(TaskProgress(session).states(_tasks(blueprints, blueprint)), _empty_message(blueprints))


def show(session: Session, task: str, blueprint: str | None = None) -> TaskResult:
    """Return one task."""
    return TaskResult(TaskProgress(session).state(session.blueprints.find(task, blueprint).task))


def ready(session: Session, blueprint: str | None = None) -> TaskTable:
    """Return the tasks that can be started now, most urgent first."""
    from penguin.orchestration.blueprint.ready import precedence
    from penguin.orchestration.blueprint.ready import ready_tasks as ready_of

    progress = TaskProgress(session)
    blueprints = session.blueprints
    _warn_broken(session, blueprints, blueprint)
    tasks = _tasks(blueprints, blueprint)
    found: list[Task] = []
    for project in dict.fromkeys(task.project_id for task in tasks):
        own = [task for task in tasks if task.project_id == project]
        found += ready_of(own, progress.completed_tasks(project), progress.active_tasks(project))
    empty = "No task is ready." if tasks else _empty_message(blueprints)
    return TaskTable(progress.states(sorted(found, key=precedence)), empty)


def graph(session: Session, blueprint: str | None = None, format: str = "tree") -> GraphResult:
    """Return the dependency graph of the tasks."""
    from penguin.orchestration.blueprint.graph import TaskGraph, to_dot, to_mermaid

    blueprints = session.blueprints
    _warn_broken(session, blueprints, blueprint)
    tasks = TaskGraph(_tasks(blueprints, blueprint))
    edges = tuple(tasks.edges())
    if format == "tree":
        return GraphResult(format, _format_tree(tasks, TaskProgress(session)), edges)
    return GraphResult(format, to_dot(tasks) if format == "dot" else to_mermaid(tasks), edges)


def _format_tree(graph: TaskGraph, progress: TaskProgress) -> str:
    lines = []
    for branch, task, repeated in graph.tree():
        state = progress.state(task)
        lines.append(f"{branch}{task.id}  {'(see above)' if repeated else state.state}")
    lines += [f"missing: {needed}, which {task.id} needs" for task, needed in graph.missing()]
    lines += [f"cycle: {' -> '.join(circle)}" for circle in graph.cycles()]
    return "\n".join(lines) or "No tasks."


def _warn_broken(session: Session, blueprints: BlueprintSet, blueprint_id: str | None) -> None:
    """Warn about files that could not be parsed. Their tasks are missing or can't be started."""
    from penguin.orchestration.blueprint.model import foreign_hints
    from penguin.orchestration.config.document_checker import ERROR

    problems = blueprints.problems if blueprint_id is None else blueprints.blueprint(blueprint_id).problems
    paths = dict.fromkeys(problem.path for problem in problems if problem.severity == ERROR)
    for hint in foreign_hints(problems):
        session.narrate(hint)
        paths.pop(hint.partition(": ")[0], None)
    if paths:
        session.narrate(f"could not read {', '.join(paths)}; /blueprint lint says why")


def _tasks(blueprints: BlueprintSet, blueprint_id: str | None) -> Sequence[Task]:
    return blueprints.tasks() if blueprint_id is None else blueprints.blueprint(blueprint_id).tasks


def _empty_message(blueprints: BlueprintSet) -> str:
    if blueprints.blueprints:
        return "No tasks."
    return "No blueprints. Set `blueprints:` in penguin.yaml, or run penguin init for an example."

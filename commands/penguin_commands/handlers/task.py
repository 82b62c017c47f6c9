"""Commands on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import IllegalCommand
from penguin_commands.errors import UsageError
from penguin_commands.handlers.task_progress import TaskProgress
from penguin_commands.question import Option, Question
from penguin_commands.results.tasks import AddedTaskResult, GraphResult, GraphRow, TaskResult, TaskTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from penguin.orchestration.blueprint import BlueprintSet
    from penguin.orchestration.blueprint.edit.add_task import AddedTask
    from penguin.orchestration.blueprint.edit.new_task import NewTask
    from penguin.orchestration.core.definition import Task
    from penguin_commands.session import Session

MAX_OFFERED = 20
"""The ready tasks that a question offers."""


def list_(session: Session, blueprint: str | None = None) -> TaskTable:
    """Return all tasks, in the order of their files."""
    blueprints = session.blueprints
    warn_broken(session, blueprints, blueprint)
    return TaskTable(TaskProgress(session).states(tasks_of(blueprints, blueprint)), empty_message(blueprints))


def show(session: Session, task: str, blueprint: str | None = None) -> TaskResult:
    """Return one task."""
    from pathlib import Path

    from penguin.orchestration.blueprint.origins import task_fields
    from penguin.orchestration.files.text_encoding import unescape_path

    blueprints = session.blueprints
    item = blueprints.find(task, blueprint)
    found = blueprints.blueprint(item.task.path)
    fields = task_fields(item, found, session.settings, Path(session.workspace.root, unescape_path(found.path)))
    return TaskResult(TaskProgress(session).state(item.task), tuple(fields))


def ready(session: Session, blueprint: str | None = None) -> TaskTable:
    """Return the tasks that can be started now, most urgent first."""
    from penguin.orchestration.blueprint.ready import precedence
    from penguin.orchestration.blueprint.ready import ready_tasks as ready_of

    progress = TaskProgress(session)
    blueprints = session.blueprints
    warn_broken(session, blueprints, blueprint)
    tasks = tasks_of(blueprints, blueprint)
    found: list[Task] = []
    for project in dict.fromkeys(task.project_id for task in tasks):
        own = [task for task in tasks if task.project_id == project]
        found += ready_of(own, progress.completed_tasks(project), progress.active_tasks(project))
    empty = "No task is ready." if tasks else empty_message(blueprints)
    return TaskTable(progress.states(sorted(found, key=precedence)), empty)


async def choose_ready_task(session: Session, blueprint: str | None = None) -> str:
    """Ask for one of the ready tasks and return its id; '' if the user wants none.

    Raises:
        UsageError: There is no terminal to ask on. The error lists the tasks.
        IllegalCommand: No task is ready.
    """
    states = (await session.run_in_reader_thread(lambda: ready(session, blueprint))).tasks
    if not states:
        raise IllegalCommand("TASK is missing, and no task is ready", "/task list shows what they wait for")
    shown = [state.task for state in states[:MAX_OFFERED]]
    more = len(states) - len(shown)
    if session.choose is None:
        others = f" and {more} more" if more else ""
        ids = ", ".join(task.id for task in shown)
        raise UsageError(f"TASK is missing; ready: {ids}{others}", f"/workflow start {shown[0].id}")
    options = tuple(Option(task.id, task.id, task.title) for task in shown)
    other = f"the id of one of {more} more (/task ready lists them)" if more else ""
    return await session.choose(Question("Which task?", options, "", other))


def graph(session: Session, blueprint: str | None = None, format: str = "tree") -> GraphResult:
    """Return the dependency graph of the tasks."""
    from penguin.orchestration.blueprint.graph import TaskGraph, to_dot, to_mermaid

    blueprints = session.blueprints
    warn_broken(session, blueprints, blueprint)
    tasks = TaskGraph(tasks_of(blueprints, blueprint))
    progress = TaskProgress(session)
    rows = tuple(
        GraphRow(line.branch, line.rail, progress.state(line.task), line.needs, line.folded)
        for line in (tasks.tree() if format == "tree" else ())
    )
    return GraphResult(
        format,
        to_dot(tasks) if format == "dot" else to_mermaid(tasks) if format == "mermaid" else "",
        tuple(tasks.edges()),
        rows,
        tuple((needed, task.id) for task, needed in tasks.missing()),
        tuple(tuple(circle) for circle in tasks.cycles()),
    )


async def add(
    session: Session,
    title: tuple[str, ...],
    depends: tuple[str, ...] = (),
    criterion: tuple[str, ...] = (),
    check: tuple[str, ...] = (),
    recipe: tuple[str, ...] = (),
    priority: str = "",
    blueprint: str | None = None,
) -> AddedTaskResult:
    """Add a task to a blueprint, in the form of its file."""
    import asyncio

    from penguin.orchestration.blueprint.edit.new_task import NewTask
    from penguin.orchestration.runtime.engine_socket import refuse_steps_of_workspace

    task = NewTask(" ".join(title).strip(), depends, _criteria(criterion, check), recipe, priority)
    await refuse_steps_of_workspace(session.workspace, "add a task")
    added = await asyncio.to_thread(_add, session, task, blueprint)
    return AddedTaskResult(*added)


def warn_broken(session: Session, blueprints: BlueprintSet, blueprint_id: str | None) -> None:
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


def tasks_of(blueprints: BlueprintSet, blueprint_id: str | None) -> Sequence[Task]:
    return blueprints.tasks() if blueprint_id is None else blueprints.blueprint(blueprint_id).tasks


def empty_message(blueprints: BlueprintSet) -> str:
    if blueprints.blueprints:
        return "No tasks."
    return "No blueprints. Set `blueprints:` in penguin.yaml, or run penguin init for an example."


def _criteria(texts: tuple[str, ...], checks: tuple[str, ...]) -> tuple[tuple[str, str | None], ...]:
    if not checks:
        return tuple((text.strip(), None) for text in texts)
    if not texts:
        return tuple((command.strip(), command.strip()) for command in checks)
    if len(texts) != len(checks):
        message = f"there are {len(texts)} of --criterion and {len(checks)} of --check"
        raise UsageError(message, "give each criterion a check, in the same order, or give no check")
    return tuple((text.strip(), command.strip()) for text, command in zip(texts, checks, strict=True))


def _add(session: Session, task: NewTask, blueprint_id: str | None) -> AddedTask:
    from penguin.orchestration.blueprint.edit.add_task import add_task, create_blueprint
    from penguin.orchestration.blueprint.edit.target import choose_blueprint, file_of, new_blueprint_path

    blueprints, settings = session.blueprints, session.settings
    chosen = choose_blueprint(blueprints, blueprint_id)
    project_id = chosen.project_id if chosen else settings.project_id
    taken = {one.id for one in blueprints.tasks(project_id)}
    _refuse_unknown(task.dependencies, taken, blueprints)
    root = session.workspace.root
    if chosen is None:
        path = new_blueprint_path(settings, blueprint_id)
        return create_blueprint(file_of(root, path), path, settings.project_id, task, taken)
    return add_task(file_of(root, chosen.path), chosen.path, settings.project_id, task, taken)


def _refuse_unknown(dependencies: Iterable[str], known: Collection[str], blueprints: BlueprintSet) -> None:
    from penguin.orchestration.backend import BlueprintError
    from penguin.orchestration.config.document_checker import nearest

    unknown = [name for name in dependencies if name not in known]
    if unknown:
        match = nearest(unknown[0], known)
        broken = [blueprint.path for blueprint in blueprints.blueprints if blueprint.broken]
        hint = f"did you mean {match}?" if match else "/task list shows the tasks"
        hint += f"; with errors: {', '.join(broken[:3])} (/blueprint lint)" if broken else ""
        raise BlueprintError(f"--depends: unknown task {', '.join(map(repr, unknown))}", hint)

"""The command that adds a task to a blueprint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BlueprintError
from penguin_commands.errors import UsageError
from penguin_commands.results.tasks import AddedTaskResult

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from penguin.orchestration.blueprint import BlueprintSet
    from penguin.orchestration.blueprint.edit.add_task import AddedTask
    from penguin.orchestration.blueprint.edit.new_task import NewTask
    from penguin_commands.session import Session


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
    from penguin.orchestration.blueprint.edit.new_task import NewTask
    from penguin.orchestration.runtime.engine_socket import refuse_steps_of_workspace

    task = NewTask(" ".join(title).strip(), depends, _criteria(criterion, check), recipe, priority)
    await refuse_steps_of_workspace(session.workspace, "add a task")
    added = await asyncio.to_thread(_add, session, task, blueprint)
    return AddedTaskResult(*added)


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
    from penguin.orchestration.config.validator import nearest

    unknown = [name for name in dependencies if name not in known]
    if unknown:
        match = nearest(unknown[0], known)
        broken = [blueprint.path for blueprint in blueprints.blueprints if blueprint.broken]
        hint = f"did you mean {match}?" if match else "/task list shows the tasks"
        hint += f"; with errors: {', '.join(broken[:3])} (/blueprint lint)" if broken else ""
        raise BlueprintError(f"--depends: unknown task {', '.join(map(repr, unknown))}", hint)

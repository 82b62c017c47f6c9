"""Commands on blueprints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from penguin_commands.handlers.task_progress import TaskProgress
from penguin_commands.results.tasks import BlueprintResult, BlueprintRow, BlueprintTable, LintResult

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import Blueprint
    from penguin_commands.session import Session


def list_(session: Session) -> BlueprintTable:
    """Return all blueprints."""
    progress = TaskProgress(session)
    return BlueprintTable(tuple(_row(blueprint, progress) for blueprint in session.blueprints.blueprints))


def show(session: Session, blueprint: str) -> BlueprintResult:
    """Return one blueprint and its tasks."""
    progress = TaskProgress(session)
    found = session.blueprints.blueprint(blueprint)
    return BlueprintResult(_row(found, progress), progress.states(found.tasks), found.problems, found.metadata)


def lint(session: Session, blueprint: str | None = None) -> LintResult:
    """Return the problems in all blueprints, or in one."""
    from penguin.orchestration.blueprint import count
    from penguin.orchestration.blueprint.lint import lint as lint_all
    from penguin.orchestration.blueprint.secret_lint import secret_problems
    from penguin.orchestration.files.secret_env import secret_values
    from penguin.orchestration.files.workspace import CONFIG_FILE

    blueprints, settings = session.blueprints, session.settings
    paths = [loaded.path for loaded in blueprints.blueprints]
    secrets = secret_values(os.environ, settings.redact)
    problems = [
        *secret_problems(session.workspace.root, [CONFIG_FILE, *paths], secrets),
        *lint_all(blueprints, settings),
    ]
    if blueprint is None:
        return LintResult(tuple(problems), tuple(paths), count(blueprints.blueprints))
    found = blueprints.blueprint(blueprint)
    own = tuple(problem for problem in problems if problem.path == found.path)
    return LintResult(own, (found.path,), count([found]))


def open_tasks(session: Session, blueprint_id: str) -> list[str]:
    """Return the tasks of a blueprint that are neither done nor active, most urgent first."""
    from penguin.orchestration.blueprint.ready import precedence

    progress = TaskProgress(session)
    blueprint = session.blueprints.blueprint(blueprint_id)
    blueprint.require()
    settled = progress.completed_tasks(blueprint.project_id) | progress.active_tasks(blueprint.project_id).keys()
    return [task.id for task in sorted(blueprint.tasks, key=precedence) if task.id not in settled]


def _row(blueprint: Blueprint, progress: TaskProgress) -> BlueprintRow:
    ids = {task.id for task in blueprint.tasks}
    return BlueprintRow(
        blueprint.id,
        blueprint.title,
        blueprint.path,
        blueprint.project_id,
        len(ids),
        len(ids & progress.completed_tasks(blueprint.project_id)),
        len(ids & progress.active_tasks(blueprint.project_id).keys()),
        blueprint.broken,
    )

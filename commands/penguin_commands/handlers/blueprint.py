"""Commands on blueprints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from penguin_commands.handlers.task_progress import TaskProgress
from penguin_commands.results.tasks import (
    BlueprintResult,
    BlueprintRow,
    BlueprintSourceResult,
    BlueprintTable,
    LintResult,
    SourcePart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin.orchestration.blueprint import Blueprint
    from penguin_commands.session import Session


def list_(session: Session) -> BlueprintTable:
    """Return all blueprints."""
    progress = TaskProgress(session)
    return BlueprintTable(tuple(summary_row(blueprint, progress) for blueprint in session.blueprints.blueprints))


def show(session: Session, blueprint: str, source: bool = False) -> BlueprintResult | BlueprintSourceResult:
    """Return one blueprint and its tasks, or the lines of its file."""
    found = session.blueprints.blueprint(blueprint)
    if source:
        return _source(session, found)
    progress = TaskProgress(session)
    return BlueprintResult(summary_row(found, progress), progress.states(found.tasks), found.problems, found.metadata)


def _source(session: Session, blueprint: Blueprint) -> BlueprintSourceResult:
    from pathlib import Path

    from penguin.orchestration.backend import BlueprintError
    from penguin.orchestration.blueprint.loader import MAX_BYTES
    from penguin.orchestration.config.document import read_text
    from penguin.orchestration.config.document_checker import Checker
    from penguin.orchestration.files.text_encoding import unescape_path

    checker = Checker(blueprint.path)
    text = read_text(Path(session.workspace.root, unescape_path(blueprint.path)), checker, MAX_BYTES)
    checker.raise_first(BlueprintError)
    lines = (text or "").rstrip("\n").split("\n")
    spans = sorted((first, last, item.task.id) for item in blueprint.items for first, last in item.lines)
    parts: list[SourcePart] = []
    following = 1
    for first, last, task_id in [*spans, (len(lines) + 1, len(lines), "")]:
        parts += _own_lines(lines, following, first - 1)
        if task_id:
            parts.append(SourcePart(task_id, first, tuple(lines[first - 1 : last])))
        following = max(following, last + 1)
    made = tuple(item.task.id for item in blueprint.items if item.made_id)
    return BlueprintSourceResult(blueprint.id, blueprint.path, tuple(parts), made)


def _own_lines(lines: Sequence[str], first: int, last: int) -> Iterator[SourcePart]:
    """Yield the lines of a blueprint between those of tasks, unless all of them are blank."""
    if any(line.strip() for line in lines[first - 1 : last]):
        yield SourcePart("", first, tuple(lines[first - 1 : last]))


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


def summary_row(blueprint: Blueprint, progress: TaskProgress) -> BlueprintRow:
    """Return a blueprint and the progress of its tasks."""
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

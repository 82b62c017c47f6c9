"""The model of a blueprint, independent of its format: tasks, their settings, and problems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.config.document_checker import ERROR, Problem, raise_problems
from penguin.orchestration.config.phases import Phases
from penguin.orchestration.core.definition import Recipe, Task

IMPORT = "try: penguin import "
"""The beginning of the hint for a file of another tool."""


class BlueprintItem(Struct, frozen=True, kw_only=True, gc=False):
    """A task with the settings of its blueprint and its own."""

    task: Task
    phases: Phases = {}
    """Checked overrides: those of the blueprint, overridden by the task's."""
    timeouts: dict[str, float] = {}
    """Seconds by lower-case phase: those of the blueprint, overridden by the task's."""
    isolation: str = ""
    """A value of ISOLATIONS: the task's or the blueprint's; empty: that of the settings."""
    dependency_line: int = 0
    lines: tuple[tuple[int, int], ...] = ()
    """The first and last line of each part of the file that the task was read from, without those of its subtasks."""
    metadata: dict[str, str] = {}
    """Values that Penguin keeps and shows but does not use, by key."""
    made_id: bool = False
    """Whether the id was made from the title."""
    validates: bool = False
    """Whether it is the task that validates the whole blueprint."""


class Blueprint(Struct, frozen=True, kw_only=True, gc=False):
    """One file of tasks."""

    id: str
    title: str
    path: str
    """Relative to the workspace."""
    project_id: str
    items: tuple[BlueprintItem, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    """The named recipes."""
    metadata: dict[str, str] = {}
    """Values of the file that Penguin keeps and shows but does not use, by key."""
    is_blueprint: bool = True
    """Whether the file is one at all: other Markdown has neither tasks nor the front matter of a blueprint."""
    problems: tuple[Problem, ...] = ()
    """The problems within this file."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(item.task for item in self.items)

    @property
    def broken(self) -> bool:
        """Whether the file has errors. Then none of its tasks can be started."""
        return any(problem.severity == ERROR for problem in self.problems)

    def require(self) -> None:
        """Raise BlueprintError with all its errors if it is broken."""
        raise_problems(self.problems, BlueprintError)


def foreign_hints(problems: Iterable[Problem]) -> list[str]:
    """Return what to type for each file of another tool that is named as a blueprint."""
    return [f"{it.path}: {it.message}; {it.hint}" for it in problems if it.hint.startswith(IMPORT)]


class BlueprintCounts(NamedTuple):
    """The numbers of what was read from blueprints."""

    tasks: int
    """Without the tasks that validate whole blueprints."""
    dependencies: int
    criteria: int
    checks: int
    """Criteria with a check."""
    recipes: int
    """The named recipes, and those of single tasks."""
    validations: int
    """Tasks that validate a whole blueprint."""
    validation_criteria: int


def count(blueprints: Iterable[Blueprint]) -> BlueprintCounts:
    """Count what was read from blueprints."""
    found = list(blueprints)
    items = [item for blueprint in found for item in blueprint.items]
    tasks = [item.task for item in items if not item.validates]
    validations = [item.task for item in items if item.validates]
    recipes = {id(recipe) for blueprint in found for recipe in blueprint.recipes}
    recipes |= {id(recipe) for task in tasks for recipe in task.recipes}
    criteria = [criterion for task in tasks for criterion in task.criteria]
    return BlueprintCounts(
        tasks=len(tasks),
        dependencies=sum(len(task.dependencies) for task in tasks),
        criteria=len(criteria),
        checks=sum(criterion.check is not None for criterion in criteria),
        recipes=len(recipes),
        validations=len(validations),
        validation_criteria=sum(len(task.criteria) for task in validations),
    )

"""The model of a blueprint, independent of its format: tasks, their settings, and problems."""

from __future__ import annotations

from collections.abc import Iterable

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

"""The backlogs of this folder, and what reads them: `penguin import`, or the reader of blueprints."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.importers.backlogs import plan_of

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint import Blueprint, read_blueprint
from penguin.orchestration.blueprint.graph import TaskGraph
from penguin.orchestration.config.document_checker import ERROR

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent
BLUEPRINT = "blueprint"
"""The name of Penguin's own format."""


class Fixture(NamedTuple):
    """A backlog, with the numbers that a person counted in it."""

    name: str
    path: Path
    format: str
    tasks: int = 0
    dependencies: int = 0
    criteria: int = 0
    checks: int = 0
    error_line: int = 0
    """The line with an error, for which the file is refused; 0: it is read."""


class Reading(NamedTuple):
    """What was read from a backlog."""

    format: str
    titles: dict[str, str]
    """By id."""
    edges: frozenset[tuple[str, str]]
    """A task, and one that it depends on."""
    criteria: tuple[str, ...]
    checks: tuple[str, ...]
    texts: str
    """The descriptions of all tasks."""
    reported: frozenset[int]
    """Lines with a problem or a remark; 0: the whole file."""
    remarks: str
    """All problems and remarks, and the names of metadata."""
    refused: bool = False

    @property
    def counts(self) -> tuple[int, int, int]:
        return len(self.titles), len(self.edges), len(self.criteria)


def fixtures() -> list[Fixture]:
    """Return all backlogs: those of other tools, then blueprints."""
    imported: dict[str, dict[str, int]] = json.loads((FOLDER / "expected.json").read_text())
    own: dict[str, dict[str, int]] = json.loads((FOLDER / "blueprints.json").read_text())
    found = [Fixture(name, FOLDER / name, name.partition("/")[0], **numbers) for name, numbers in imported.items()]
    return found + [Fixture(Path(name).name, TESTS / name, BLUEPRINT, **numbers) for name, numbers in own.items()]


def read(path: Path, format_name: str) -> Reading:
    """Return what is read from a file or folder."""
    return _read_own(path) if format_name == BLUEPRINT else _import(path)


def _read_own(path: Path) -> Reading:
    blueprint = read_blueprint(path, path.name, "p")
    problems = [(problem.line, problem.message) for problem in blueprint.problems]
    graph = TaskGraph(blueprint.tasks)
    problems += [(task.line, f"depends on unknown task {needed!r}") for task, needed in graph.missing()]
    problems += [(graph.tasks[circle[0]].line, f"circular dependency: {circle}") for circle in graph.cycles()]
    refused = any(problem.severity == ERROR for problem in blueprint.problems)
    return _reading(
        BLUEPRINT, blueprint, frozenset(line for line, _ in problems), "\n".join(text for _, text in problems), refused
    )


def _import(path: Path) -> Reading:
    with TemporaryDirectory() as root:
        try:
            plan = plan_of(path, Path(root))
        except BlueprintError as error:
            return Reading("", {}, frozenset(), (), (), "", frozenset(), str(error), refused=True)
    remarks = "\n".join([*(text for _, text in plan.notes), *plan.metadata])
    return _reading(plan.format, plan.blueprint, frozenset(line for line, _ in plan.notes), remarks, refused=False)


def _reading(format_name: str, blueprint: Blueprint, reported: frozenset[int], remarks: str, refused: bool) -> Reading:
    tasks = blueprint.tasks
    return Reading(
        format_name,
        {task.id: task.title for task in tasks},
        frozenset((task.id, needed) for task in tasks for needed in task.dependencies),
        tuple(criterion.text for task in tasks for criterion in task.criteria),
        tuple(criterion.check for task in tasks for criterion in task.criteria if criterion.check),
        "\n".join(task.description for task in tasks),
        reported,
        remarks,
        refused,
    )

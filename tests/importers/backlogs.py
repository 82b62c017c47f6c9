"""Imports in tests: of fixtures, and of texts."""

from __future__ import annotations

from pathlib import Path

from penguin.orchestration.blueprint import Blueprint
from penguin.orchestration.blueprint.importers.source_discovery import read_sources
from penguin.orchestration.blueprint.importers.workspace_import import BacklogImport, ImportPlan
from penguin.orchestration.blueprint.loader import BlueprintSet

BACKLOGS = Path(__file__).parent.parent / "backlogs"


def plan_of(path: Path, root: Path) -> ImportPlan:
    """Return the plan of the import of one backlog into an empty workspace."""
    (read,) = read_sources([str(path)])
    return BacklogImport(root, "p", BlueprintSet([])).plan(read)


def plan_text(root: Path, name: str, text: str | bytes) -> ImportPlan:
    """Return the plan of the import of a text. `name` is the path of its file below the workspace."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return plan_of(path, root)


def counts(blueprint: Blueprint) -> dict[str, int]:
    """Return the numbers of tasks, dependencies and criteria."""
    return {
        "tasks": len(blueprint.tasks),
        "dependencies": sum(len(task.dependencies) for task in blueprint.tasks),
        "criteria": sum(len(task.criteria) for task in blueprint.tasks),
    }

"""Lint: errors and probable mistakes in the blueprints of a workspace.

Errors within one file, such as a misspelled key, are found while it is read: see builder.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.gate_lint import gate_problems
from penguin.orchestration.blueprint.gc_pause import gc_paused
from penguin.orchestration.blueprint.graph import TaskGraph
from penguin.orchestration.blueprint.loader import BlueprintSet
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.config.agents import unknown_agents
from penguin.orchestration.config.document_checker import ERROR, NOTE, WARNING, Problem
from penguin.orchestration.core.tree_isolation import SHARED, TREE

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings

_MADE_IDS_SHOWN = 20
_MAX_PARALLEL = "orchestration.max_parallel"


def lint(blueprints: BlueprintSet, settings: Settings) -> list[Problem]:
    """Return all problems, in the order of files and lines. Only errors prevent the start of tasks."""
    with gc_paused():
        return sorted(_problems(blueprints, settings), key=lambda problem: (problem.path, problem.line))


def _problems(blueprints: BlueprintSet, settings: Settings) -> list[Problem]:
    problems = list(blueprints.problems)
    problems += _repeated_blueprints(blueprints)
    projects = dict.fromkeys(blueprint.project_id for blueprint in blueprints.blueprints)
    for project in projects:
        problems += _project(blueprints.items(project))
    for blueprint in blueprints.blueprints:
        problems += _unknown_agents(blueprint, settings)
        problems += _made_ids(blueprint)
        problems += gate_problems(blueprint.items, settings)
    problems += _parallel(blueprints, settings)
    problems += _trees(blueprints, settings)
    return problems


def _repeated_blueprints(blueprints: BlueprintSet) -> Iterator[Problem]:
    first: dict[str, Blueprint] = {}
    for blueprint in blueprints.blueprints:
        other = first.setdefault(blueprint.id, blueprint)
        if other is not blueprint:
            message = f"duplicate blueprint id {blueprint.id!r} (also in {other.path})"
            yield Problem(ERROR, blueprint.path, 0, message, "change one of them")


def _project(items: list[BlueprintItem]) -> Iterator[Problem]:
    first: dict[str, BlueprintItem] = {}
    for item in items:
        other = first.setdefault(item.task.id, item)
        if other is not item:
            message = f"duplicate task {item.task.id} (first in {other.task.path}:{other.task.line})"
            yield Problem(ERROR, item.task.path, item.task.line, message, "task ids are unique in a project")
    graph = TaskGraph(item.task for item in items)
    for task, needed in graph.missing():
        line = first[task.id].dependency_line
        yield Problem(ERROR, task.path, line, f"task {task.id} depends on unknown task {needed!r}", graph.hint(needed))
    for circle in graph.cycles():
        item = first[circle[0]]
        message = f"circular dependency: {' -> '.join(circle)}"
        yield Problem(ERROR, item.task.path, item.dependency_line, message, "remove one of these dependencies")
    for task in graph.tasks.values():
        open_ones = [name for name in task.dependencies if name in first and not first[name].task.done]
        if task.done and open_ones:
            message = f"task {task.id} is ticked, but its dependency {open_ones[0]} is not"
            yield Problem(WARNING, task.path, task.line, message, "a tick is a claim, not a pass: it starts nothing")


def _made_ids(blueprint: Blueprint) -> Iterator[Problem]:
    made = [item.task for item in blueprint.items if item.made_id]
    for task in made[:_MADE_IDS_SHOWN]:
        yield Problem(NOTE, task.path, task.line, f"the id {task.id!r} is made from the title", "write A-1 before it")
    if more := made[_MADE_IDS_SHOWN:]:
        message = f"{len(more)} more ids are made from titles"
        yield Problem(NOTE, blueprint.path, more[0].line, message, "/task list shows them")


def _unknown_agents(blueprint: Blueprint, settings: Settings) -> Iterator[Problem]:
    # Most tasks share their blueprint's phases: an agent that they name is reported once.
    first = {id(item.phases): item for item in reversed(blueprint.items)}
    for item in reversed(first.values()):
        for phase, key, message, hint in unknown_agents(item.phases, settings.agents):
            message = f"task {item.task.id}: phases.{phase}.{key}: {message}"
            yield Problem(ERROR, item.task.path, item.task.line, message, hint)


def _trees(blueprints: BlueprintSet, settings: Settings) -> Iterator[Problem]:
    """Yield a warning for settings of trees that no task uses."""
    isolations = {item.isolation for blueprint in blueprints.blueprints for item in blueprint.items}
    if TREE in {settings.isolation, *isolations}:
        return
    for key in ("tree", "land"):
        path, _, line = settings.origin(key).partition(":")
        if line:
            message = f"{key} has no effect: no task has isolation: tree"
            yield Problem(WARNING, path, int(line), message, "set isolation: tree, or remove it")


def _parallel(blueprints: BlueprintSet, settings: Settings) -> Iterator[Problem]:
    isolations = {item.isolation for blueprint in blueprints.blueprints for item in blueprint.items}
    if SHARED in {settings.isolation, *isolations} and settings.max_parallel > 1:
        path, _, line = settings.origin(_MAX_PARALLEL).partition(":")
        message = f"max_parallel is {settings.max_parallel}: concurrent attempts see each other's unfinished files"
        yield Problem(WARNING, path, int(line or 0), message, "isolation: in-place, unless tasks touch different files")

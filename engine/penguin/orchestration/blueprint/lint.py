"""Lint: errors and probable mistakes in the blueprints of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penguin.orchestration.blueprint.graph import TaskGraph
from penguin.orchestration.blueprint.loader import BlueprintSet
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem
from penguin.orchestration.blueprint.workflow_definition import item_phases
from penguin.orchestration.config.fields import PHASES
from penguin.orchestration.config.validator import ERROR, WARNING, Problem
from penguin.orchestration.core.test_detection.runners import uncounted_test_run
from penguin.orchestration.core.working_tree import SHARED

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings

_MAX_PARALLEL = "orchestration.max_parallel"


def lint(blueprints: BlueprintSet, settings: Settings) -> list[Problem]:
    """Return all problems, in the order of files and lines. Errors prevent the start of tasks; warnings do not."""
    problems = list(blueprints.problems)
    problems += _repeated_blueprints(blueprints)
    projects = dict.fromkeys(blueprint.project_id for blueprint in blueprints.blueprints)
    for project in projects:
        problems += _project(blueprints.items(project))
    for blueprint in blueprints.blueprints:
        problems += _GateLint(blueprint, settings).problems()
    problems += _parallel(settings)
    return sorted(problems, key=lambda problem: (problem.path, problem.line))


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


class _GateLint:
    """Warnings about gates of a blueprint's tasks. Tasks with the same problem share one warning."""

    def __init__(self, blueprint: Blueprint, settings: Settings) -> None:
        self.blueprint = blueprint
        self.settings = settings
        self.phases: dict[int, dict[str, dict[str, Any]]] = {}
        self.runners: dict[str, str] = {}
        """By command line: the test runner that it seems to run without a report; empty: none."""

    def problems(self) -> Iterator[Problem]:
        idle: dict[str, list[BlueprintItem]] = {phase: [] for phase in PHASES}
        uncounted: dict[tuple[str, str], list[BlueprintItem]] = {}
        for item in self.blueprint.items:
            # Most tasks share their blueprint's phases: combine them with the settings once, not for each task.
            phases = self.phases.get(id(item.phases)) or item_phases(self.settings, item)
            self.phases[id(item.phases)] = phases
            for phase in PHASES:
                gate = phases.get(phase, {})
                yield from self._lack(phase, gate, item, idle[phase])
                for runner in self._uncounted_runners(phase, gate):
                    uncounted.setdefault((phase, runner), []).append(item)
        for phase, items in idle.items():
            if items:
                yield self._idle(phase, items)
        for (phase, runner), items in uncounted.items():
            yield self._uncounted(phase, runner, items)

    def _lack(
        self, phase: str, gate: dict[str, Any], item: BlueprintItem, idle: list[BlueprintItem]
    ) -> Iterator[Problem]:
        task = item.task
        if gate.get("skip") or gate.get("run") or gate.get("agent"):
            return
        recipes, criteria = bool(gate.get("recipes")), bool(gate.get("criteria"))
        if (recipes and task.recipes) or (criteria and task.criteria):
            return
        if recipes or criteria:
            lacking = " and ".join(["recipe"] * recipes + ["acceptance criteria"] * criteria)
            message = f"task {task.id} has no {lacking}: {phase.upper()} can't pass"
            yield Problem(WARNING, task.path, task.line, message, f"add one, or set phases: {{{phase}: skip}}")
        else:
            idle.append(item)

    def _uncounted_runners(self, phase: str, gate: dict[str, Any]) -> Iterator[str]:
        """Yield warnings about test runners without a report."""
        if phase == "implement" or gate.get("skip"):
            return
        for command in gate.get("run") or ():
            run = command["run"]
            if not command.get("report"):
                # Most tasks share their commands: parse each once.
                self.runners[run] = self.runners[run] if run in self.runners else uncounted_test_run(run)
                if self.runners[run]:
                    yield self.runners[run]

    def _uncounted(self, phase: str, runner: str, items: list[BlueprintItem]) -> Problem:
        first = items[0].task
        message = f"{phase.upper()} runs `{runner}` for {_of(items)}, but can't count its tests"
        hint = "a run that skips all of them passes; let it write a JUnit report, and set {run: COMMAND, report: FILE}"
        return Problem(WARNING, first.path, first.line, message, hint)

    def _idle(self, phase: str, items: list[BlueprintItem]) -> Problem:
        first = items[0].task
        message = f"{phase.upper()} has nothing to run for {_of(items)}: it can't pass"
        return Problem(WARNING, first.path, first.line, message, f"set phases: {{{phase}: {{run: [COMMAND]}}}}")


def _of(items: list[BlueprintItem]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"task {items[0].task.id}{more}"


def _parallel(settings: Settings) -> Iterator[Problem]:
    if settings.isolation == SHARED and settings.max_parallel > 1:
        path, _, line = settings.origin(_MAX_PARALLEL).partition(":")
        message = f"max_parallel is {settings.max_parallel}: concurrent attempts see each other's unfinished files"
        yield Problem(WARNING, path, int(line or 0), message, "isolation: in-place, unless tasks touch different files")

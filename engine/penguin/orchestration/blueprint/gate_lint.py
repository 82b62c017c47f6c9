"""Lint of gates: those that can't pass because they have nothing to run, and those whose tests can't be counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penguin.orchestration.blueprint.model import BlueprintItem
from penguin.orchestration.blueprint.workflow_definition import item_phases
from penguin.orchestration.config.document_checker import WARNING, Problem
from penguin.orchestration.config.orchestration_keys import PHASES
from penguin.orchestration.core.test_detection.runners import uncounted_test_run

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings


def gate_problems(items: Sequence[BlueprintItem], settings: Settings) -> list[Problem]:
    """Return all warnings about the gates of these tasks."""
    found = _GateLint(items, settings)
    return [*found.blocking(), *found.uncounted()]


def blocking_gates(items: Sequence[BlueprintItem], settings: Settings) -> list[Problem]:
    """Return the warnings about gates of these tasks that can't pass."""
    return list(_GateLint(items, settings).blocking())


class _GateLint:
    """Warnings about gates of tasks. Tasks with the same problem share one warning."""

    def __init__(self, items: Sequence[BlueprintItem], settings: Settings) -> None:
        self.items = items
        self.settings = settings
        self.phases: dict[int, dict[str, dict[str, Any]]] = {}
        self.runners: dict[str, str] = {}
        """By command line: the test runner that it seems to run without a report; empty: none."""

    def blocking(self) -> Iterator[Problem]:
        """Yield warnings about gates that can't pass."""
        idle: dict[str, list[BlueprintItem]] = {phase: [] for phase in PHASES}
        for item, phase, gate in self._gates():
            yield from self._lack(phase, gate, item, idle[phase])
        for phase, items in idle.items():
            if items:
                yield self._idle(phase, items)

    def uncounted(self) -> Iterator[Problem]:
        """Yield warnings about gates whose tests can't be counted."""
        uncounted: dict[tuple[str, str], list[BlueprintItem]] = {}
        for item, phase, gate in self._gates():
            for runner in self._uncounted_runners(phase, gate):
                uncounted.setdefault((phase, runner), []).append(item)
        for (phase, runner), items in uncounted.items():
            yield self._uncounted(phase, runner, items)

    def _gates(self) -> Iterator[tuple[BlueprintItem, str, dict[str, Any]]]:
        for item in self.items:
            # Most tasks share their blueprint's phases: combine them with the settings once, not for each task.
            phases = self.phases.get(id(item.phases)) or item_phases(self.settings, item)
            self.phases[id(item.phases)] = phases
            for phase in PHASES:
                yield item, phase, phases.get(phase, {})

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
        message = f"{phase.upper()} runs `{runner}` for {_of(items)}, but may not be able to count its tests"
        hint = "a run that skips all of them could pass; let it write a JUnit report, and set {run: COMMAND, report: FILE}"
        return Problem(WARNING, first.path, first.line, message, hint)

    def _idle(self, phase: str, items: list[BlueprintItem]) -> Problem:
        first = items[0].task
        message = f"{phase.upper()} has nothing to run for {_of(items)}: it can't pass"
        return Problem(WARNING, first.path, first.line, message, f"set phases: {{{phase}: {{run: [COMMAND]}}}}")


def _of(items: list[BlueprintItem]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"task {items[0].task.id}{more}"

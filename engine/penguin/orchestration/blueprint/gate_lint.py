"""Lint of gates: those that can't pass because they have nothing to run, and those whose tests can't be counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.blueprint.idle_gates import Idle, idle_reason
from penguin.orchestration.blueprint.model import BlueprintItem
from penguin.orchestration.blueprint.workflow_definition import build_gates, item_phases
from penguin.orchestration.config.document_checker import WARNING, Problem
from penguin.orchestration.core.definition import Gate
from penguin.orchestration.core.test_detection.runners import uncounted_test_run
from penguin.orchestration.workflow_status import GATES

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings


_IDLE = {
    Idle.EMPTY: "{phase} has nothing to run for {tasks}: it can't pass",
    Idle.UNCHECKED: "{phase} can't pass without a person for {tasks}: no acceptance criterion has a check",
    Idle.NO_OPS: "{phase} runs nothing that checks the result for {tasks}: it passes whatever the agent made",
}
"""Messages about gates that prove nothing."""


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
        self.gates: dict[int, dict[WorkflowPhase, Gate]] = {}
        self.runners: dict[str, str] = {}
        """By command line: the test runner that it seems to run without a report; empty: none."""

    def blocking(self) -> Iterator[Problem]:
        """Yield warnings about gates that can't pass, or that pass whatever an agent made."""
        idle: dict[tuple[WorkflowPhase, Idle], list[BlueprintItem]] = {}
        for item, phase, gate in self._gates():
            reason = idle_reason(gate, item.task)
            if reason is None or (phase is WorkflowPhase.IMPLEMENT and reason is not Idle.EMPTY):
                continue
            if reason is not Idle.EMPTY:
                # Without an agent, nothing is paid for.
                if self._gates_of(item)[WorkflowPhase.IMPLEMENT].agent:
                    idle.setdefault((phase, reason), []).append(item)
            elif gate.recipes or gate.criteria:
                yield self._lack(phase, gate, item)
            else:
                idle.setdefault((phase, reason), []).append(item)
        for (phase, reason), items in sorted(idle.items(), key=lambda pair: GATES.index(pair[0][0])):
            yield self._idle(phase, reason, items)

    def uncounted(self) -> Iterator[Problem]:
        """Yield warnings about gates whose tests can't be counted."""
        uncounted: dict[tuple[WorkflowPhase, str], list[BlueprintItem]] = {}
        for item, phase, gate in self._gates():
            for runner in self._uncounted_runners(phase, gate):
                uncounted.setdefault((phase, runner), []).append(item)
        for (phase, runner), items in uncounted.items():
            yield self._uncounted(phase, runner, items)

    def _gates(self) -> Iterator[tuple[BlueprintItem, WorkflowPhase, Gate]]:
        for item in self.items:
            for phase, gate in self._gates_of(item).items():
                yield item, phase, gate

    def _gates_of(self, item: BlueprintItem) -> dict[WorkflowPhase, Gate]:
        # Most tasks share their blueprint's phases: combine them with the settings once, not for each task.
        key = id(item.phases)
        if key not in self.gates:
            self.gates[key] = build_gates(item_phases(self.settings, item))
        return self.gates[key]

    def _lack(self, phase: WorkflowPhase, gate: Gate, item: BlueprintItem) -> Problem:
        task = item.task
        lacking = " and ".join(["recipe"] * gate.recipes + ["acceptance criteria"] * gate.criteria)
        message = f"task {task.id} has no {lacking}: {phase} can't pass"
        return Problem(WARNING, task.path, task.line, message, f"add one, or set phases: {{{phase.lower()}: skip}}")

    def _uncounted_runners(self, phase: WorkflowPhase, gate: Gate) -> Iterator[str]:
        """Yield warnings about test runners without a report."""
        if phase is WorkflowPhase.IMPLEMENT or gate.skip:
            return
        for command in gate.run:
            run = command.run
            if not command.report:
                # Most tasks share their commands: parse each once.
                self.runners[run] = self.runners[run] if run in self.runners else uncounted_test_run(run)
                if self.runners[run]:
                    yield self.runners[run]

    def _uncounted(self, phase: WorkflowPhase, runner: str, items: list[BlueprintItem]) -> Problem:
        first = items[0].task
        message = f"{phase} runs `{runner}` for {_of(items)}, but may not be able to count its tests"
        hint = (
            "a run that skips all of them could pass; let it write a JUnit report, and set {run: COMMAND, report: FILE}"
        )
        return Problem(WARNING, first.path, first.line, message, hint)

    def _idle(self, phase: WorkflowPhase, reason: Idle, items: list[BlueprintItem]) -> Problem:
        first = items[0].task
        message = _IDLE[reason].format(phase=phase, tasks=_of(items))
        hint = f"set phases: {{{phase.lower()}: {{run: [COMMAND]}}}}"
        if reason is Idle.UNCHECKED:
            hint = "give a criterion a `check:`, or set phases: {verify: {judge: NAME}}"
        return Problem(WARNING, first.path, first.line, message, hint)


def _of(items: list[BlueprintItem]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"task {items[0].task.id}{more}"

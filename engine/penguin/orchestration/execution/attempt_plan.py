"""The plan of an attempt: its steps in order, as a pure function of the order, so that every engine plans the same."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Criterion, Expectation, Gate, GateCommand, Recipe, RecipeStep, Task
from penguin.orchestration.core.regex import pattern_of, problem_of
from penguin.orchestration.core.test_detection.runners import pytest_run
from penguin.orchestration.execution.runner_api import AttemptOrder

LONGEST_NAME = 120
RECIPE_KINDS = ("shell", "http", "python")
Redact = Callable[[str], str]
"""Replaces secrets in a text that is shown and stored."""


class PlannedStep(Struct, frozen=True, kw_only=True):
    """One step before it runs."""

    number: int
    """From 1, in the order of the attempt."""
    kind: str
    """run, shell, http, python, check, agent or judge."""
    name: str
    agent: str = ""
    """Its name, for the kinds agent and judge."""
    criteria: tuple[Criterion, ...] = ()
    """The criteria for a judge."""
    source: str = ""
    """The command line, the script, or the URL."""
    report: str | None = None
    """The JUnit report that the command writes, relative to the workspace."""
    asks_for_report: bool = False
    """Penguin asks it for a report, in case it runs pytest."""
    needs_report: bool = False
    """It is known to run tests: without a report it does not pass."""
    reads_summary: bool = True
    """A summary of tests at the end of its output counts. A command of IMPLEMENT may show the one of an earlier run."""
    expect: Expectation | None = None
    """The expectation of a recipe step; None: exit code 0 passes."""
    recipe_step: RecipeStep | None = None
    background: bool = False
    timeout: float | None = None
    """Seconds."""
    not_runnable_reason: str = ""
    """Why this step can't be run; it is UNVERIFIED then."""


class StepGroup(Struct, frozen=True):
    """Steps that each depend on those before them."""

    steps: tuple[PlannedStep, ...]


class AttemptPlan(Struct, frozen=True):
    """All steps of an attempt."""

    groups: tuple[StepGroup, ...] = ()
    stops_at_failure: bool = False
    nothing: str = ""
    """Why there is nothing to run."""
    impossible: str = ""
    """Why no engine can run this."""


def make_plan(order: AttemptOrder, redact: Redact = str) -> AttemptPlan:
    """Plan an attempt.

    Args:
        order: What to run.
        redact: Applied to all names and reasons, but not to what is run.

    Returns:
        The steps, or why there are none.
    """
    gate, task, phase = order.definition.gates[order.phase], order.definition.task, order.phase
    for name in (gate.agent, gate.judge):
        if name and name not in order.definition.agents:
            return AttemptPlan(impossible=f"unknown agent {name!r}")
    for recipe in task.recipes if gate.recipes else ():
        for step in recipe.steps:
            if problem := _problem(step, redact):
                return AttemptPlan(impossible=redact(f"recipe {recipe.name} of task {task.id}: {problem}"))
    groups = _groups(gate, task, redact, reads_summaries=phase is not WorkflowPhase.IMPLEMENT)
    if not groups:
        return AttemptPlan(nothing=_nothing_to_run(gate, task, phase))
    return AttemptPlan(groups=groups, stops_at_failure=phase is WorkflowPhase.IMPLEMENT)


def _problem(step: RecipeStep, redact: Redact) -> str:
    """Return why a step of a recipe can't be run; empty if it can."""
    if step.kind not in RECIPE_KINDS:
        return f"unknown kind of step {step.kind!r}"
    pattern = pattern_of(step.expect.stdout or "")
    if pattern is not None and (problem := problem_of(pattern)):
        return f"/{name_of(pattern, redact)}/ is not a regular expression: {problem}"
    return ""


def _groups(gate: Gate, task: Task, redact: Redact, *, reads_summaries: bool) -> tuple[StepGroup, ...]:
    drafts = [[_agent(gate.agent)]] if gate.agent else []
    drafts += [[_command(command, redact)] for command in gate.run]
    if gate.recipes:
        drafts += [_recipe(recipe, redact) for recipe in task.recipes]
    if gate.criteria:
        judged = [criterion for criterion in task.criteria if gate.judge and not criterion.check]
        drafts += [[_criterion(criterion, redact)] for criterion in task.criteria if criterion not in judged]
        if gate.judge and judged:
            drafts.append([_judge(gate.judge, tuple(judged))])
    groups, number = [], 0
    for draft in drafts:
        numbered = [
            replace(step, number=number + offset, reads_summary=reads_summaries)
            for offset, step in enumerate(draft, start=1)
        ]
        number += len(draft)
        groups.append(StepGroup(tuple(numbered)))
    return tuple(groups)


def _agent(name: str) -> PlannedStep:
    return PlannedStep(number=0, kind="agent", name=f"agent {name}", agent=name)


def _judge(name: str, criteria: tuple[Criterion, ...]) -> PlannedStep:
    return PlannedStep(number=0, kind="judge", name=f"judge {name}", agent=name, criteria=criteria)


def _command(command: GateCommand, redact: Redact) -> PlannedStep:
    tests = pytest_run(command.run)
    report = command.report or (tests.report if tests else None)
    return PlannedStep(
        number=0,
        kind="run",
        name=name_of(command.run, redact),
        source=command.run,
        report=report,
        asks_for_report=report is None,
        needs_report=report is not None or tests is not None,
        timeout=command.timeout,
    )


def _recipe(recipe: Recipe, redact: Redact) -> list[PlannedStep]:
    if not recipe.steps:
        name = redact(recipe.name)
        return [PlannedStep(number=0, kind="shell", name=name, not_runnable_reason=f"recipe {name} has no steps")]
    return [
        PlannedStep(
            number=0,
            kind=step.kind,
            name=name_of(f"{recipe.name}: {step.name or _title(step)}", redact),
            source=step.source,
            expect=step.expect,
            asks_for_report=step.kind != "http" and not step.background and step.expect.is_success,
            recipe_step=step,
            background=step.background and step.kind == "shell",
            timeout=step.timeout,
        )
        for step in recipe.steps
    ]


def _title(step: RecipeStep) -> str:
    return f"{step.method} {step.source}" if step.kind == "http" else step.source


def _criterion(criterion: Criterion, redact: Redact) -> PlannedStep:
    name = name_of(criterion.text, redact)
    cannot = "" if criterion.check else f'no check for "{name}"'
    tests = pytest_run(criterion.check or "")
    return PlannedStep(
        number=0,
        kind="check",
        name=name,
        source=criterion.check or "",
        report=tests.report if tests else None,
        asks_for_report=tests is None or tests.report is None,
        needs_report=tests is not None,
        not_runnable_reason=cannot,
    )


def name_of(text: str, redact: Redact) -> str:
    """Return the first line of a text, without secrets and shortened.

    Redact before shortening: a secret that is cut in half would not be found.
    """
    line = redact(text).strip().partition("\n")[0].strip()
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _nothing_to_run(gate: Gate, task: Task, phase: WorkflowPhase) -> str:
    key = f"phases.{phase.lower()}"
    if gate.recipes:
        return f'no recipe: task {task.id} has none; give it a "Recipe:" section, or set {key} to skip'
    if gate.criteria:
        return f'no acceptance criterion: task {task.id} has none; give it "Acceptance Criteria", or set {key} to skip'
    return f"nothing to run: {key} names no command; give it one, or set it to skip"

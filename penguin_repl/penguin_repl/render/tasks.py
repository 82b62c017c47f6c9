"""Rendering of blueprints and tasks as lines and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penguin_commands.results import tasks as p
from penguin_repl.render.registry import Renderers
from penguin_repl.render.table import Grid, Part
from penguin_repl.text.escape import clean, clean_block

RENDERERS = Renderers()


@RENDERERS.shows(p.TaskTable)
def _tasks(result: p.TaskTable) -> Iterator[Part]:
    yield _task_grid(result.tasks) if result.tasks else result.empty_message


def _task_grid(states: tuple[p.TaskState, ...]) -> Grid:
    rows = tuple((state.task.id, state.task.priority, _state(state), state.task.title) for state in states)
    return Grid(("TASK", "PRIORITY", "STATE", "TITLE"), rows)


def _state(state: p.TaskState) -> str:
    return f"waiting for {', '.join(state.unmet)}" if state.state == "waiting" else state.state


@RENDERERS.shows(p.TaskResult)
def _task(result: p.TaskResult) -> Iterator[Part]:
    task = result.state.task
    yield f"Task {clean(task.id)}"
    yield f"Title: {clean(task.title)}"
    yield f"State: {clean(_state(result.state))}"
    yield f"Priority: {task.priority} (effort {task.effort}, value {task.value}, risk {task.risk})"
    yield f"Dependencies: {clean(', '.join(task.dependencies)) or 'none'}"
    yield f"Blueprint: {clean(task.blueprint_id)} ({clean(task.path)}:{task.line})"
    if task.description.strip():
        yield f"\n{clean_block(task.description.strip())}"
    if task.criteria:
        yield "\nAcceptance criteria:"
        for criterion in task.criteria:
            yield f"- {clean(criterion.text)}" + (f"  [{clean(criterion.check)}]" if criterion.check else "")
    if task.recipes:
        yield "\nRecipes:"
        for recipe in task.recipes:
            yield f"- {clean(recipe.name)} ({', '.join(step.kind for step in recipe.steps)})"


@RENDERERS.shows(p.GraphResult)
def _graph(result: p.GraphResult) -> Iterator[Part]:
    yield clean_block(result.text)


@RENDERERS.shows(p.BlueprintTable)
def _blueprints(result: p.BlueprintTable) -> Iterator[Part]:
    if not result.blueprints:
        yield "No blueprints."
        return
    rows = tuple((row.id, str(row.tasks), str(row.completed), str(row.active), _note(row)) for row in result.blueprints)
    yield Grid(("BLUEPRINT", "TASKS", "DONE", "ACTIVE", "TITLE"), rows, right_aligned=(1, 2, 3))


def _note(row: p.BlueprintRow) -> str:
    return f"{row.title} (broken: /blueprint lint {row.id})" if row.broken else row.title


@RENDERERS.shows(p.BlueprintResult)
def _blueprint(result: p.BlueprintResult) -> Iterator[Part]:
    row = result.row
    yield f"Blueprint {clean(row.id)}"
    yield f"Title: {clean(row.title)}"
    yield f"File: {clean(row.path)}"
    yield f"Project: {clean(row.project_id)}"
    yield f"Tasks: {row.tasks}, {row.completed} completed, {row.active} active"
    if result.tasks:
        yield ""
        yield _task_grid(result.tasks)
    for problem in result.problems:
        yield _problem(problem)


@RENDERERS.shows(p.LintResult)
def _lint(result: p.LintResult) -> Iterator[Part]:
    for problem in result.problems:
        yield _problem(problem)
    errors = sum(problem.severity == "error" for problem in result.problems)
    warnings = len(result.problems) - errors
    yield f"{_count(len(result.checked_paths), 'blueprint')}, {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _problem(problem: Any) -> str:
    hint = f" ({clean(problem.hint)})" if problem.hint else ""
    return f"{clean(problem.where)}: {problem.severity}: {clean(problem.message)}{hint}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")

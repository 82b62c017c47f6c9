"""Rendering of blueprints and tasks as lines and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_commands.results import tasks as p
from penguin_repl.render.format import format_elapsed
from penguin_repl.render.parts import Code, Grid, Part, Span, field, heading, line, text_of
from penguin_repl.render.registry import Renderers
from penguin_repl.render.words import (
    GATES_TITLE,
    NOTE_TITLE,
    OPTIONAL_ABOVE_NOTE,
    attempt_text,
    gate_strip,
    status_span,
    waiting_span,
    with_command,
)
from penguin_repl.text.escape import clean, clean_block

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import BlueprintCounts
    from penguin.orchestration.config.theme import Meaning
    from penguin_repl.render.parts import Cell, Line

RENDERERS = Renderers()
_PLURALS = {"dependency": "dependencies", "criterion": "criteria"}
_REMARKS = 30
"""Remarks of one kind about an import that are shown; `-o json` has all of them."""
_SEVERITIES: dict[str, Meaning] = {"error": "error", "warning": "warning"}
SHOWN_NEEDS = 3
"""The number of other dependencies that a line of a tree names."""


@RENDERERS.shows(p.TaskTable)
def _tasks(result: p.TaskTable) -> Iterator[Part]:
    yield _task_grid(result.tasks) if result.tasks else result.empty_message


def _task_grid(states: tuple[p.TaskState, ...]) -> Grid:
    rows = tuple((Span(state.task.id, "id"), state.task.priority, _state(state), state.task.title) for state in states)
    return Grid(("TASK", "PRIORITY", "STATE", "TITLE"), rows)


def _state(state: p.TaskState) -> Cell:
    return f"waiting for {', '.join(state.unmet)}" if state.state == "waiting" else state_cell(state.state)


def state_cell(state: str) -> str | Span:
    """Return the state of a task, which may be the status of its workflow."""
    return status_span(WorkflowStatus(state)) if state in WorkflowStatus.__members__ else state


@RENDERERS.shows(p.TaskResult)
def _task(result: p.TaskResult) -> Iterator[Part]:
    task = result.state.task
    yield line(Span("Task ", "heading"), Span(task.id, "id"))
    yield field("Title", task.title)
    yield field("State", _state(result.state))
    yield field("Priority", f"{task.priority} (effort {task.effort}, value {task.value}, risk {task.risk})")
    yield field("Dependencies", Span(", ".join(task.dependencies), "id") if task.dependencies else "none")
    yield field("Blueprint", line(Span(task.blueprint_id, "id"), " (", Span(f"{task.path}:{task.line}", "path"), ")"))
    if task.description.strip():
        yield f"\n{clean_block(task.description.strip())}"
    if task.criteria:
        yield ""
        yield heading("Acceptance criteria:")
        for criterion in task.criteria:
            check = ("  [", Span(criterion.check, "command"), "]") if criterion.check else ()
            yield line(f"- {criterion.text}", *check)
    if task.recipes:
        yield ""
        yield heading("Recipes:")
        for recipe in task.recipes:
            yield line(f"- {recipe.name} ({', '.join(step.kind for step in recipe.steps)})")
    if result.fields:
        yield ""
        yield Grid(
            ("FIELD", "VALUE", "FROM"),
            tuple((name, value or "-", Span(origin, "dim")) for name, value, origin in result.fields),
        )


@RENDERERS.shows(p.AddedTaskResult)
def _added_task(result: p.AddedTaskResult) -> Iterator[Part]:
    yield line("Added task ", Span(result.task_id, "id"))
    yield field("File", line(Span(f"{result.path}:{result.line}", "path"), " (created)" if result.created else ""))


@RENDERERS.shows(p.GraphResult)
def _graph(result: p.GraphResult) -> Iterator[Part]:
    if result.text:
        yield clean_block(result.text)
        return
    if not result.rows:
        yield "No tasks."
        return
    yield _tree_grid(result.rows)
    for needed, task in result.missing:
        yield line(Span("missing: ", "warning"), Span(needed, "id"), ", which ", Span(task, "id"), " needs")
    for cycle in result.cycles:
        yield line(Span("cycle: ", "error"), Span(" -> ".join(cycle), "id"))


def _tree_grid(rows: tuple[p.GraphRow, ...]) -> Grid:
    """Return the tree with its states. The last columns are left out where they are empty."""
    cells: list[tuple[Cell, ...]] = [
        (_branch(row), state_cell(row.state.state), _few(row.needs), _title(row)) for row in rows
    ]
    used = [index for index in range(4) if index < 2 or any(row[index] for row in cells)]
    columns = ("TASK", "STATE", "ALSO NEEDS", "TITLE")
    return Grid(
        tuple(columns[index] for index in used),
        tuple(tuple(row[index] for index in used) for row in cells),
        rails=tuple(row.rail or " " for row in rows),
    )


def _branch(row: p.GraphRow) -> Line:
    return line(Span(row.branch, "dim"), Span(row.state.task.id, "id"), " …" if row.folded else "")


def _title(row: p.GraphRow) -> str:
    task = row.state.task
    return "" if task.title == task.id else task.title


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN_NEEDS
    return ", ".join(names[:SHOWN_NEEDS]) + (f" and {more} more" if more > 0 else "")


@RENDERERS.shows(p.BlueprintTable)
def _blueprints(result: p.BlueprintTable) -> Iterator[Part]:
    if not result.blueprints:
        yield "No blueprints."
        return
    rows = tuple(
        (Span(row.id, "id"), str(row.tasks), str(row.completed), str(row.active), _note(row))
        for row in result.blueprints
    )
    yield Grid(("BLUEPRINT", "TASKS", "DONE", "ACTIVE", "TITLE"), rows, right_aligned=(1, 2, 3))


def _note(row: p.BlueprintRow) -> Cell:
    if not row.broken:
        return row.title
    return line(f"{row.title} (", Span("broken", "error"), ": ", Span(f"/blueprint lint {row.id}", "command"), ")")


@RENDERERS.shows(p.BlueprintResult)
def _blueprint(result: p.BlueprintResult) -> Iterator[Part]:
    row = result.row
    yield line(Span("Blueprint ", "heading"), Span(row.id, "id"))
    yield field("Title", row.title)
    yield field("File", Span(row.path, "path"))
    yield field("Project", row.project_id)
    yield field("Tasks", f"{row.tasks}, {row.completed} completed, {row.active} active")
    yield from (field(key, value) for key, value in result.metadata.items())
    if result.tasks:
        yield ""
        yield _task_grid(result.tasks)
    for problem in result.problems:
        yield _problem(problem)


@RENDERERS.shows(p.BoardResult)
def _board(result: p.BoardResult) -> Iterator[Part]:
    if not result.rows:
        yield result.empty_message
        return
    if result.title:
        yield heading(result.title)
    yield _board_grid(result)
    yield ""
    yield line(*_counts(_shown_counts(result)))
    if result.critical_path:
        # The mark of its tasks is above.
        yield field("Critical path ◆", Span(" → ".join(result.critical_path), "id"))
    if result.estimate:
        yield field("Left", _estimate(result.estimate))
    yield from (field("Circular dependency", " → ".join(circle)) for circle in result.cycles)


def _board_grid(result: p.BoardResult) -> Grid:
    """Return the tree with the progress of each task. The columns of workflows are left out if there are none."""
    cells = [_board_cells(row) for row in result.rows]
    used = [index for index in range(6) if index in (0, 2) or any(text_of(row[index]) for row in cells)]
    columns = ("TASK", GATES_TITLE, "STATE", "ATTEMPT", "TIME", NOTE_TITLE)
    return Grid(
        tuple(columns[index] for index in used),
        tuple(tuple(row[index] for index in used) for row in cells),
        tuple(place for place, index in enumerate(used) if index in (3, 4)),
        optional_below=OPTIONAL_ABOVE_NOTE,
        rails=tuple(row.row.rail or " " for row in result.rows),
    )


def _board_cells(row: p.BoardRow) -> tuple[Cell, ...]:
    state, progress = row.row.state, row.progress
    critical = (" ", Span("◆", "warning")) if row.is_critical else ()
    name = line(*_branch(row.row).pieces, *critical)
    note: Cell = row.reason or ("" if state.task.title == state.task.id else state.task.title)
    if row.workflow and row.next_command:
        note = with_command(row.reason, row.next_command, row.workflow)
    if progress is None:
        return (name, "", state_cell(state.state), "", "", note)
    attempt = attempt_text(progress.attempt, progress.max_attempts)
    taken = Span(format_elapsed(progress.elapsed), "time")
    return (name, gate_strip(progress.gates), state_cell(_shown_state(row)), attempt, taken, note)


def _shown_state(row: p.BoardRow) -> str:
    """Return the state of a task; `waiting` if its workflow is RUNNING and waits for its next attempt."""
    waits = row.reason and row.row.state.state == WorkflowStatus.RUNNING
    return waiting_span().text if waits else row.row.state.state


def _shown_counts(result: p.BoardResult) -> dict[str, int]:
    """Return the number of tasks by the state that the board shows."""
    shown = {row.row.state.task.id: (row.row.state.state, _shown_state(row)) for row in result.rows}
    counts = Counter(result.counts)
    for state, other in shown.values():
        counts[state] -= 1
        counts[other] += 1
    return {state: count for state, count in counts.items() if count}


def _counts(counts: dict[str, int]) -> Iterator[str | Span]:
    """Yield the number of tasks in each state, with commas between."""
    for state, count in counts.items():
        comma = "" if state == next(iter(counts)) else ", "
        yield from (f"{comma}{count} ", state_cell(state))


def _estimate(estimate: p.BoardEstimate) -> Line:
    pace = "one at a time" if estimate.slots == 1 else f"{estimate.slots} at once"
    measured = f"{estimate.completed} completed task{'' if estimate.completed == 1 else 's'}"
    left, each = format_elapsed(estimate.remaining), format_elapsed(estimate.per_task)
    return line("about ", Span(left, "time"), f", {pace} ({measured}, {each} each)")


@RENDERERS.shows(p.BlueprintSourceResult)
def _source(result: p.BlueprintSourceResult) -> Iterator[Part]:
    yield line(Span(result.path, "path"))
    width = len(str(max((part.first + len(part.lines) for part in result.parts), default=0)))
    for part in result.parts:
        made = " (the id is made from the title)" if part.task_id in result.made_ids else ""
        yield ""
        yield (
            line(Span("task ", "heading"), Span(part.task_id, "id"), made) if part.task_id else heading("the blueprint")
        )
        if part.lines:
            yield Code(part.lines, result.path, part.first, width)


@RENDERERS.shows(p.LintResult)
def _lint(result: p.LintResult) -> Iterator[Part]:
    for problem in result.problems:
        yield _problem(problem)
    by_severity = Counter(problem.severity for problem in result.problems)
    errors, warnings = _count(by_severity["error"], "error"), _count(by_severity["warning"], "warning")
    yield f"{_count(len(result.checked_paths), 'blueprint')}, {errors}, {warnings}"
    if result.counts and result.counts.validations:
        criteria = _criteria_count(result.counts.validation_criteria)
        yield f"{_count(result.counts.validations, 'validation')} with {criteria}"
    if result.counts:
        yield _read(result.counts, by_severity["note"])


def _read(counts: BlueprintCounts, notes: int) -> str:
    """Return what lint read, in one line."""
    checks = f" ({counts.checks} with a check)" if counts.criteria else ""
    return (
        f"{_count(counts.tasks, 'task')}, {_number(counts.dependencies, 'dependency', 'dependencies')}, "
        f"{_criteria_count(counts.criteria)}{checks}, {_count(counts.recipes, 'recipe')}; {_count(notes, 'note')}"
    )


def _criteria_count(number: int) -> str:
    return _number(number, "criterion", "criteria")


def _number(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _problem(problem: Any) -> Line:
    severity = _SEVERITIES.get(problem.severity, "dim")
    hint = (" (", Span(problem.hint, "dim"), ")") if problem.hint else ()
    return line(Span(problem.where, "path"), ": ", Span(problem.severity, severity), f": {problem.message}", *hint)


@RENDERERS.shows(p.ImportResult)
def _import(result: p.ImportResult) -> Iterator[Part]:
    for file in result.files:
        yield from _imported_file(file)
    if result.config != "unchanged":
        agent = f", IMPLEMENT runs {result.agent}" if result.agent else ""
        yield field("penguin.yaml", f"{result.config}{agent}")
    if result.recorded:
        yield field("Recorded as done outside of Penguin", Span(", ".join(result.recorded), "id"))
    yield from _missing_commands(result)
    if result.dry_run:
        yield "Nothing was written."
    elif result.next_command:
        yield field("Try", Span(result.next_command, "command"))
        yield from _record_command(result)


def _record_command(result: p.ImportResult) -> Iterator[Part]:
    """Yield how to keep the tasks that the source calls done from being run."""
    if result.record_command:
        yield line("To run none of the tasks that are done: ", Span(result.record_command, "command"))


def _missing_commands(result: p.ImportResult) -> Iterator[Part]:
    """Yield what TEST runs, and what to add to penguin.yaml before the gates can pass."""
    is_new = result.config == "new"
    if result.test_missing:
        found = result.test_command or "COMMAND"
        setting = f"phases: {{test: {{run: [{found}]}}}}, or {{test: skip}}"
        yield line("TEST has no command: in penguin.yaml, set ", setting)
    elif is_new and result.test_command:
        yield line("TEST runs ", Span(result.test_command, "command"), f" ({result.test_file})")
    if is_new and not result.agent:
        yield "IMPLEMENT has no command: in penguin.yaml, set phases: {implement: {agent: claude}} or {run: [COMMAND]}"
    if is_new:
        yield "VERIFY waits for a person (/workflow approve ID --by NAME) until the criteria have checks"


@RENDERERS.shows(p.InitResult)
def _init(result: p.InitResult) -> Iterator[Part]:
    for _, shown, state in result.files:
        yield field(state, Span(shown, "path"))
    for backlog in result.imported.files if result.imported else ():
        yield from _imported_file(backlog)
    yield from map(line, result.notes)
    yield field("Try", Span(result.next_command, "command"))
    if result.imported:
        yield from _record_command(result.imported)


def _imported_file(file: p.ImportedFile) -> Iterator[Part]:
    yield line(Span(file.path, "path"), f": {file.state}, from ", Span(file.source, "path"), f" ({file.format})")
    parts = [_count(file.tasks, "task"), _count(file.dependencies, "dependency"), _count(file.criteria, "criterion")]
    done = f"; {len(file.done)} done in the source" if file.done else ""
    yield f"  {', '.join(parts)}{done}"
    if file.metadata:
        names = (
            f"{clean(name)} ({_count(count, 'task')})" if count else clean(name)
            for name, count in file.metadata.items()
        )
        yield f"  kept as metadata: {', '.join(names)}"
    if file.prose:
        sections = f": {', '.join(map(clean, file.sections))}" if file.sections else ""
        yield f"  kept as prose: {_count(file.prose, 'line')}{sections}"
    yield from _limited("", [f"line {line}: {note}" if line else note for line, note in file.notes])
    yield from _limited("changed: ", list(file.changes))
    yield from _limited("not changed: ", list(file.conflicts))


def _limited(label: str, remarks: list[str]) -> Iterator[str]:
    yield from (f"  {label}{clean(remark)}" for remark in remarks[:_REMARKS])
    if len(remarks) > _REMARKS:
        yield f"  and {len(remarks) - _REMARKS} more; -o json lists them"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, f'{noun}s')}"

"""The table of active workflows, one line each, for the panel and the full-screen view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowStatus
from penguin_repl.render.costs import cost_columns, format_tokens
from penguin_repl.render.format import format_elapsed
from penguin_repl.render.parts import Grid, Line, Span, line
from penguin_repl.render.words import GATES_TITLE, STATUS_WORDS, attempt_text, gate_strip, name_task, status_meaning
from penguin_repl.text.escape import clean
from penguin_repl.text.width import display_width, truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.config.theme import Meaning
    from penguin.orchestration.core.usage import UsageTotals
    from penguin_repl.live.poller import WorkflowRow
    from penguin_repl.render.parts import Cell, Part

HEIGHT_DIVISOR = 3
"""The panel takes at most one of this many lines."""
MIN_LINES_WITH_TITLES = 4
"""A lower panel has no column titles."""
MIN_COLUMNS_WITH_TASK_TITLES = 130
"""A narrower window has no titles of tasks: what the workflows do or wait for is more important."""
MAX_TASK_TITLE = 30
"""Columns."""
COLUMNS_BEFORE_ACTIVITY = 62
"""The usual width of the columns before the last one."""
COMMAND_MARK = " → "
STEP_SEPARATOR = ", then "
"""Between the commands to type one after the other."""
OPTIONAL_COLUMNS = ("TITLE", "TOKENS", "ATTEMPT", "TIME", "COST", GATES_TITLE)


def panel_height(rows: int) -> int:
    """Return the maximum height of the panel in a window of `rows` rows; 0 if the window is too small."""
    return rows // HEIGHT_DIVISOR if rows // HEIGHT_DIVISOR >= 2 else 0


def panel_parts(rows: Sequence[WorkflowRow], total: int, most: int, columns: int) -> list[Part]:
    """Return at most `most` lines: column titles, the first workflows, and the number of the others."""
    if not rows or most < 1:
        return []
    has_titles = most >= MIN_LINES_WITH_TITLES
    space = most - has_titles
    shown = rows[: space if total <= min(space, len(rows)) else space - 1]
    free = space - len(shown) if total <= len(shown) else 0
    shown, commands = _move_long_commands(shown, free, columns)
    parts: list[Part] = [rows_grid(shown, columns, has_titles=has_titles)] if shown else []
    if total > len(shown):
        parts.append(line(Span(f"{' ' if shown else ''}and {total - len(shown)} more", "dim")))
    return [*parts, *commands]


def _move_long_commands(
    rows: Sequence[WorkflowRow], space: int, columns: int
) -> tuple[Sequence[WorkflowRow], list[Line]]:
    """Return the rows without the commands that their last column would cut, and these commands as lines.

    Args:
        rows: The rows of the panel.
        space: The free lines below them. What does not fit there stays in its row.
        columns: The width of the window.
    """
    kept: list[WorkflowRow] = []
    below: list[Line] = []
    for row in rows:
        found = _command_lines(row, columns)
        fits = len(below) + len(found) <= space
        kept.append(row._replace(next_command="") if found and fits else row)
        below += found if fits else []
    return kept, below


def _command_lines(row: WorkflowRow, columns: int) -> list[Line]:
    """Return the command of a row as lines, each of its steps on one if need be; none if it fits into the row."""
    command = name_task(row.next_command, row.info)
    if not command or display_width(command) <= columns - COLUMNS_BEFORE_ACTIVITY:
        return []
    steps = [command]
    if display_width(command) > columns - len(COMMAND_MARK) - 1:
        steps = command.replace(STEP_SEPARATOR, f",\n{STEP_SEPARATOR[2:]}").split("\n")
    marks = [COMMAND_MARK, *[" " * len(COMMAND_MARK)] * (len(steps) - 1)]
    return [line(mark, Span(step, "command")) for mark, step in zip(marks, steps, strict=True)]


def rows_grid(
    rows: Sequence[WorkflowRow], columns: int, selected: int | None = None, *, has_titles: bool = True
) -> Grid:
    """Return a table with one row per workflow, one of which may be selected, for a window of `columns`."""
    mark = " " if selected is None else "  "
    marks = ["▸ " if index == selected else mark for index in range(len(rows))]
    heads, costs = _cost_columns([row.usage for row in rows])
    names = ("TITLE",) if columns >= MIN_COLUMNS_WITH_TASK_TITLES else ()
    cells = tuple(
        (_task(row, mark), *(_title(row) for _ in names), *_state(row), *cost, _activity(row))
        for row, mark, cost in zip(rows, marks, costs, strict=True)
    )
    titles = (f"{mark}TASK", *names, GATES_TITLE, "STATE", "ATTEMPT", "TIME", *heads, "ACTIVITY")
    first_number = titles.index("ATTEMPT")
    numbers = tuple(range(first_number, first_number + 2 + len(heads)))
    return Grid(titles, cells, numbers, OPTIONAL_COLUMNS, shows_titles=has_titles)


def _cost_columns(usage: Sequence[UsageTotals]) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Return one column: the cost, or the tokens where the cost is not known yet."""
    if not any(spent.usd for spent in usage):
        return cost_columns(usage, ("tokens",))
    heads, costs = cost_columns(usage, ("usd",))
    tokens = [f"{format_tokens(spent.tokens)} tok" if spent.tokens else "" for spent in usage]
    return heads, [(cost or count,) for (cost,), count in zip(costs, tokens, strict=True)]


def grid_height(grid: Grid) -> int:
    """Return the number of lines of a table in a live view."""
    return len(grid.rows) + grid.shows_titles


def _task(row: WorkflowRow, mark: str) -> Cell:
    return line(Span(mark, "heading"), Span(row.info.task_id, "heading" if mark.strip() else "id"))


def _title(row: WorkflowRow) -> Cell:
    title = row.progress.title if row.progress else ""
    return "" if title == row.info.task_id else truncate(clean(title), MAX_TASK_TITLE)


def _state(row: WorkflowRow) -> tuple[Cell, ...]:
    progress, state = row.progress, Span(state_text(row), _state_meaning(row))
    if progress is None:
        return ("", state, "", "")
    attempt = attempt_text(progress.attempt, progress.max_attempts)
    return (gate_strip(progress.gates), state, attempt, Span(format_elapsed(progress.elapsed), "time"))


def _activity(row: WorkflowRow) -> Cell:
    """Return what runs; or why nothing does, and what a person types to continue."""
    if not row.reason:
        return row.activity
    if not row.next_command:
        return row.reason
    return Line((Span(name_task(row.next_command, row.info), "command"), "  ", row.reason))


def _state_meaning(row: WorkflowRow) -> Meaning:
    waits = row.info.status is WorkflowStatus.RUNNING and not row.executing
    return status_meaning(WorkflowStatus.PENDING if waits else row.info.status)


def state_text(row: WorkflowRow) -> str:
    """Return the phase that runs; or else a word, since the gates show where the workflow is."""
    status = row.info.status
    if status.rests:
        return STATUS_WORDS[status]
    return row.info.phase.value if row.executing else STATUS_WORDS[WorkflowStatus.PENDING]


def format_remaining(seconds: float) -> str:
    """Format a remaining time, with seconds if it is short."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"

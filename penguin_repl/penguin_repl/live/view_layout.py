"""The state and layout of the full-screen view."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.live.poller import EMPTY_RESULT
from penguin_repl.live.table import grid_height, rows_grid
from penguin_repl.live.toolbar import toolbar_line
from penguin_repl.live.view_keys import key_lines
from penguin_repl.live.workflow_detail import head_lines, step_line
from penguin_repl.render.parts import Grid, Line, Span, line
from penguin_repl.terminal.lines import wrap_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.live.poller import PollResult
    from penguin_repl.live.workflow_detail import WorkflowDetail
    from penguin_repl.render.parts import Part

FIXED_LINES = 5
"""Lines for the counts, the column titles, the rules and the keys."""


MAX_WRAPPED_LINES = 6
"""A longer line of an agent is cut at the end of this many lines."""


class ViewState(NamedTuple):
    """The state that the view shows."""

    poll: PollResult = EMPTY_RESULT
    """Its rows are the visible part of the list."""
    selected: int = 0
    """The position in the list of the workflow that is shown in detail."""
    first_row: int = 0
    """The position of the first row."""
    shows_list: bool = True
    """Several workflows are shown, not one alone."""
    detail: WorkflowDetail | None = None
    shows_logs: bool = False
    """Output uses the whole window."""
    scroll: int = 0
    """Lines between the last visible one and the end of the output."""
    message: str = ""
    """A question, or the result of a key, shown in place of the keys."""


def list_height(rows: int) -> int:
    """Return the lines of the list for the height of the window."""
    return max(1, (rows - FIXED_LINES) // 3)


def compose(state: ViewState, columns: int, rows: int, now: float) -> list[Part]:
    """Return the lines and tables that fill the window: as many lines as it has rows."""
    body = _logs if state.shows_logs else _overview
    parts = _first_lines([toolbar_line(state.poll, columns), *body(state, columns, rows - 2, now)], max(0, rows - 1))
    blanks = rows - 1 - sum(map(_height, parts))
    return [*parts, *[line("")] * blanks, _footer(state, columns)]


def _first_lines(parts: Sequence[Part], rows: int) -> list[Part]:
    """Return the first parts, with this number of lines at most."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Grid):
            part = part._replace(rows=part.rows[: max(0, rows - part.shows_titles)])
        if rows > 0 and _height(part):
            found.append(part)
            rows -= _height(part)
    return found


def _height(part: Part) -> int:
    return grid_height(part) if isinstance(part, Grid) else 1


def _overview(state: ViewState, columns: int, rows: int, now: float) -> list[Part]:
    parts: list[Part] = []
    if state.shows_list and state.poll.rows:
        parts.append(rows_grid(state.poll.rows, columns, state.selected - state.first_row))
    if state.detail is None:
        return parts or [line(Span(" No workflow is running. Press q to go back.", "dim"))]
    if state.shows_list:
        parts.append(_rule("", columns))
    parts += head_lines(state.detail, now)
    height = rows - sum(map(_height, parts)) - 1
    steps = state.detail.steps[-max(1, height - min(len(state.detail.output), height // 2)) :]
    parts += map(step_line, steps)
    return [
        *parts,
        _rule(state.detail.output_title, columns),
        *_output(state, columns, rows - sum(map(_height, parts)) - 1),
    ]


def _logs(state: ViewState, columns: int, rows: int, now: float) -> list[Part]:
    if state.detail is None:
        return []
    return [
        head_lines(state.detail, now)[0],
        _rule(state.detail.output_title, columns),
        *_output(state, columns, rows - 2),
    ]


def _output(state: ViewState, columns: int, rows: int) -> list[Part]:
    if state.detail is None or rows < 1:
        return []
    output = state.detail.output
    if not output:
        return [line(Span(" no output yet", "dim"))]
    end = len(output) - state.scroll
    shown: list[Part] = []
    for text in reversed(output[max(0, end - rows) : end]):
        # What an agent says is prose. Output of programs may be a table, and is cut.
        shown[:0] = wrap_pieces(text, columns, MAX_WRAPPED_LINES) if isinstance(text, Line) else [line(text)]
        if len(shown) >= rows:
            break
    return shown[-rows:]


def _rule(title: str, columns: int) -> Part:
    text = f"── {title} " if title else ""
    return line(Span(text + "─" * (columns - len(text)), "dim"))


def _footer(state: ViewState, columns: int) -> Part:
    if state.message:
        return line(Span(f" {state.message}", "heading"))
    status = state.detail.info.status if state.detail else None
    keys = key_lines(status, shows_list=state.shows_list, shows_logs=state.shows_logs)
    return line(Span(" " + next((text for text in keys if len(text) < columns), keys[-1]), "dim"))

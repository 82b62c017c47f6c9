"""The state and layout of the full-screen view: exactly as many lines as the window has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.live.poller import EMPTY_RESULT
from penguin_repl.live.table import ASCII, DIM, clip_line, draw_rows, truncate
from penguin_repl.live.workflow_detail import draw_head, draw_steps
from penguin_repl.shell.toolbar import toolbar_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.live.poller import PollResult
    from penguin_repl.live.table import Glyphs, Line
    from penguin_repl.live.workflow_detail import WorkflowDetail

KEYS = (
    "↑↓ choose · p pause · r resume · c cancel · l logs · q back",
    "p pause  r resume  c cancel  l logs  q back",
    "p·r·c·l logs·q back",
    "q back",
)
SINGLE_KEYS = (KEYS[0].replace("choose", "scroll"), *KEYS[1:])
LOG_KEYS = (
    "↑↓ PgUp PgDn scroll · l less · p pause · r resume · c cancel · q back",
    "↑↓ scroll · l less · q back",
    "q back",
)
PLAIN = str.maketrans({"↑": "^", "↓": "v", "·": "|"})
FIXED_LINES = 4
"""Lines for the title, the rules and the keys."""


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


def compose(state: ViewState, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    """Return the lines of the window."""
    body = _logs if state.shows_logs else _overview
    lines = [_title(state, columns, glyphs), *body(state, columns, rows - 2, glyphs, now)][: max(0, rows - 1)]
    lines += [[] for _ in range(rows - 1 - len(lines))]
    return [*lines, _footer(state, columns, glyphs)]


def _title(state: ViewState, columns: int, glyphs: Glyphs) -> Line:
    text = toolbar_text(state.poll.counts, state.poll.active, columns)
    return [("reverse", _displayable(text, glyphs).ljust(columns))]


def _overview(state: ViewState, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    lines = _list(state, columns, glyphs, now) if state.shows_list else []
    if state.detail is None:
        return lines or [[(DIM, truncate(" No workflow is running. Press q to go back.", columns))]]
    if state.shows_list:
        lines.append(_rule("", columns, glyphs))
    lines += draw_head(state.detail, columns, now)
    height = rows - len(lines) - 1
    steps = draw_steps(state.detail.steps, columns, glyphs)
    shown = steps[-max(1, min(len(steps), height - min(len(state.detail.output), height // 2))) :]
    lines += shown
    return [*lines, _rule("output", columns, glyphs), *_output(state, columns, rows - len(lines) - 1)]


def _logs(state: ViewState, columns: int, rows: int, glyphs: Glyphs, now: float) -> list[Line]:
    if state.detail is None:
        return []
    lines = [*draw_head(state.detail, columns, now)[:1], _rule("output", columns, glyphs)]
    return [*lines, *_output(state, columns, rows - len(lines))]


def _list(state: ViewState, columns: int, glyphs: Glyphs, now: float) -> list[Line]:
    lines = draw_rows(state.poll.rows, columns - 2, glyphs, now)
    marked: list[Line] = []
    for index, line in enumerate(lines, state.first_row):
        chosen = index == state.selected
        mark = (f"bold {DIM if not chosen else ''}".strip(), f"{glyphs.selected} " if chosen else "  ")
        marked.append([mark, *((f"{style} bold" if chosen else style, text) for style, text in line)])
    return marked


def _output(state: ViewState, columns: int, rows: int) -> list[Line]:
    if state.detail is None or rows < 1:
        return []
    output = state.detail.output
    if not output:
        return [[(DIM, truncate(" no output yet", columns))]]
    end = len(output) - state.scroll
    return [clip_line([("", line)], columns) for line in output[max(0, end - rows) : end]]


def _rule(title: str, columns: int, glyphs: Glyphs) -> Line:
    text = f"{glyphs.rule * 2} {title} " if title else ""
    return [(DIM, truncate(text, columns, "") + glyphs.rule * max(0, columns - len(text)))]


def _footer(state: ViewState, columns: int, glyphs: Glyphs) -> Line:
    if state.message:
        return [("bold", truncate(f" {state.message}", columns, glyphs.ellipsis))]
    keys = LOG_KEYS if state.shows_logs else KEYS if state.shows_list else SINGLE_KEYS
    return [(DIM, truncate(" " + _displayable(_first_fitting(keys, columns - 1), glyphs), columns))]


def _first_fitting(texts: Sequence[str], columns: int) -> str:
    return next((text for text in texts if len(text) <= columns), truncate(texts[-1], columns))


def _displayable(text: str, glyphs: Glyphs) -> str:
    """Return a text of Penguin in characters that the terminal can show."""
    return text if glyphs is not ASCII else text.translate(PLAIN).replace("…", "~")

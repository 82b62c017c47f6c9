"""The panel's table of active workflows, sized to the available space."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.utils import get_cwidth

from penguin.orchestration.backend import WorkflowPhase, WorkflowStatus
from penguin_repl.live.styles import STATUS_STYLES
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.live.poller import WorkflowRow
    from penguin_repl.output.screen import Style

    Line = list[tuple[str, str]]
    """Pieces of text, each with its style."""

HEIGHT_DIVISOR = 3
"""The panel takes at most one of this many lines."""
BAR = 8
GAP = 2
SHORTEST_NAME = 10
LONGEST_NAME = 28
SHORTEST_LAST = 12
DIM = "fg:ansibrightblack"


class Glyphs(NamedTuple):
    """The characters used for drawing."""

    full: str = "█"
    empty: str = "░"
    ellipsis: str = "…"
    rule: str = "─"
    selected: str = "▸"


ASCII = Glyphs("#", "-", "~", "-", ">")
"""For terminals without UTF-8."""


def glyphs_for(style: Style) -> Glyphs:
    """Return the glyphs that a terminal can show."""
    return ASCII if style.ascii else Glyphs()


def panel_height(rows: int) -> int:
    """Return the maximum height of the panel in a window of `rows` rows; 0 if the window is too small."""
    return rows // HEIGHT_DIVISOR if rows // HEIGHT_DIVISOR >= 2 else 0


def draw_panel(
    rows: Sequence[WorkflowRow], total: int, columns: int, most: int, glyphs: Glyphs, now: float | None = None
) -> list[Line]:
    """Return at most `most` lines of `columns` columns: the first workflows, and the number of the others."""
    if not rows or most < 1:
        return []
    shown = rows[: most if total <= min(most, len(rows)) else most - 1]
    lines = draw_rows(shown, columns, glyphs, time.time() if now is None else now)
    if total > len(shown):
        lines.append(
            [(DIM, truncate(f"{' ' if shown else ''}and {total - len(shown)} more", columns, glyphs.ellipsis))]
        )
    return lines


def draw_rows(rows: Sequence[WorkflowRow], columns: int, glyphs: Glyphs, now: float) -> list[Line]:
    """Return one line per workflow. A narrow window shows fewer columns."""
    if not rows:
        return []
    cells = [_cells(row, glyphs, now) for row in rows]
    widths = _fit_widths([max(get_cwidth(line[index][1]) for line in cells) for index in range(COLUMNS)], columns)
    return [_line(line, widths, columns, glyphs) for line in cells]


NAME, STATE, BAR_CELL, DONE, ATTEMPT, LEFT, LAST = range(7)
COLUMNS = 7
DROPPED_COLUMNS = (BAR_CELL, ATTEMPT, DONE, LEFT)
"""The columns that a narrow window leaves out, in this order."""
RIGHT_ALIGNED = (DONE, ATTEMPT, LEFT)


def _cells(row: WorkflowRow, glyphs: Glyphs, now: float) -> list[tuple[str, str]]:
    info = row.info
    style = STATUS_STYLES[info.status].toolkit or DIM
    attempt = f"#{row.attempt}" if row.attempt else ""
    left = "" if row.deadline is None else format_remaining(row.deadline - now)
    return [
        ("", clean(info.task_id)),
        (style, state_text(row)),
        (style, progress_bar(info.progress, BAR, glyphs)),
        ("", f"{info.progress}%"),
        ("", attempt),
        ("fg:ansired" if left == LATE else "", left),
        (DIM, clean(row.last_line)),
    ]


def state_text(row: WorkflowRow) -> str:
    """Return the phase, and the reason why the workflow can't continue with it."""
    info = row.info
    word = STATUS_STYLES[info.status].word
    if info.status is WorkflowStatus.PENDING:
        return word
    phase = "" if info.phase is WorkflowPhase.PENDING else info.phase.value
    return phase if info.status is WorkflowStatus.RUNNING else f"{phase} {word}".strip()


def progress_bar(percent: int, width: int, glyphs: Glyphs) -> str:
    """Return a bar that shows the progress."""
    full = percent * width // 100
    return glyphs.full * full + glyphs.empty * (width - full)


LATE = "0s"


def format_remaining(seconds: float) -> str:
    """Format a remaining time, with seconds if it is short."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"


def _fit_widths(widths: list[int], columns: int) -> list[int]:
    """Return widths that fit into `columns`; 0 for a column that is left out."""
    wanted = widths[LAST]
    widths = [min(widths[NAME], LONGEST_NAME), *widths[1:LAST], 0]
    for spared in (None, *DROPPED_COLUMNS):
        if spared is not None:
            widths[spared] = 0
        over = _total_width(widths) - columns
        if over <= max(0, widths[NAME] - SHORTEST_NAME):
            break
    widths[NAME] = max(0, widths[NAME] - max(0, _total_width(widths) - columns))
    remaining = columns - _total_width(widths) - GAP
    if wanted and remaining >= min(wanted, SHORTEST_LAST):
        widths[LAST] = min(wanted, remaining)
    return widths


def _total_width(widths: Sequence[int]) -> int:
    """Return the columns of a line, with one before it and gaps between."""
    return 1 + sum(width + GAP for width in widths if width) - GAP


def _line(cells: Sequence[tuple[str, str]], widths: Sequence[int], columns: int, glyphs: Glyphs) -> Line:
    line: Line = []
    for index, (style, text) in enumerate(cells):
        if widths[index]:
            text = truncate(text, widths[index], glyphs.ellipsis)
            space = " " * (widths[index] - get_cwidth(text))
            line += [
                ("", " " * (GAP if line else 1)),
                (style, space + text if index in RIGHT_ALIGNED else text + space),
            ]
    return clip_line(line, columns)


def truncate(text: str, columns: int, more: str = "…") -> str:
    """Clip a text to a number of columns."""
    if get_cwidth(text) <= columns:
        return text
    chars, width = [], get_cwidth(more)
    for char in text:
        width += get_cwidth(char)
        if width > columns:
            break
        chars.append(char)
    return "".join(chars) + more if columns > 0 else ""


def clip_line(line: Line, columns: int) -> Line:
    """Return a line cut off at the last column."""
    clipped: Line = []
    for style, text in line:
        text = truncate(text, columns, "")
        columns -= get_cwidth(text)
        clipped.append((style, text))
    return clipped

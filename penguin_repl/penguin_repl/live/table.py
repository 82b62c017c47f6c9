"""The panel's table of active workflows, one line each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowPhase, WorkflowStatus
from penguin_repl.render.parts import Grid, Span, line
from penguin_repl.render.progress import progress_bar
from penguin_repl.render.words import STATUS_WORDS, status_meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin_repl.live.poller import WorkflowRow
    from penguin_repl.render.parts import Cell, Part

HEIGHT_DIVISOR = 3
"""The panel takes at most one of this many lines."""
BAR = 8
"""The columns of a progress bar."""
LATE = "0s"
COLUMNS = ("TASK", "PHASE", "PROGRESS", "DONE", "ATTEMPT", "LEFT", "ACTIVITY")
RIGHT_ALIGNED = (3, 4, 5)
OPTIONAL_COLUMNS = ("PROGRESS", "ATTEMPT", "DONE", "LEFT")


def panel_height(rows: int) -> int:
    """Return the maximum height of the panel in a window of `rows` rows; 0 if the window is too small."""
    return rows // HEIGHT_DIVISOR if rows // HEIGHT_DIVISOR >= 2 else 0


def panel_parts(rows: Sequence[WorkflowRow], total: int, most: int, now: float | None = None) -> list[Part]:
    """Return at most `most` lines: the first workflows, and the number of the others."""
    if not rows or most < 1:
        return []
    shown = rows[: most if total <= min(most, len(rows)) else most - 1]
    parts: list[Part] = [rows_grid(shown, time.time() if now is None else now)] if shown else []
    if total > len(shown):
        parts.append(line(Span(f"{' ' if shown else ''}and {total - len(shown)} more", "dim")))
    return parts


def rows_grid(rows: Sequence[WorkflowRow], now: float, selected: int | None = None) -> Grid:
    """Return a table with one row per workflow, one of which may be selected."""
    marks = ["▸ " if index == selected else "  " if selected is not None else " " for index in range(len(rows))]
    cells = tuple(_cells(row, now, mark) for row, mark in zip(rows, marks, strict=True))
    return Grid(COLUMNS, cells, RIGHT_ALIGNED, OPTIONAL_COLUMNS, shows_titles=False)


def _cells(row: WorkflowRow, now: float, mark: str) -> tuple[Cell, ...]:
    info = row.info
    meaning = status_meaning(info.status)
    left = "" if row.deadline is None else format_remaining(row.deadline - now)
    return (
        line(Span(mark, "heading"), Span(info.task_id, "heading" if mark.strip() else "id")),
        Span(state_text(row), meaning),
        line(*progress_bar(info.progress, BAR, meaning)),
        f"{info.progress}%",
        f"#{row.attempt}" if row.attempt else "",
        Span(left, "error" if left == LATE else "time"),
        line(Span(f"{row.spent}: " if row.spent else "", "money"), Span(row.last_line, "dim")),
    )


def state_text(row: WorkflowRow) -> str:
    """Return the phase, and the reason why the workflow can't continue with it."""
    info = row.info
    word = STATUS_WORDS[info.status]
    if info.status is WorkflowStatus.PENDING:
        return word
    phase = "" if info.phase is WorkflowPhase.PENDING else info.phase.value
    return phase if info.status is WorkflowStatus.RUNNING else f"{phase} {word}".strip()


def format_remaining(seconds: float) -> str:
    """Format a remaining time, with seconds if it is short."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"

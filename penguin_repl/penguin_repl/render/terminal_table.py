"""Tables as wide as the terminal, with colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.styles import BOLD, WORD_STYLES, colorize
from penguin_repl.render.table import GAP, Grid, clean_cells
from penguin_repl.text.width import display_width, wrap_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DROPPED_COLUMNS = (
    *("UPDATED", "STARTED", "CREATED", "ENDED", "FILES", "TOKENS", "DONE"),
    *("COST", "SIZE", "MESSAGES", "AGENT", "PHASE", "PROJECT"),
)
"""Columns that a narrow terminal leaves out, in this order, before an id is wrapped."""
OVERVIEW_HEADS = ("WORKFLOW", "SNAPSHOT")
"""The first columns of tables that may leave out columns."""
MIN_COLUMN_WIDTH = 20
"""Cells are not wrapped to fewer columns than this."""
INDENT = "    "
LONGEST_CELL = 4000
"""Characters of a cell that are shown. Other formats, and a text table that is not drawn on a terminal, contain all."""


def draw_grid(grid: Grid, width: int, color: bool) -> str:
    """Return a table that fits into a number of columns."""
    grid = _drop_columns(Grid(grid.columns, tuple(_shorten_cells(grid)), grid.right_aligned), width)
    rows = [grid.columns, *clean_cells(grid)]
    widths = _fit_widths(rows, grid.right_aligned, width)
    lines: list[str] = []
    for number, row in enumerate(rows):
        looks = [BOLD if number == 0 else WORD_STYLES.get(cell, "") for cell in row] if color else [""] * len(row)
        rail = grid.rails[number - 1] if grid.rails and number else ""
        lines += _wrap_row(row, widths, grid.right_aligned, looks, rail)
        rest = "  ".join(cell for cell in row[len(widths) :] if cell)
        indent = f"{rail}  " if rail else INDENT
        lines += [indent + line for line in wrap_line(rest, max(1, width - len(indent)))] if rest else []
    return "".join(line.rstrip() + "\n" for line in lines)


def _shorten_cells(grid: Grid) -> Iterator[tuple[str, ...]]:
    for row in grid.rows:
        yield tuple(cell if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL]}…" for cell in row)


def _drop_columns(grid: Grid, width: int) -> Grid:
    """Return the table without its optional columns if they do not fit."""
    for spare in DROPPED_COLUMNS:
        widths = [max(map(display_width, column)) for column in zip(grid.columns, *clean_cells(grid), strict=True)]
        if sum(widths) + GAP * len(widths) <= width or grid.columns[0] not in OVERVIEW_HEADS:
            break
        if spare in grid.columns:
            grid = _without_column(grid, grid.columns.index(spare))
    return grid


def _without_column(grid: Grid, gone: int) -> Grid:
    rows = tuple((*row[:gone], *row[gone + 1 :]) for row in grid.rows)
    right = tuple(index - (index > gone) for index in grid.right_aligned if index != gone)
    return Grid((*grid.columns[:gone], *grid.columns[gone + 1 :]), rows, right)


def _fit_widths(rows: Sequence[Sequence[str]], right: Sequence[int], width: int) -> list[int]:
    """Return the widths of the columns that fit side by side. The other cells go on a line below their row."""
    natural = [max(display_width(row[index]) for row in rows) for index in range(len(rows[0]))]
    for count in range(len(natural), 1, -1):
        widths = natural[:count]
        while (over := sum(widths) + GAP * (count - 1) - width) > 0:
            # Prose can be wrapped. Ids, numbers, times and verdicts stay whole.
            widest = max(
                (column for column in range(1, count) if column not in right), key=widths.__getitem__, default=0
            )
            if widest == 0 or widths[widest] <= MIN_COLUMN_WIDTH:
                break
            widths[widest] = max(MIN_COLUMN_WIDTH, widths[widest] - over, *_second_widest(widths, widest))
        else:
            return widths
    return [min(natural[0], width)]


def _second_widest(widths: Sequence[int], widest: int) -> list[int]:
    """Return the width of the second widest column, if it is narrower than the widest.

    Below that width, both columns shrink together.
    """
    others = [width for index, width in enumerate(widths) if index not in (0, widest)]
    return [max(others)] if others and max(others) < widths[widest] else []


def _wrap_row(
    row: Sequence[str], widths: Sequence[int], right: Sequence[int], looks: Sequence[str], rail: str
) -> Iterator[str]:
    """Return the lines of a row. After the first line, `rail` is in its first column."""
    folded = [wrap_line(cell, width) for cell, width in zip(row, widths, strict=False)]
    for number in range(max(map(len, folded))):
        line = []
        for index, (parts, width) in enumerate(zip(folded, widths, strict=True)):
            part = parts[number] if number < len(parts) else "" if index else rail
            space = " " * (width - display_width(part))
            part = colorize(part, looks[index])
            line.append(space + part if index in right else part + space)
        yield (" " * GAP).join(line)

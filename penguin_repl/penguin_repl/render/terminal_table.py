"""Tables as wide as the terminal, with colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.styles import BOLD, WORDS, colored
from penguin_repl.render.table import GAP, Grid, cells
from penguin_repl.text.width import columns, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEFT_OUT = (
    *("UPDATED", "STARTED", "CREATED", "ENDED", "FILES", "TOKENS", "DONE"),
    *("COST", "SIZE", "MESSAGES", "AGENT", "PHASE", "PROJECT"),
)
"""Columns that a narrow terminal goes without, in this order, before an id is folded."""
OVERVIEWS = ("WORKFLOW", "SNAPSHOT")
"""The first columns of tables that go without others."""
SHORTEST = 20
"""Columns below which nothing is folded."""
INDENT = "    "


def drawn(grid: Grid, width: int, color: bool) -> str:
    """A table, at most so many columns wide."""
    grid = _narrowed(grid, width)
    rows = [grid.columns, *cells(grid)]
    widths = _fitted(rows, grid.right, width)
    lines: list[str] = []
    for number, row in enumerate(rows):
        looks = [BOLD if number == 0 else WORDS.get(cell, "") for cell in row] if color else [""] * len(row)
        lines += _folded(row, widths, grid.right, looks)
        rest = "  ".join(cell for cell in row[len(widths) :] if cell)
        lines += [INDENT + line for line in wrapped(rest, max(1, width - len(INDENT)))] if rest else []
    return "".join(line.rstrip() + "\n" for line in lines)


def _narrowed(grid: Grid, width: int) -> Grid:
    """Without what an overview can spare, where there is no room for it."""
    for spare in LEFT_OUT:
        widths = [max(map(columns, column)) for column in zip(grid.columns, *cells(grid), strict=True)]
        if sum(widths) + GAP * len(widths) <= width or grid.columns[0] not in OVERVIEWS:
            break
        if spare in grid.columns:
            grid = _without(grid, grid.columns.index(spare))
    return grid


def _without(grid: Grid, gone: int) -> Grid:
    rows = tuple((*row[:gone], *row[gone + 1 :]) for row in grid.rows)
    right = tuple(index - (index > gone) for index in grid.right if index != gone)
    return Grid((*grid.columns[:gone], *grid.columns[gone + 1 :]), rows, right)


def _fitted(rows: Sequence[Sequence[str]], right: Sequence[int], width: int) -> list[int]:
    """The widths of the columns that stand beside each other; the cells of the others go on a line below their row."""
    natural = [max(columns(row[index]) for row in rows) for index in range(len(rows[0]))]
    for count in range(len(natural), 1, -1):
        widths = natural[:count]
        while (over := sum(widths) + GAP * (count - 1) - width) > 0:
            # Prose can be folded; ids, numbers, times and verdicts are read as a whole.
            widest = max((it for it in range(1, count) if it not in right), key=widths.__getitem__, default=0)
            if widest == 0 or widths[widest] <= SHORTEST:
                break
            widths[widest] = max(SHORTEST, widths[widest] - over, *_second(widths, widest))
        else:
            return widths
    return [min(natural[0], width)]


def _second(widths: Sequence[int], widest: int) -> list[int]:
    """The width below which another column would be the widest: both give way then."""
    others = [width for index, width in enumerate(widths) if index not in (0, widest)]
    return [max(others)] if others and max(others) < widths[widest] else []


def _folded(row: Sequence[str], widths: Sequence[int], right: Sequence[int], looks: Sequence[str]) -> Iterator[str]:
    """The lines of a row."""
    folded = [wrapped(cell, width) for cell, width in zip(row, widths, strict=False)]
    for number in range(max(map(len, folded))):
        line = []
        for index, (parts, width) in enumerate(zip(folded, widths, strict=True)):
            part = parts[number] if number < len(parts) else ""
            space = " " * (width - columns(part))
            part = colored(part, looks[index])
            line.append(space + part if index in right else part + space)
        yield (" " * GAP).join(line)

"""Tables: drawn by rich on a terminal, aligned lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from penguin_repl.render.cells import columns
from penguin_repl.render.safe import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLES = {
    "RUNNING": "cyan",
    "PAUSED": "yellow",
    "BLOCKED": "bold yellow",
    "COMPLETED": "green",
    "PASSED": "green",
    "FAILED": "bold red",
    "ERROR": "bold red",
    "UNVERIFIED": "yellow",
    "error": "bold red",
    "warning": "yellow",
}


LEFT_OUT = ("UPDATED", "STARTED", "DONE", "PHASE", "PROJECT")
"""Columns that a narrow terminal goes without, in this order, before an id is folded."""
GAP = 2
"""Spaces between columns."""


class Grid(NamedTuple):
    """A table. Its cells need not be harmless yet."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    """The columns of numbers."""


def layout(parts: Iterable[str | Grid], *, terminal: bool, width: int, color: bool) -> str:
    """Lines (harmless already) and tables, one below the other."""
    blocks = []
    for part in parts:
        if isinstance(part, str):
            blocks.append(part + "\n")
        else:
            blocks.append(_drawn(_narrowed(part, width), width, color) if terminal else _aligned(part))
    return "".join(blocks)


def _cells(grid: Grid) -> list[tuple[str, ...]]:
    return [tuple(clean(cell) for cell in row) for row in grid.rows]


def _aligned(grid: Grid) -> str:
    rows = [grid.columns, *_cells(grid)]
    widths = [max(columns(row[index]) for row in rows) for index in range(len(grid.columns))]
    return "".join(_line(row, widths, grid.right) + "\n" for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    cells = []
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - columns(cell))
        cells.append(space + cell if index in right else cell + space)
    return "  ".join(cells).rstrip()


def _narrowed(grid: Grid, width: int) -> Grid:
    """Without what an overview can spare, where there is no room for it."""
    for column in LEFT_OUT:
        widths = [max(map(columns, cells)) for cells in zip(grid.columns, *_cells(grid), strict=True)]
        if sum(widths) + GAP * len(widths) <= width or grid.columns[0] != "WORKFLOW":
            break
        if column in grid.columns:
            grid = _without(grid, grid.columns.index(column))
    return grid


def _without(grid: Grid, gone: int) -> Grid:
    rows = tuple((*row[:gone], *row[gone + 1 :]) for row in grid.rows)
    right = tuple(index - (index > gone) for index in grid.right if index != gone)
    return Grid((*grid.columns[:gone], *grid.columns[gone + 1 :]), rows, right)


def _drawn(grid: Grid, width: int, color: bool) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(grid.columns):
        # An id that is cut can't be copied: it is folded instead.
        table.add_column(column, justify="right" if index in grid.right else "left", overflow="fold")
    for row in _cells(grid):
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    screen = StringIO()
    system: Literal["standard"] | None = "standard" if color else None
    # A height too, lest a dumb terminal counts as one of 80 columns. Whether there is colour was decided already.
    console = Console(
        file=screen,
        force_terminal=True,
        width=width,
        height=len(grid.rows) + 1,
        color_system=system,
        no_color=not color,
        highlight=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in screen.getvalue().split("\n"))

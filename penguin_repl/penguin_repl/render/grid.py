"""Tables: as wide as the terminal on one, aligned lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.render.cells import columns, wrapped
from penguin_repl.render.safe import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


LEFT_OUT = (
    *("UPDATED", "STARTED", "CREATED", "ENDED", "FILES", "TOKENS", "DONE"),
    *("COST", "SIZE", "MESSAGES", "AGENT", "PHASE", "PROJECT"),
)
"""Columns that a narrow terminal goes without, in this order, before an id is folded."""
OVERVIEWS = ("WORKFLOW", "SNAPSHOT")
"""The first columns of tables that go without others."""
GAP = 2
"""Spaces between columns."""
SHORTEST = 20
"""Columns below which nothing is folded."""
INDENT = "    "
HEAD = "bold"


class Grid(NamedTuple):
    """A table. Its cells need not be harmless yet."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    """The columns of numbers."""


Part = str | Grid
"""What results are shown as: lines (harmless, without their ends) and tables."""


def layout(parts: Iterable[Part], *, terminal: bool, width: int, color: bool) -> str:
    """Lines and tables, one below the other."""
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
        if sum(widths) + GAP * len(widths) <= width or grid.columns[0] not in OVERVIEWS:
            break
        if column in grid.columns:
            grid = _without(grid, grid.columns.index(column))
    return grid


def _without(grid: Grid, gone: int) -> Grid:
    rows = tuple((*row[:gone], *row[gone + 1 :]) for row in grid.rows)
    right = tuple(index - (index > gone) for index in grid.right if index != gone)
    return Grid((*grid.columns[:gone], *grid.columns[gone + 1 :]), rows, right)


def _drawn(grid: Grid, width: int, color: bool) -> str:
    rows = [grid.columns, *_cells(grid)]
    widths = _fitted(rows, grid.right, width)
    lines: list[str] = []
    for number, row in enumerate(rows):
        styles = [HEAD if number == 0 else STYLES.get(cell, "") for cell in row]
        lines += _folded(row, widths, grid.right, styles if color else None)
        rest = "  ".join(cell for cell in row[len(widths) :] if cell)
        lines += [INDENT + line for line in wrapped(rest, max(1, width - len(INDENT)))] if rest else []
    return "".join(line.rstrip() + "\n" for line in lines)


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


def _folded(
    row: Sequence[str], widths: Sequence[int], right: Sequence[int], styles: Sequence[str] | None
) -> Iterator[str]:
    """The lines of a row."""
    folded = [wrapped(cell, width) for cell, width in zip(row, widths, strict=False)]
    for number in range(max(map(len, folded))):
        line = []
        for index, (parts, width) in enumerate(zip(folded, widths, strict=True)):
            part = parts[number] if number < len(parts) else ""
            space = " " * (width - columns(part))
            part = _styled(part, styles[index]) if styles else part
            line.append(space + part if index in right else part + space)
        yield (" " * GAP).join(line)


def _styled(text: str, style: str) -> str:
    if not text or not style:
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)

"""Tables: as wide as the terminal, or as aligned lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penguin_repl.text.escape import clean
from penguin_repl.text.width import display_width

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 2
"""Spaces between columns."""
LONGEST_ALIGNED = 1000
"""Characters. The columns of aligned lines do not get as wide as a longer cell."""


class Grid(NamedTuple):
    """A table. Its cells may be unescaped."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right_aligned: tuple[int, ...] = ()
    """The columns of numbers."""
    rails: tuple[str, ...] = ()
    """For the rows of a tree: what continues its lines, where a row needs more than one."""


Part = str | Grid
"""A part of a shown result: a line (escaped, without its end) or a table."""


def clean_cells(grid: Grid) -> list[tuple[str, ...]]:
    """Return the rows of a table with escaped cells."""
    return [tuple(clean(cell) for cell in row) for row in grid.rows]


def aligned(grid: Grid) -> str:
    """Return the lines of a table, with its columns aligned by spaces."""
    rows = [grid.columns, *clean_cells(grid)]
    widths = [max(_aligned_width(row[index]) for row in rows) for index in range(len(grid.columns))]
    return "".join(_line(row, widths, grid.right_aligned) + "\n" for row in rows)


def _aligned_width(cell: str) -> int:
    # Otherwise one long cell makes all other rows as long.
    return 0 if len(cell) > LONGEST_ALIGNED else display_width(cell)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    parts = []
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _aligned_width(cell)) if len(cell) <= LONGEST_ALIGNED else ""
        parts.append(space + cell if index in right else cell + space)
    return (" " * GAP).join(parts).rstrip()

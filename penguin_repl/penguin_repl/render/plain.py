"""Parts as plain lines, for pipes and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.parts import Chart, Code, Grid, Hunk, Line, Panel, Tree, numbered_lines, text_of
from penguin_repl.text.escape import clean
from penguin_repl.text.width import display_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penguin_repl.render.parts import Part

GAP = 2
"""Spaces between columns."""
LONGEST_ALIGNED = 1000
"""Characters. The columns of aligned lines do not get as wide as a longer cell."""


def plain_text(parts: Iterable[Part]) -> str:
    """Return parts as lines, one below the other."""
    return "".join(f"{line}\n" for part in parts for line in _plain_lines(part))


def _plain_lines(part: Part) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Line):
        yield clean(part.text)
    elif isinstance(part, Grid):
        yield from aligned(part)
    else:
        yield from _plain_figure(part)


def _plain_figure(part: Tree | Chart | Code | Hunk | Panel) -> Iterator[str]:
    match part:
        case Tree():
            yield clean(text_of(part.line))
            yield from _branches(part.children, "")
        case Chart():
            yield from aligned(Grid((), tuple((row.label, row.note) for row in part.rows)))
        case Code():
            yield from (before + clean(text) for before, text in numbered_lines(part))
        case Hunk():
            yield from map(clean, part.lines)
        case Panel():
            yield clean(part.title)
            for inner in part.parts:
                yield from _plain_lines(inner)


def _branches(trees: Sequence[Tree], indent: str) -> Iterator[str]:
    for number, tree in enumerate(trees, 1):
        last = number == len(trees)
        yield f"{indent}{'└── ' if last else '├── '}{clean(text_of(tree.line))}"
        yield from _branches(tree.children, indent + ("    " if last else "│   "))


def aligned(grid: Grid) -> Iterator[str]:
    """Return the lines of a table, with its columns aligned by spaces."""
    rows = [tuple(clean(text_of(cell)) for cell in row) for row in grid.rows]
    if grid.columns and grid.shows_titles:
        rows.insert(0, grid.columns)
    widths = [max(map(_aligned_width, column)) for column in zip(*rows, strict=True)]
    return (_row(row, widths, grid.right_aligned) for row in rows)


def _aligned_width(cell: str) -> int:
    # Otherwise one long cell makes all other rows as long.
    return 0 if len(cell) > LONGEST_ALIGNED else display_width(cell)


def _row(row: Sequence[str], widths: Sequence[int], right_aligned: Sequence[int]) -> str:
    parts = []
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _aligned_width(cell)) if len(cell) <= LONGEST_ALIGNED else ""
        parts.append(space + cell if index in right_aligned else cell + space)
    return (" " * GAP).join(parts).rstrip()

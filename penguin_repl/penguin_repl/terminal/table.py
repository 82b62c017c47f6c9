"""Tables that fit into the screen.

The table of rich measures and renders every cell on its own, which takes about 0.1 ms a cell: for a list of 100
workflows, longer than the rest of the command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from penguin_repl.render.parts import Grid, Line, Span, text_of
from penguin_repl.terminal.lines import View, cut, segments_of, text_to_wrap, width_of, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin_repl.render.parts import Cell
    from penguin_repl.terminal.lines import Segments
    from penguin_repl.terminal.theme import Styles

GAP = 2
"""Blanks between columns."""
MIN_COLUMN_WIDTH = 20
"""Cells are not wrapped to fewer columns than this."""
LONGEST_CELL = 4000
"""Characters of a cell that are shown. Other formats, and plain lines, have all."""
REST_INDENT = 4
"""Columns before the cells that are below their row."""


class GridView(View):
    """A table.

    If the table is too wide, it leaves out optional columns, then wraps prose, then puts the last cells of a row below
    it, and leaves out the columns that are optional then.
    """

    def __init__(self, grid: Grid, styles: Styles) -> None:
        self._grid = grid
        self._titles = [[Segment(title, styles["label"])] for title in grid.columns if grid.shows_titles]
        self._rows = [[segments_of(_shortened(cell), styles) for cell in row] for row in grid.rows]
        rows = [self._titles, *self._rows] if self._titles else self._rows
        self._widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
        self._command_style = styles["command"]
        self._min_last_width = max(MIN_COLUMN_WIDTH, max((_longest_command(row[-1]) for row in grid.rows), default=0))

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        if not self._rows:
            return
        if not wrapped:
            yield from self._single_lines(width)
            return
        columns = self._fitting_columns(range(len(self._widths)), width)
        widths = self._fitting_widths(columns, width)
        if self._titles:
            titled = columns[: len(widths)] if self._grid.optional_below else columns
            yield from self._row_lines(self._titles, titled, widths, width, "")
        for number, row in enumerate(self._rows):
            rail = self._grid.rails[number] if self._grid.rails else ""
            yield from self._row_lines(row, columns, widths, width, rail)

    def _single_lines(self, width: int) -> Iterator[Segment]:
        """Yield one line a row, cut off. The last column has the room that the others leave, or is left out."""
        *others, last = range(len(self._widths))
        missing = self._widths[last] - min(self._widths[last], MIN_COLUMN_WIDTH)
        columns = self._fitting_columns([*others, last], width + missing)
        if self._total_width(columns) > width + missing:
            columns = self._fitting_columns(others, width)
        widths = [self._widths[column] for column in columns]
        shrinking = len(columns) - 1 if last in columns else 0
        widths[shrinking] -= max(0, self._total_width(columns) - width)
        for row in [self._titles, *self._rows] if self._titles else self._rows:
            cells = [cut(row[column], size) for column, size in zip(columns, widths, strict=True)]
            yield from cut(list(self._side_by_side(cells, columns, widths)), width)
            yield Segment.line()

    def _fitting_columns(self, columns: Sequence[int], width: int) -> list[int]:
        """Return columns without the optional ones that do not fit."""
        columns = list(columns)
        for titles, end in ((self._grid.optional, None), (self._grid.optional_below, -1)):
            for title in titles:
                if self._total_width(columns[:end]) <= width:
                    break
                if title in self._grid.columns:
                    columns.remove(self._grid.columns.index(title))
        return columns

    def _total_width(self, columns: Sequence[int]) -> int:
        return sum(self._widths[column] + GAP for column in columns) - GAP

    def _fitting_widths(self, columns: Sequence[int], width: int) -> list[int]:
        """Return the widths of the first columns that fit side by side. The others go below their row."""
        for count in range(len(columns), 1, -1):
            widths = [self._widths[column] for column in columns[:count]]
            while (excess := sum(widths) + GAP * (count - 1) - width) > 0:
                widest = self._widest_prose(columns[:count], widths)
                if widest is None:
                    break
                # Columns of the same width shrink together.
                others = [other for index, other in enumerate(widths) if index not in (0, widest)]
                next_width = max((other for other in others if other < widths[widest]), default=0)
                widths[widest] = max(self._min_width(columns[widest]), widths[widest] - excess, next_width)
            else:
                return widths
        return [min(self._widths[columns[0]], width)]

    def _widest_prose(self, columns: Sequence[int], widths: Sequence[int]) -> int | None:
        """Return the index of the widest column that can be wrapped. Ids, numbers, times and verdicts stay whole."""
        prose = [index for index in range(1, len(columns)) if columns[index] not in self._grid.right_aligned]
        widest = max(prose, key=widths.__getitem__, default=None)
        return widest if widest is not None and widths[widest] > self._min_width(columns[widest]) else None

    def _min_width(self, column: int) -> int:
        """Return the columns to which a cell is wrapped at least."""
        return self._min_last_width if column == len(self._widths) - 1 else MIN_COLUMN_WIDTH

    def _row_lines(
        self, row: Sequence[Segments], columns: Sequence[int], widths: Sequence[int], width: int, rail: str
    ) -> Iterator[Segment]:
        cells = [row[column] for column in columns]
        wrapped = [self._wrapped(cell, size) for cell, size in zip(cells, widths, strict=False)]
        for number in range(max(map(len, wrapped))):
            line = [lines[number] if number < len(lines) else [] for lines in wrapped]
            if number and rail:
                line[0] = [Segment(rail)]
            yield from self._side_by_side(line, columns, widths)
            yield Segment.line()
        rest = [cell for cell in cells[len(widths) :] if width_of(cell)]
        if rest:
            yield from self._below(rest, width, rail)

    def _wrapped(self, cell: Segments, width: int) -> list[Segments]:
        return wrap(cell, width, fold_words=True, text=text_to_wrap(cell, width, self._command_style))

    def _below(self, cells: Sequence[Segments], width: int, rail: str) -> Iterator[Segment]:
        """Yield the lines below a row, with these cells one after the other."""
        joined = cells[0]
        for cell in cells[1:]:
            joined = [*joined, Segment(" " * GAP), *cell]
        indent = f"{rail}{' ' * GAP}" if rail else " " * REST_INDENT
        for line in self._wrapped(joined, max(1, width - len(indent))):
            yield Segment(indent)
            yield from line
            yield Segment.line()

    def _side_by_side(
        self, line: Sequence[Segments], columns: Sequence[int], widths: Sequence[int]
    ) -> Iterator[Segment]:
        blanks = 0
        for column, cell, size in zip(columns, line, widths, strict=False):
            used = width_of(cell)
            right_aligned = column in self._grid.right_aligned
            blanks += size - used if right_aligned else 0
            if used:
                yield Segment(" " * blanks)
                yield from cell
                blanks = 0
            blanks += GAP if right_aligned else size - used + GAP


def _shortened(cell: Cell) -> Cell:
    if len(text_of(cell)) <= LONGEST_CELL:
        return cell
    text = f"{text_of(cell)[:LONGEST_CELL]}…"
    return Span(text, cell.meaning) if isinstance(cell, Span) else text


def _longest_command(cell: Cell) -> int:
    """Return the columns of the longest command in a cell. Commands stay on one line if they fit."""
    pieces = cell.pieces if isinstance(cell, Line) else (cell,)
    return max(
        (len(piece.text) for piece in pieces if isinstance(piece, Span) and piece.meaning == "command"), default=0
    )

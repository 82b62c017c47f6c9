"""The parts that a shown result consists of, as data. Renderers make them without drawing anything.

`penguin_repl.terminal` draws parts on terminals with rich; `penguin_repl.render.plain` writes them as plain lines
elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.config.theme import Meaning


class Span(NamedTuple):
    """Text with a meaning, for which the theme has a style. It may be unescaped."""

    text: str
    meaning: Meaning


class Line(NamedTuple):
    """A line of text, parts of it with a meaning. It may be unescaped."""

    pieces: tuple[str | Span, ...]

    @property
    def text(self) -> str:
        """Return the text without its meanings."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)


Cell = str | Span | Line
"""A line of text in a table or another part. It may be unescaped."""


class Grid(NamedTuple):
    """A table."""

    columns: tuple[str, ...]
    """The titles; empty for a table without names."""
    rows: tuple[tuple[Cell, ...], ...]
    right_aligned: tuple[int, ...] = ()
    """The columns of numbers."""
    optional: tuple[str, ...] = ()
    """The titles of columns that a narrow terminal leaves out, in this order."""
    optional_below: tuple[str, ...] = ()
    """The titles of columns that a terminal leaves out if it is too narrow for them even with the last column below its
    row. If there are any, the last column goes there without its title."""
    rails: tuple[str, ...] = ()
    """For the rows of a tree: what continues its lines, where a row needs more than one."""
    shows_titles: bool = True


class Tree(NamedTuple):
    """A line, and the trees below it."""

    line: Cell
    children: tuple[Tree, ...] = ()


class Bar(NamedTuple):
    """A period in a row of a chart."""

    start: float
    end: float
    """In the unit of `start`, and not before it."""
    meaning: Meaning
    waiting: bool = False
    """Whether to draw the bar hatched."""


class ChartRow(NamedTuple):
    """A row of a chart."""

    label: Cell
    bars: tuple[Bar, ...]
    note: Cell = ""
    """The text behind the bars."""


class Chart(NamedTuple):
    """Periods on a common scale. The plain form has only labels and notes."""

    rows: tuple[ChartRow, ...]
    scale: tuple[str, str, str] | None = None
    """The texts of the line below the bars: at the start, in the middle and at the end; None for no such line."""


class Code(NamedTuple):
    """Source text, with the colours of its language. It may be unescaped."""

    lines: tuple[str, ...]
    file: str
    """The name of its file, which tells the language."""
    first_number: int = 0
    """The number of the first line; 0 for lines without numbers."""
    number_width: int = 0
    """The columns of the numbers."""


class Hunk(NamedTuple):
    """Lines of a diff in unified format, each behind its sign. They may be unescaped."""

    lines: tuple[str, ...]
    file: str
    """The name of the changed file, which tells the language; empty for none."""


class Panel(NamedTuple):
    """Parts in a box. The plain form has the title above the parts."""

    title: str
    parts: tuple[Part, ...]


Part = str | Line | Grid | Tree | Chart | Code | Hunk | Panel
"""A part of a shown result. A `str` is one or more lines, already escaped, without the last line end."""


def line(*pieces: str | Span) -> Line:
    """Return a line of these pieces."""
    return Line(pieces)


def field(name: str, value: Cell) -> Line:
    """Return a line with a name and its value."""
    return Line((Span(f"{name}: ", "label"), *(value.pieces if isinstance(value, Line) else (value,))))


def heading(text: str) -> Line:
    """Return a line above the parts that it is about."""
    return Line((Span(text, "heading"),))


def numbered_lines(code: Code) -> Iterator[tuple[str, str]]:
    """Yield what is before each line of source text, and the line."""
    for number, text in enumerate(code.lines, code.first_number):
        shown = text.rstrip() if code.first_number else text
        bar = f"{number:{code.number_width}} |" if code.first_number else ""
        yield (f"{bar} " if bar and shown else bar), shown


def text_of(cell: Cell) -> str:
    """Return the text of a cell without its meanings."""
    return cell if isinstance(cell, str) else cell.text

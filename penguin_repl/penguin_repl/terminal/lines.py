"""Lines as segments of rich, wrapped between words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment

from penguin_repl.render.parts import Line
from penguin_repl.text.escape import clean
from penguin_repl.text.width import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from penguin_repl.render.parts import Cell
    from penguin_repl.terminal.theme import Styles

Segments = list[Segment]
"""One line on the screen, without its end."""
INDENT = 2
"""The columns by which the lines that continue a line are indented, besides its own indentation."""
UNBROKEN_BLANK = "\u00a0"
_BLANKS = re.compile("(?<=[^ ]) +(?=[^ ])")


def segments_of(cell: Cell, styles: Styles) -> Segments:
    """Return a line of text as segments, escaped."""
    pieces = cell.pieces if isinstance(cell, Line) else (cell,)
    return [
        Segment(clean(piece)) if isinstance(piece, str) else Segment(clean(piece.text), styles[piece.meaning])
        for piece in pieces
    ]


def width_of(segments: Iterable[Segment]) -> int:
    """Return the number of columns of a line."""
    return sum(cell_len(segment.text) for segment in segments)


def wrap(segments: Segments, width: int, *, fold_words: bool, indent: int = 0, text: str = "") -> list[Segments]:
    """Wrap a line between words.

    Args:
        segments: The line.
        width: The columns of the screen.
        fold_words: Whether to break words that are wider than the screen. Terminals break those of other lines.
        indent: The columns before every line but the first.
        text: The text of the line, if some of its blanks are UNBROKEN_BLANK.
    """
    if width_of(segments) <= width:
        return [segments]
    text = text or "".join(segment.text for segment in segments)
    cuts = list(_cuts(text, width, width - indent, fold_words))
    lines = [_strip(line) for line in Segment.divide(segments, [*cuts, width_of(segments)])]
    return [line if number == 0 else [Segment(" " * indent), *line] for number, line in enumerate(lines)]


def _cuts(text: str, first_width: int, width: int, fold_words: bool) -> Iterator[int]:
    """Yield the columns of a line at which its next lines start."""
    position = line_start = 0
    available = first_width
    for word in _words(text):
        shown = word.rstrip(" ")
        needed = cell_len(shown)
        # A word that fits on no line stays behind its name, and the terminal breaks it.
        if position > line_start and position + needed - line_start > available and (fold_words or needed <= width):
            yield position
            line_start, available = position, width
        if fold_words and needed > available:
            for part in list(fold(shown, max(1, available)))[:-1]:
                line_start += cell_len(part)
                yield line_start
        position += cell_len(word)


def _words(text: str) -> Iterator[str]:
    """Yield words with the blanks behind them."""
    start = 0
    for blanks in _BLANKS.finditer(text):
        yield text[start : blanks.end()]
        start = blanks.end()
    yield text[start:]


def _strip(segments: Sequence[Segment]) -> Segments:
    """Return a line without the blanks at its end."""
    kept = list(segments)
    while kept:
        last = kept.pop()
        if text := last.text.rstrip():
            return [*kept, Segment(text, last.style)]
    return kept


class LineView:
    """A renderable for a line."""

    def __init__(self, line: str | Line, styles: Styles) -> None:
        # A `str` may have several lines, and is escaped already.
        self._lines = (
            [segments_of(line, styles)] if isinstance(line, Line) else [[Segment(text)] for text in line.split("\n")]
        )
        self._command_style = styles["command"]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield segments; see the console protocol of rich."""
        for line in self._lines:
            text = "".join(segment.text for segment in line)
            indent = min(len(text) - len(text.lstrip(" ")) + INDENT, options.max_width // 2)
            text = "".join(self._unbroken(segment, options.max_width - indent) for segment in line)
            for wrapped in wrap(line, options.max_width, fold_words=False, indent=indent, text=text):
                yield from wrapped
                yield Segment.line()

    def _unbroken(self, segment: Segment, width: int) -> str:
        """Return the text of a segment. A command is copied and typed, so it is not wrapped if it fits on a line."""
        if segment.style is self._command_style and cell_len(segment.text) <= width:
            return segment.text.replace(" ", UNBROKEN_BLANK)
        return segment.text

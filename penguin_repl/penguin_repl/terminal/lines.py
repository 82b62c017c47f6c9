"""Lines as segments of rich, wrapped between words."""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment

from penguin_repl.render.parts import Line, Span, text_of
from penguin_repl.text.escape import clean
from penguin_repl.text.width import fold, single_characters, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.style import Style

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
    escape = _clean_single if styles.single_characters else clean
    pieces = cell.pieces if isinstance(cell, Line) else (cell,)
    return [
        Segment(escape(piece)) if isinstance(piece, str) else Segment(escape(piece.text), styles[piece.meaning])
        for piece in pieces
    ]


def _clean_single(text: str) -> str:
    return single_characters(clean(text))


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
    lines = [_strip(line) for line in _divide(segments, _cuts(text, width, width - indent, fold_words))]
    return [line if number == 0 else [Segment(" " * indent), *line] for number, line in enumerate(lines)]


def text_to_wrap(segments: Segments, width: int, command_style: Style) -> str:
    """Return the text of a line. Commands are copied and typed, so those that fit on a line are not wrapped."""
    return "".join(
        text.replace(" ", UNBROKEN_BLANK) if style is command_style and cell_len(text) <= width else text
        for text, style, _ in segments
    )


def wrap_pieces(line: Line, width: int, most: int) -> list[Line]:
    """Wrap an escaped line between words into at most `most` lines, the last of which may be too long."""
    text = line.text
    indent = text[: min(len(text) - len(text.lstrip(" ")), width // 2)]
    cuts = [0, *islice(_cuts(text, width, width - len(indent), fold_words=True), most - 1), len(text)]
    # Blanks between two lines belong to neither.
    ends = [(start, start + len(text[start:end].rstrip(" "))) for start, end in pairwise(cuts)]
    return [Line((indent if start else "", *_slice(line.pieces, start, end))) for start, end in ends]


def _slice(pieces: Iterable[str | Span], start: int, end: int) -> Iterator[str | Span]:
    """Yield the pieces between two positions in the text of a line."""
    for piece in pieces:
        text = text_of(piece)
        if found := text[max(0, start) : max(0, end)]:
            yield Span(found, piece.meaning) if isinstance(piece, Span) else found
        start -= len(text)
        end -= len(text)


def cut(segments: Segments, width: int) -> Segments:
    """Return the start of a line that fits, with a sign if more follows."""
    if width_of(segments) <= width:
        return segments
    kept: Segments = []
    for segment in segments:
        needed = cell_len(segment.text)
        if needed >= width:
            # More follows, even if this segment alone would fit.
            return [*kept, Segment(truncate(f"{segment.text} ", width), segment.style)]
        kept.append(segment)
        width -= needed
    return kept


def _cuts(text: str, first_width: int, width: int, fold_words: bool) -> Iterator[int]:
    """Yield the positions in the text of a line at which its next lines start."""
    position = used = 0
    available = first_width
    for word in _words(text):
        shown = word.rstrip(" ")
        needed = cell_len(shown)
        # A word that fits on no line stays behind its name, and the terminal breaks it.
        if used and used + needed > available and (fold_words or needed <= width):
            yield position
            used, available = 0, width
        if fold_words and needed > available:
            *parts, last = fold(shown, max(1, available))
            for part in parts:
                position += len(part)
                yield position
            word = last + word[len(shown) :]
        used += cell_len(word)
        position += len(word)


def _divide(segments: Segments, cuts: Iterable[int]) -> Iterator[Segments]:
    """Yield the lines between positions in the text. `Segment.divide` of rich loses parts of emoji sequences."""
    line: Segments = []
    position = 0
    remaining = list(segments)
    for cut_at in cuts:
        while remaining and position + len(remaining[0].text) <= cut_at:
            line.append(remaining.pop(0))
            position += len(line[-1].text)
        if cut_at > position:
            text, style, _ = remaining[0]
            line.append(Segment(text[: cut_at - position], style))
            remaining[0] = Segment(text[cut_at - position :], style)
            position = cut_at
        yield line
        line = []
    yield [*line, *remaining]


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


class View:
    """Base of what draws itself: as a renderable of rich, or without a console of rich, which is slow to import."""

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines.

        Args:
            width: The columns of the screen.
            wrapped: Whether text that is too long goes on in the next line. Otherwise it is cut off.
        """
        raise NotImplementedError

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield segments; see the console protocol of rich."""
        return self.segments(options.max_width, wrapped=not options.no_wrap)


class LineView(View):
    """A line."""

    def __init__(self, line: str | Line, styles: Styles) -> None:
        # A `str` may have several lines, and is escaped already.
        self._lines = (
            [segments_of(line, styles)] if isinstance(line, Line) else [[Segment(text)] for text in line.split("\n")]
        )
        self._indent = INDENT if isinstance(line, Line) else 0
        self._command_style = styles["command"]

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        for line in self._lines:
            for part in self._wrapped(line, width) if wrapped else (cut(line, width),):
                yield from part
                yield Segment.line()

    def _wrapped(self, line: Segments, width: int) -> list[Segments]:
        text = "".join(segment.text for segment in line)
        indent = min(len(text) - len(text.lstrip(" ")) + self._indent, width // 2)
        text = text_to_wrap(line, width - indent, self._command_style)
        return wrap(line, width, fold_words=False, indent=indent, text=text)

"""Source text and diffs with the colours of their languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from penguin_repl.render.parts import numbered_lines
from penguin_repl.terminal.lines import View, cut, wrap
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.syntax import Syntax

    from penguin.orchestration.config.theme import Meaning
    from penguin_repl.render.parts import Code, Hunk
    from penguin_repl.terminal.lines import Segments
    from penguin_repl.terminal.theme import Styles

LONGEST_LINE = 2000
"""Characters. Lexers take too long for longer lines, which people don't read."""
TAB_WIDTH = 8
_MEANINGS: dict[tuple[str, ...], Meaning] = {
    ("Comment",): "code.comment",
    ("Keyword",): "code.keyword",
    ("Operator", "Word"): "code.keyword",
    ("Name", "Tag"): "code.keyword",
    ("Name", "Class"): "code.name",
    ("Name", "Function"): "code.name",
    ("Literal", "String"): "code.string",
    ("Literal", "Number"): "code.number",
    ("Generic", "Heading"): "heading",
    ("Generic", "Subheading"): "heading",
    ("Generic", "Strong"): "code.name",
}
"""By the start of the type that Pygments gives a token."""


class CodeView(View):
    """Source text, wrapped."""

    def __init__(self, code: Code, styles: Styles) -> None:
        before_lines = list(numbered_lines(code))
        self._before = [Segment(before, styles["dim"]) for before, _ in before_lines]
        self._lines = colored_lines([text for _, text in before_lines], code.file, styles)

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        for before, code in zip(self._before, self._lines, strict=True):
            line = [before, *code] if before.text else code
            indent = min(len(before.text), width // 2)
            for part in wrap(line, width, fold_words=True, indent=indent) if wrapped else (cut(line, width),):
                yield from part
                yield Segment.line()


class HunkView(View):
    """Lines of a diff. They are not wrapped: people copy them."""

    def __init__(self, hunk: Hunk, styles: Styles) -> None:
        self._lines: list[Segments] = [[] for _ in hunk.lines]
        # Each side is a text on its own, for example with strings of several lines.
        for signs, is_shown in (("- ", "-"), ("+ ", "+ "), ("\\", "\\")):
            numbers = [number for number, text in enumerate(hunk.lines) if (text[:1] or " ") in signs]
            colored = colored_lines([hunk.lines[number][1:] for number in numbers], hunk.file, styles)
            for number, code in zip(numbers, colored, strict=True):
                sign = hunk.lines[number][:1] or " "
                if sign in is_shown:
                    self._lines[number] = list(_changed(sign, code, styles))

    def segments(self, width: int, *, wrapped: bool) -> Iterator[Segment]:
        """Yield the segments of all lines; see `View`."""
        for line in self._lines:
            yield from line if wrapped else cut(line, width)
            yield Segment.line()


def _changed(sign: str, code: Segments, styles: Styles) -> Iterator[Segment]:
    """Yield a line of a diff: the style of its change, and over it the styles of its words."""
    meanings: dict[str, Meaning] = {"+": "added", "-": "removed", "\\": "dim"}
    meaning = meanings.get(sign)
    base = styles[meaning] if meaning else Style.null()
    yield Segment(sign, base)
    for text, style, _ in code:
        yield Segment(text, base + style if style else base)


def colored_lines(lines: Sequence[str], file: str, styles: Styles) -> list[Segments]:
    """Return source text as segments, escaped, with the colours of the language that the name of its file tells."""
    escaped = [clean(text.rstrip("\r").expandtabs(TAB_WIDTH)) for text in lines]
    syntax = _syntax(file, styles) if escaped and max(map(len, escaped)) <= LONGEST_LINE else None
    if syntax is not None:
        text = syntax.highlight("\n".join(escaped))
        found = list(text.split("\n", allow_blank=True))[: len(escaped)]
        if [line.plain for line in found] == escaped:
            return [_segments(line.plain, line.spans) for line in found]
    return [[Segment(text)] for text in escaped]


def _segments(text: str, spans: Sequence[tuple[int, int, str | Style]]) -> Segments:
    segments = []
    position = 0
    for start, end, style in spans:
        if start > position:
            segments.append(Segment(text[position:start]))
        if isinstance(style, Style) and end > start:
            segments.append(Segment(text[start:end], style))
            position = end
    return [*segments, Segment(text[position:])]


def _syntax(file: str, styles: Styles) -> Syntax | None:
    """Return what colours the language of a file; None if it is unknown or there are no colours."""
    if not file or not styles.colored:
        return None
    from rich.syntax import Syntax, SyntaxTheme

    class Theme(SyntaxTheme):
        """The styles of tokens."""

        def get_style_for_token(self, token_type: tuple[str, ...]) -> Style:
            for length in range(len(token_type), 0, -1):
                if (meaning := _MEANINGS.get(token_type[:length])) is not None:
                    return styles[meaning]
            return Style.null()

        def get_background_style(self) -> Style:
            return Style.null()

    # It must not look at the text: that is slow for some languages.
    name = Syntax.guess_lexer(file.rpartition("/")[2], "\n")
    return None if name in ("default", "text") else Syntax("", name, theme=Theme())

"""The blocks of a Markdown text as a tree with line numbers.

This is not CommonMark: a backlog is read line by line, so that no line is swallowed by the paragraph, code or HTML
block before it. A bullet that is indented by at least two columns more than another is below it; a line without
indent ends a bullet, even without a blank line between. Inline Markdown stays as it was written, HTML comments are
removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from penguin.orchestration.blueprint.keys import key_line, key_of
from penguin.orchestration.config.document_checker import Checker


class Block(Struct, gc=False):
    """A heading, bullet, line of text, code block, line of a quotation, or thematic break."""

    kind: str
    line: int
    """From 1, in the file."""
    end: int
    """The line after its last, without its children."""
    indent: int = 0
    """Columns before it."""
    text: str = ""
    """The text of a heading, bullet or line, the content of a code block."""
    info: str = ""
    """The text after the opening ``` of a code block."""
    level: int = 0
    """Level of a heading, 1 to 6."""
    box: str | None = None
    """The character in the check box of a bullet or heading; None: it has no box."""
    follows: bool = False
    """Whether it comes right after the block before it, without a blank line."""
    children: list[Block] = []
    """The blocks below a bullet."""
    used: bool = False
    """Whether the reader has taken it over."""

    @property
    def ticked(self) -> bool:
        return bool(self.box) and str(self.box) in "xX✓✔✅"


MAX_DEPTH = 40
"""Levels of bullets; what is deeper counts as of this level."""
_LONGEST_HEADING = 10
"""Lines of a heading that is underlined."""
_STEP = 2
"""Columns by which a line is indented to be below a bullet."""
_CODE = 4
"""Columns by which a line is indented to be code."""
_START = re.compile(
    r"(?P<heading>#{1,6})(?=\s|$)"
    r"|(?P<rule>(?:\*\s*){3,}$|(?:-\s*){3,}$|(?:_\s*){3,}$)"
    r"|(?P<bullet>(?:(?:[-*+•‣◦·–—]|\d{1,9}[.)])(?:\s+|$|(?=\[[^\]]?\])))+)"
    r"|(?P<fence>`{3,}(?=[^`]*$)|~{3,})"
    r"|(?P<quote>>)"
    r"|(?P<box>(?=\[[ xX]\]))"
)
_BOX = re.compile(r"\[\s*+([xX~/>!?✓✔✅-]?)\s*\](?:\s+|$|(?=[^\s(\[:]))")
_CLOSING = re.compile(r"(?:^|\s)#+\s*$")
_UNDERLINE = re.compile(r"(=+|--+)\s*")
_KEPT_BY_INDENT = frozenset({"heading", "quote", "fence"})


def read_blocks(lines: list[str], first_line: int, checker: Checker) -> list[Block]:
    """Return the blocks from the line with this number on, counted from 1. Errors go to the checker."""
    return _BlockReader(lines, checker).read(first_line - 1)


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks with all that is below them, in the order of their lines."""
    for block in blocks:
        yield block
        if block.children:
            yield from walk(block.children)


class _BlockReader:
    """Reads lines into blocks."""

    def __init__(self, lines: list[str], checker: Checker) -> None:
        self.lines = lines
        self.checker = checker
        self.root: list[Block] = []
        self.open: list[Block] = []
        """The bullets that the next line can be below."""

    def read(self, place: int) -> list[Block]:
        lines, end = self.lines, len(self.lines)
        follows = False
        while place < end:
            line = lines[place]
            number = place + 1
            if "<!--" in line:
                line, place = self._without_comments(place)
                number = number if line.strip() and lines[number - 1].lstrip()[:4] != "<!--" else place + 1
            text = line.strip()
            if text:
                place = max(place, self._line(line, text, number, follows) - 1)
            follows = bool(text)
            place += 1
        return self.root

    def _line(self, line: str, text: str, number: int, follows: bool) -> int:
        """Read one line, or the code block that it opens. Return the number of the last line read."""
        indent = 0 if line[0] == text[0] else _indent(line)
        # No mark starts with a letter.
        match = None if text[0].isalpha() else _START.match(text)
        kind = match.lastgroup if match else None
        if kind == "rule" and self._underline(text, follows):
            return number
        siblings = self._siblings(indent, text, kind) if self.open else self.root
        if kind in _KEPT_BY_INDENT and indent - self._column() >= _CODE:
            kind = None
        if match is None or kind is None:
            if self._underline(text, follows):
                return number
            block = Block("text", number, number + 1, indent, text, follows=follows)
        elif kind == "fence":
            block = self._fence(line, text, number, indent, match.end())
        else:
            block = _marked(kind, match[0], text[match.end() :], number, indent, follows)
        siblings.append(block)
        if block.kind == "bullet" and len(self.open) < MAX_DEPTH:
            self.open.append(block)
        return block.end - 1

    def _column(self) -> int:
        return self.open[-1].indent + _STEP if self.open else 0

    def _siblings(self, indent: int, text: str, kind: str | None) -> list[Block]:
        """Close the bullets that a line is not below. Return the blocks among which it stands."""
        if kind == "heading" and not text.startswith("####"):
            self.open.clear()
        while self.open and indent < self.open[-1].indent + _STEP:
            self.open.pop()
        return self.open[-1].children if self.open else self.root

    def _underline(self, text: str, follows: bool) -> bool:
        """Make a heading of the lines before an underline of = or -."""
        underlined = _UNDERLINE.fullmatch(text) if text[0] in "=-" else None
        if not (underlined and follows and self.root and self.root[-1].kind == "text"):
            return False
        first = len(self.root) - 1
        while self.root[first].follows and first and self.root[first - 1].kind == "text":
            first -= 1
            if len(self.root) - first > _LONGEST_HEADING:
                return False
        paragraph = self.root[first:]
        if any(block.kind == "bullet" for block in self.root[first - 1 : first] if paragraph[0].follows):
            return False  # Text right below a bullet: the line is a thematic break.
        if any(key_of(found[0]) for block in paragraph if (found := key_line(block.text))):
            return False
        del self.root[first:]
        title = " ".join(block.text for block in paragraph)
        line, end = paragraph[0].line, paragraph[-1].end + 1
        self.root.append(Block("heading", line, end, 0, title, level=1 if text[0] == "=" else 2))
        return True

    def _fence(self, line: str, text: str, number: int, indent: int, after: int) -> Block:
        markup, info = text[:after], text[after:].strip()
        column, place = self._column(), number
        content: list[str] = []
        while place < len(self.lines):
            inner = self.lines[place]
            stripped = inner.strip()
            if stripped.startswith(markup):
                if not stripped.strip(markup[0]):
                    return self._fenced(number, place + 2, indent, content, info)
                if len(stripped) - len(stripped.lstrip(markup[0])) == len(markup):
                    self._report_open(number, markup, place + 1)
            if stripped and column and _indent(inner) < column:
                break
            content.append(inner)
            place += 1
        message = "the code block opened here is never closed"
        self.checker.error(number, message, f"end it with a line {markup}")
        return self._fenced(number, place + 1, indent, content, info)

    def _report_open(self, number: int, markup: str, inner: int) -> None:
        message = f"a code block is opened in the code block of line {number}"
        self.checker.error(inner, message, f"end that one with a line {markup}, or open it with {markup}{markup[0]}")

    def _fenced(self, number: int, end: int, indent: int, content: list[str], info: str) -> Block:
        text = "\n".join(_dedented(line, indent) for line in content)
        return Block("fence", number, end, indent, text + "\n" if content else "", info)

    def _without_comments(self, place: int) -> tuple[str, int]:
        """Return a line without HTML comments, and the place of the line in which the last of them ends."""
        line, first = self.lines[place], place
        pieces: list[str] = []
        at = ticks = 0
        while (begin := line.find("<!--", at)) >= 0:
            ticks += line.count("`", at, begin)
            pieces.append(line[at:begin])
            if ticks % 2:  # In code it is no comment.
                pieces.append("<!--")
                at = begin + 4
                continue
            end = line.find("-->", begin + 4)
            if end < 0:
                place = self._end_of_comment(place, first)
                line = self.lines[place] if place < len(self.lines) else ""
                end, ticks = line.find("-->"), 0
            at = end + 3 if end >= 0 else 0
        return "".join([*pieces, line[at:]]), place

    def _end_of_comment(self, place: int, first: int) -> int:
        for last in range(place + 1, len(self.lines)):
            text = self.lines[last]
            if "<!--" in text and not text.strip().startswith("-->"):
                before = text.find("<!--") < text.find("-->") or "-->" not in text
                if before:
                    message = f"a comment is opened in the comment of line {first + 1}"
                    self.checker.error(last + 1, message, "end that one with -->")
            if "-->" in text:
                return last
        self.checker.error(first + 1, "the comment opened here is never closed", "end it with -->")
        return len(self.lines)


def _marked(kind: str, mark: str, rest: str, number: int, indent: int, follows: bool) -> Block:
    """Return a block whose text comes after a mark."""
    text = rest.strip()
    if kind == "heading":
        block = Block("heading", number, number + 1, indent, _without_closing(text), level=len(mark), follows=follows)
    elif kind == "bullet" or kind == "box":
        block = Block("bullet", number, number + 1, indent, text, follows=follows)
    else:
        block = Block(kind, number, number + 1, indent, text, follows=follows)
    if kind != "quote" and text[:1] == "[":
        box = _BOX.match(text)
        if box:
            block.box, block.text = box[1], block.text[box.end() :]
        elif kind == "box":
            block.kind = "text"
    return block


def _without_closing(text: str) -> str:
    return _CLOSING.sub("", text) if text.endswith("#") else text


def _indent(line: str) -> int:
    """Return the columns before a line; a tab reaches to the next multiple of four."""
    if not line[0].isspace():
        return 0
    rest = line.lstrip()
    blank = line[: len(line) - len(rest)]
    return len(blank.expandtabs(_CODE)) if "\t" in blank else len(blank)


def _dedented(line: str, columns: int) -> str:
    if columns and "\t" in line[:columns]:
        line = line.expandtabs(_CODE)
    return line[min(columns, len(line) - len(line.lstrip(" "))) :]


def _comment(line: str, start: int) -> int:
    """Return where a comment begins outside of code, or -1."""
    begin = line.find("<!--", start)
    while begin >= 0 and line.count("`", 0, begin) % 2:
        begin = line.find("<!--", begin + 1)
    return begin

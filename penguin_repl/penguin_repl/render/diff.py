"""Diffs in unified format as headers and hunks, part by part, because they may be huge."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from penguin_commands.results.output import DiffResult, RemoteDiffResult
from penguin_repl.render.parts import Hunk, Span, line
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin_repl.render.parts import Line, Part

RENDERERS = Renderers()
HUNK_LINES = 1000
"""Lines that are shown at a time."""
COLORED_LINES = 20_000
"""Lines whose words get colours. It takes a second for some hundred kilobytes."""
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@RENDERERS.shows(DiffResult)
def _diff(result: DiffResult) -> Iterator[Part]:
    yield from _DiffParser().parts(_lines(result.text()))


@RENDERERS.shows(RemoteDiffResult)
def _diff_elsewhere(result: RemoteDiffResult) -> Iterator[Part]:
    yield clean(result.note)
    if result.files:
        yield "Its evidence lists:"
        yield from (line(Span(path, "path")) for path in result.files)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of text that arrives in pieces, which end anywhere."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    unfinished: list[str] = []
    for piece in pieces:
        first, *others = decode(piece).split("\n")
        unfinished.append(first)
        if others:
            *whole, last = ["".join(unfinished), *others]
            yield from whole
            unfinished = [last]
    if rest := "".join(unfinished) + decode(b"", True):
        yield rest


class _DiffParser:
    """Finds headers and hunks by the numbers of lines in the headers of hunks: `--- a` may also be a removed line."""

    def __init__(self) -> None:
        self._file = ""
        self._hunk: list[str] = []
        self._missing = {"-": 0, "+": 0}
        """The lines of the hunk that are still to come, by side."""
        self._colored = 0

    def parts(self, lines: Iterable[str]) -> Iterator[Part]:
        for text in lines:
            if text.startswith("\\") or any(self._missing.values()):
                self._add(text)
                if len(self._hunk) < HUNK_LINES:
                    continue
                yield from self._end()
            else:
                yield from self._end()
                yield self._header(text)
        yield from self._end()

    def _add(self, text: str) -> None:
        self._hunk.append(text)
        sign = text[:1] or " "
        for side in "-+":
            self._missing[side] = max(0, self._missing[side] - (sign in (side, " ")))

    def _end(self) -> Iterator[Hunk]:
        if self._hunk:
            self._colored += len(self._hunk)
            yield Hunk(tuple(self._hunk), self._file if self._colored <= COLORED_LINES else "")
            self._hunk = []

    def _header(self, text: str) -> Line:
        found = _HUNK.match(text)
        if found:
            self._missing = {"-": int(found[1] or 1), "+": int(found[2] or 1)}
            return line(Span(found[0], "hunk"), text[found.end() :])
        if text.startswith(("--- ", "+++ ")):
            name = text[4:].strip('"\t')
            self._file = self._file if name == "/dev/null" else name
        return line(Span(text, "heading" if text.startswith(("diff ", "--- ", "+++ ")) else "dim"))

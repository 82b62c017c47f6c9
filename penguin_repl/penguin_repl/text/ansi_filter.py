"""Filtering of program output before it reaches a terminal."""

from __future__ import annotations

import codecs
import re

from penguin_repl.text.escape import CONTROL, escape_match

ESCAPE = re.compile(
    "\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]*[0-~])"  # CSI; OSC, DCS etc.; others
)
COLOR = re.compile("\x1b\\[[0-9;:]*m")
INCOMPLETE_ESCAPE = re.compile("\x1b(?:\\[[0-?]*[ -/]*|[\\]PX^_][^\x07\x1b]{0,4096}\x1b?|[ -/]*)?$|\r$")
"""The start of a sequence whose end may still arrive."""


class AnsiFilter:
    """A filter for chunks of program output. Keeps colours, and removes all other control sequences."""

    def __init__(self, color: bool) -> None:
        self._color = color
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pending = ""
        self._colored = False

    def feed(self, output: bytes) -> str:
        """Return the next chunk, filtered. Keeps an incomplete sequence until its end arrives."""
        text = self._pending + self._decode(output)
        opened = INCOMPLETE_ESCAPE.search(text)
        cut = opened.start() if opened else len(text)
        self._pending = text[cut:]
        return self._filter(text[:cut])

    def finish(self) -> str:
        """Return the rest, and reset the colours."""
        text = self._filter(self._pending + self._decode(b"", True))
        self._pending = ""
        return text + ("\x1b[0m" if self._colored else "")

    def _filter(self, text: str) -> str:
        return "".join(
            part if index % 2 == 0 else self._sequence(part)
            for index, part in enumerate(self._split(text.replace("\r\n", "\n").replace("\r", "\n")))
        )

    def _split(self, text: str) -> list[str]:
        """Split into escaped text and escape sequences, in turns."""
        parts: list[str] = []
        position = 0
        for match in ESCAPE.finditer(text):
            parts += [_escape_controls(text[position : match.start()]), match[0]]
            position = match.end()
        return [*parts, _escape_controls(text[position:])]

    def _sequence(self, sequence: str) -> str:
        if self._color and COLOR.fullmatch(sequence):
            self._colored = True
            return sequence
        return ""


def _escape_controls(text: str) -> str:
    return re.sub(CONTROL, lambda match: match[0] if match[0] in "\n\t" else escape_match(match), text)

"""The events in an agent's output: one JSON object a line, parsed with limits on size, nesting and number.

The output of an agent is untrusted. Each line is parsed in a fraction of a second. Lines beyond a limit are skipped and
counted, and the reason of the step reports them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

LONGEST_LINE = 4 << 20
"""Bytes of the longest line that is parsed."""
DEEPEST = 100
"""Levels of nested objects and lists."""
MOST_LINES = 500_000
LARGEST = 64 << 20
"""Bytes of an output that are read. Of a larger output, the first and the last half of this are read."""
PIECE = 1 << 20

Event = Mapping[str, Any]


class BeyondLimits(ValueError):
    """A JSON text that is too long or nested too deeply."""


def read_json(data: bytes | str) -> Any:
    """Parse a JSON text. Raises BeyondLimits, or ValueError if it is not JSON."""
    if len(data) > LONGEST_LINE:
        raise BeyondLimits(f"longer than {LONGEST_LINE} bytes")
    try:
        value = json.loads(data)
    except RecursionError:
        raise BeyondLimits(f"nested deeper than {DEEPEST} levels") from None
    # The number of brackets is an upper bound of the depth, and cheap to count.
    brackets = data.count("{") + data.count("[") if isinstance(data, str) else data.count(b"{") + data.count(b"[")
    if brackets > DEEPEST and _is_deep(value):
        raise BeyondLimits(f"nested deeper than {DEEPEST} levels")
    return value


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class Lines:
    """The lines of a stream. A line that is too long is replaced by a note."""

    def __init__(self) -> None:
        self.too_long = 0
        """Number of lines that were skipped."""
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that end in this piece, without line ends."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._keep(data[start:end])
            yield self._line()
            start = end + 1
        self._keep(data[start:])

    def rest(self) -> bytes:
        """Return what follows the last line end; empty if nothing does."""
        return self._line() if self._size else b""

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LONGEST_LINE:
            self._parts.clear()
        else:
            self._parts.append(part)

    def _line(self) -> bytes:
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        if size <= LONGEST_LINE:
            return b"".join(parts)
        self.too_long += 1
        return f"[penguin: skipped a line of {size} bytes]".encode()


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file of any size. A line that is too long is replaced by a note."""
    lines = Lines()
    while data := file.read(PIECE):
        yield from lines.feed(data)
    if rest := lines.rest():
        yield rest


class EventFile:
    """The events of an output on disk. A line that is not a JSON object is `{"text": LINE}`.

    After iteration, `unread` says what was skipped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = Lines()
        self._too_deep = 0
        self._left_out = 0
        self._stopped = False

    @property
    def unread(self) -> str:
        """Return what was skipped, as a clause; empty if nothing was."""
        long = self._lines.too_long
        parts = [
            f"{_lines(long)} longer than {LONGEST_LINE >> 20} MB" if long else "",
            f"{_lines(self._too_deep)} nested deeper than {DEEPEST} levels" if self._too_deep else "",
            f"{self._left_out} bytes in the middle" if self._left_out else "",
            f"everything after line {MOST_LINES}" if self._stopped else "",
        ]
        skipped = ", ".join(filter(None, parts))
        return f"skipped in its output: {skipped}" if skipped else ""

    def __iter__(self) -> Iterator[Event]:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for number, line in enumerate(self._read(file), start=1):
                if number > MOST_LINES:
                    self._stopped = True
                    return
                yield self._event(line)

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        size, half = file.seek(0, os.SEEK_END), LARGEST // 2
        self._left_out = max(0, size - LARGEST)
        parts = ((0, half), (size - half, size)) if self._left_out else ((0, size),)
        for start, end in parts:
            at = file.seek(start)
            while at < end and (data := file.read(min(PIECE, end - at))):
                yield from self._lines.feed(data)
                at += len(data)
            if rest := self._lines.rest():
                yield rest

    def _event(self, line: bytes) -> Event:
        try:
            event = read_json(line)
        except BeyondLimits:
            self._too_deep += line.lstrip()[:1] == b"{"
            event = None
        except ValueError:
            event = None
        return event if isinstance(event, dict) else {"text": line.decode("utf-8", "replace")}


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"

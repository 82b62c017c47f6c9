"""The events in an agent's output: JSON objects, one a line, read with limits on size, nesting and number.

What an agent prints is foreign data. Each line is parsed in a fraction of a second; what is beyond a limit is not read,
and counted, so that the evidence can say so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

LONGEST_LINE = 4 << 20
"""Bytes of a line that is read."""
DEEPEST = 100
"""Levels of objects and lists inside each other."""
MOST_LINES = 500_000
LARGEST = 64 << 20
"""Bytes of an output that are read: of a larger one the first and the last half of that."""
PIECE = 1 << 20

Event = Mapping[str, Any]


class BeyondLimits(ValueError):
    """A JSON text that is too long, or nested too deeply."""


def read_json(data: bytes | str) -> Any:
    """The value of a JSON text. Raises BeyondLimits, or ValueError where it is not JSON."""
    if len(data) > LONGEST_LINE:
        raise BeyondLimits(f"longer than {LONGEST_LINE} bytes")
    try:
        value = json.loads(data)
    except RecursionError:
        raise BeyondLimits(f"nested deeper than {DEEPEST} levels") from None
    # The number of brackets is an upper bound of the depth, and found at once.
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
    """The lines of a stream; in place of one that is too long, a remark."""

    def __init__(self) -> None:
        self.too_long = 0
        """Lines that were not read."""
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that end in this piece, without their ends."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._keep(data[start:end])
            yield self._line()
            start = end + 1
        self._keep(data[start:])

    def rest(self) -> bytes:
        """What came after the last line end; empty where nothing did."""
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
        return f"[penguin: a line of {size} bytes is not read]".encode()


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, of any size; in place of one that is too long, a remark."""
    lines = Lines()
    while data := file.read(PIECE):
        yield from lines.feed(data)
    if rest := lines.rest():
        yield rest


class EventFile:
    """The events of an output on the disk; a line that is no JSON object is `{"text": LINE}`.

    Once it was iterated over, `unread` says what was left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = Lines()
        self._too_deep = 0
        self._left_out = 0
        self._stopped = False

    @property
    def unread(self) -> str:
        """What was not read, as a clause; empty where all was."""
        long = self._lines.too_long
        said = [
            f"{_lines(long)} longer than {LONGEST_LINE >> 20} MB" if long else "",
            f"{_lines(self._too_deep)} nested deeper than {DEEPEST} levels" if self._too_deep else "",
            f"{self._left_out} bytes in the middle" if self._left_out else "",
            f"what follows its first {MOST_LINES} lines" if self._stopped else "",
        ]
        found = ", ".join(filter(None, said))
        return f"not read of its output: {found}" if found else ""

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

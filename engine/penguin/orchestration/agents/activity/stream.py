"""The activities in an agent's output, read piece by piece while it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penguin.orchestration.agents.activity.activities import (
    LONGEST_TEXT,
    Activity,
    ActivityReader,
    PlainOutput,
    Unreadable,
)
from penguin.orchestration.agents.json_lines import Lines, read_json

_FRAGMENT = re.compile(r'^\s*(?:\{|\[\s*[\[{"\]\d])|":|[}]\s*$|[}"\]]\]\s*$')
"""A part of a JSON text: its start, its end, or a key."""
_START = re.compile(r'^\s*\{\s*"')
"""The start of an event in the output of a program that also prints other text, for example code."""
_NOTE = re.compile(r"\[penguin: .*\]")
ENDS = 4096
"""Bytes at the start and at the end of a line that are searched."""


class ActivityStream:
    """The activities of one run.

    Memory holds one line and the bounded state of the reader. The bytes of lines that can't be read are counted, and
    reported before the next activity and at the end.
    """

    def __init__(self, reader: ActivityReader) -> None:
        self._reader = reader
        self._lines = Lines()
        self._unreadable = Unreadable(0, 0)

    def feed(self, output: bytes) -> Iterator[Activity]:
        """Yield the activities for one more piece of output. An incomplete line waits for its end."""
        for line in self._lines.feed(output):
            yield from self._read(line)

    def end(self) -> Iterator[Activity]:
        """Yield the remaining activities after the last piece."""
        if rest := self._lines.rest():
            yield from self._read(rest)
        yield from self._take_unreadable()

    def _read(self, line: bytes) -> Iterator[Activity]:
        found = self._activities(line)
        if found is None:
            lines, size = self._unreadable
            self._unreadable = Unreadable(lines + 1, size + len(line))
        elif found:
            yield from self._take_unreadable()
            yield from found

    def _activities(self, line: bytes) -> list[Activity] | None:
        """Return the activities of a line; None: it can't be read."""
        if not line.strip():
            return []
        try:
            event = read_json(line)
        except ValueError:
            return self._plain_output(line)
        return self._reader.read(event) if isinstance(event, dict) else self._plain_output(line)

    def _plain_output(self, line: bytes) -> list[Activity] | None:
        """Return a line that is not an event; None if it is a part of one."""
        start, end = (part.decode("utf-8", "replace").rstrip() for part in (line[:ENDS], line[-ENDS:]))
        fragment = _FRAGMENT if self._reader.prints_only_events else _START
        if _NOTE.fullmatch(start) is None and (fragment.search(start) or fragment.search(end)):
            return None
        # A program that draws a progress bar rewrites its line.
        text = line[: 4 * LONGEST_TEXT].decode("utf-8", "replace").rstrip().rpartition("\r")[2]
        return [PlainOutput(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …")]

    def _take_unreadable(self) -> Iterator[Activity]:
        if self._unreadable.lines:
            yield self._unreadable
            self._unreadable = Unreadable(0, 0)

"""Output of steps on the screen, however large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.files.state_files import open_to_read
from penguin_commands.handlers.agent_output import telling_of
from penguin_commands.handlers.tail import INCOMPLETE, is_incomplete
from penguin_repl.text.ansi_filter import Filter
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_commands.handlers.agent_output import Telling
    from penguin_commands.results.output import Log
    from penguin_repl.output.screen import Screen

PIECE = 64 * 1024
"""Bytes read at a time."""


def pieces(log: Log) -> Iterator[bytes]:
    """The output of a step as it is now, piece by piece; of one elsewhere what is known here."""
    if log.excerpt is not None:
        yield log.known
        return
    with open_to_read(log.file) as file:
        # Asked before reading: the first half is whole as soon as there is another one.
        incomplete = is_incomplete(log.file)
        while output := file.read(PIECE):
            yield output
    if incomplete:
        yield INCOMPLETE


class LogPrinter:
    """Puts output of several steps on the screen, a heading before each.

    What agents print is told as people read it; `raw`: as it came.
    """

    def __init__(self, screen: Screen, *, raw: bool = False) -> None:
        self._screen = screen
        self._raw = raw
        self._telling: Telling | None = None
        self._log: Log | None = None
        self._filter = Filter(screen.style.color)
        self._open = False
        """The last line has no end yet."""

    def head(self, log: Log) -> None:
        """The heading of a step, where the last output was of another."""
        if self._log is None or (log.path, log.host) != (self._log.path, self._log.host):
            self.end()
            self._log = log
            self._filter = Filter(self._screen.style.color)
            self._telling = None if self._raw or log.excerpt is not None else telling_of(log.file)
            self._screen.data(f"==> {clean(log.title)} <==\n")

    def put(self, log: Log, output: bytes) -> None:
        """Some more output of a step."""
        self.head(log)
        if self._telling is not None:
            output = self._telling.feed(output)
        self._show(output)

    def _show(self, output: bytes) -> None:
        if self._screen.style.terminal:
            self._text(self._filter.feed(output))
        else:
            self._screen.data_bytes(output)
            self._open = bool(output) and not output.endswith(b"\n")

    def end(self) -> None:
        """No more of this step."""
        if self._telling is not None:
            self._show(self._telling.end())
            self._telling = None
        if self._log and self._screen.style.terminal:
            self._text(self._filter.end())
        if self._open:
            self._screen.data("\n")
            self._open = False
        self._log = None

    def _text(self, text: str) -> None:
        if text:
            self._screen.data(text)
            self._open = not text.removesuffix("\x1b[0m").endswith("\n")

"""Printing of step output of any size on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.files.safe_open import open_to_read
from penguin_commands.file_tail import INCOMPLETE, is_incomplete
from penguin_commands.handlers.agent_output import activity_stream, excerpt_stream
from penguin_repl.render.parts import Span, line
from penguin_repl.text.ansi_filter import AnsiFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin.orchestration.agents.activity.activities import Activity
    from penguin.orchestration.agents.activity.stream import ActivityStream
    from penguin_commands.results.output import Log
    from penguin_repl.output.screen import Screen

CHUNK_BYTES = 64 * 1024
"""Bytes read at a time."""


def read_chunks(log: Log) -> Iterator[bytes]:
    """Yield the current output of a step in chunks. Of output on another host, yield the local excerpt."""
    if log.excerpt is not None:
        yield log.excerpt_output
        return
    with open_to_read(log.file) as file:
        # Check this before reading: the first half is complete once a second one exists.
        incomplete = is_incomplete(log.file)
        while output := file.read(CHUNK_BYTES):
            yield output
    if incomplete:
        yield INCOMPLETE


def _activity_stream(log: Log) -> ActivityStream | None:
    """Return a stream for the output of an agent; None for other output."""
    if log.excerpt is None:
        return activity_stream(log.file)
    return excerpt_stream(log.agent) if log.agent else None


class LogPrinter:
    """A printer for the output of several steps, with a heading before each.

    The output of an agent is shown as its activities; with `raw`, it is printed unchanged.
    """

    def __init__(self, screen: Screen, *, raw: bool = False) -> None:
        self._screen = screen
        self._raw = raw
        self._activities: ActivityStream | None = None
        self._log: Log | None = None
        self._filter = AnsiFilter(screen.style.color)
        self._is_line_open = False
        """The last line has no line end yet."""

    def write_heading(self, log: Log) -> None:
        """Print the heading of a step, if the last output was of another one."""
        if self._log is None or (log.path, log.host) != (self._log.path, self._log.host):
            self.finish()
            self._log = log
            self._filter = AnsiFilter(self._screen.style.color)
            self._activities = None if self._raw else _activity_stream(log)
            heading = line(Span("==> ", "dim"), Span(log.title, "heading"), Span(" <==", "dim"))
            self._screen.write_data(f"{self._screen.styled(heading)}\n")

    def write(self, log: Log, output: bytes) -> None:
        """Print a chunk of a step's output."""
        self.write_heading(log)
        if self._activities is not None:
            self._show_activities(self._activities.feed(output))
        else:
            self._show(output)

    def _show_activities(self, activities: Iterable[Activity]) -> None:
        from penguin_repl.text.activity_lines import log_lines

        self._screen.write_data(self._screen.draw(log_lines(activities)))

    def _show(self, output: bytes) -> None:
        if self._screen.style.terminal:
            self._write_text(self._filter.feed(output))
        else:
            self._screen.write_bytes(output)
            self._is_line_open = bool(output) and not output.endswith(b"\n")

    def finish(self) -> None:
        """End the output of the current step."""
        if self._activities is not None:
            self._show_activities(self._activities.end())
            self._activities = None
        if self._log and self._screen.style.terminal:
            self._write_text(self._filter.finish())
        if self._is_line_open:
            self._screen.write_data("\n")
            self._is_line_open = False
        self._log = None

    def _write_text(self, text: str) -> None:
        if text:
            self._screen.write_data(text)
            self._is_line_open = not text.removesuffix("\x1b[0m").endswith("\n")

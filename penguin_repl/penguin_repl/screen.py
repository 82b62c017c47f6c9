"""The one door to the screen: data goes to standard output, narration to standard error."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from penguin_commands.results import Result


class Style(NamedTuple):
    """How results are shown."""

    format: str = "text"
    """text, json or jsonl."""
    terminal: bool = False
    """Tables are drawn, and nothing may steer the terminal."""
    color: bool = False


class Screen:
    """Writes at once. A shell with a prompt on the screen makes its own, which overrides the three `_put_*`."""

    def __init__(self, style: Style, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.style = style
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        for stream in (self._out, self._err):
            if isinstance(stream, TextIOWrapper):
                # A locale may have no word for a title; half of it is better than an error.
                stream.reconfigure(errors="backslashreplace")

    @property
    def width(self) -> int:
        """Columns."""
        try:
            return int(os.environ.get("COLUMNS", "")) or 80
        except ValueError:
            pass
        try:
            return os.get_terminal_size(self._out.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return 80

    def render(self, result: Result) -> str:
        """A result in the style of this screen."""
        from penguin_repl.render import render

        style = self.style
        return render(result, format=style.format, terminal=style.terminal, width=self.width, color=style.color)

    def data(self, text: str) -> None:
        """Show what was asked for. The text has its own line ends. Raises BrokenPipeError."""
        if text:
            self._put_data(text)

    def data_bytes(self, output: bytes) -> None:
        """Show output of a program as it is; not meant for a terminal."""
        self._put_bytes(output)

    def narrate(self, text: str) -> None:
        """Tell what goes on, a line."""
        self._put_narration(text)

    def _put_data(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            self._mute()
            raise

    def _put_bytes(self, output: bytes) -> None:
        try:
            self._out.flush()
            self._out.buffer.write(output)
            self._out.buffer.flush()
        except OSError:
            self._mute()
            raise

    def _mute(self) -> None:
        """From now on data goes nowhere: the interpreter flushes what is left at its end, and would complain."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def _put_narration(self, text: str) -> None:
        try:
            self._err.write(text + "\n")
            self._err.flush()
        except OSError:
            # Nobody listens to the narration; the work goes on.
            return

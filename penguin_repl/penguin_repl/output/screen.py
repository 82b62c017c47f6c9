"""The screen: data goes to standard output, narration to standard error."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.config.theme import ThemeSetting
    from penguin_commands.results import Result
    from penguin_repl.render.parts import Line, Part


LONGEST_LINE = 100_000
"""Columns of a line that is not wrapped."""
HEARTBEAT = 30.0
"""Seconds between two progress lines on a screen without overwriting."""


class Style(NamedTuple):
    """The style for showing results."""

    format: str = "text"
    """text, json or jsonl."""
    terminal: bool = False
    """Draw tables, and escape everything that could control the terminal."""
    color: bool = False
    truecolor: bool = False
    """Whether the terminal shows 16 million colours, if it shows any."""
    theme: ThemeSetting = "auto"
    """The value of `ui.theme`."""
    plain: bool = False
    """Write only consecutive lines: no escape sequences, no overwriting."""
    ascii: bool = False
    """Draw arrows and bars in ASCII."""


class Screen:
    """A screen that writes at once. The shell overrides the three `_put_*` methods to write around its prompt."""

    def __init__(self, style: Style, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.style = style
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        for stream in (self._out, self._err):
            if isinstance(stream, TextIOWrapper):
                # The locale may lack characters of a title. Escapes are better than an error.
                stream.reconfigure(errors="backslashreplace")
        self._progress_line = ""
        """The temporary line on the screen."""
        self._last_heartbeat = monotonic()

    @property
    def width(self) -> int:
        """Return the columns for results."""
        try:
            return int(os.environ.get("COLUMNS", "")) or 80
        except ValueError:
            pass
        try:
            return os.get_terminal_size(self._out.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return 80

    def render(self, result: Result) -> str:
        """Return a result in the style of this screen."""
        from penguin_repl.render import render

        style = self.style
        return render(
            result,
            format=style.format,
            terminal=style.terminal,
            width=self.width,
            color=style.color,
            truecolor=style.truecolor,
            theme=style.theme,
        )

    def styled(self, line: str | Line, columns: int = LONGEST_LINE) -> str:
        """Return a line as text, with styles if this screen has colours.

        Args:
            line: The line.
            columns: A longer line is wrapped between words.
        """
        if self.style.color or len(line if isinstance(line, str) else line.text) > columns:
            from penguin_repl.terminal.draw import Drawer

            drawer = Drawer(color=self.style.color, truecolor=self.style.truecolor, theme=self.style.theme)
            return drawer.draw([line], columns).removesuffix("\n")
        from penguin_repl.text.escape import clean

        return clean(line if isinstance(line, str) else line.text)

    def styled_message(self, line: Line) -> str:
        """Return a line of a message as text, with styles if messages go to a terminal with colours."""
        from penguin_repl.text.escape import clean

        return self.styled(line) if self._err.isatty() else clean(line.text)

    def draw(self, parts: Iterable[Part]) -> str:
        """Return parts of a result in the style of this screen."""
        style = self.style
        if not style.terminal:
            from penguin_repl.render.plain import plain_text

            return plain_text(parts)
        from penguin_repl.terminal.draw import Drawer

        drawer = Drawer(color=style.color, truecolor=style.truecolor, theme=style.theme)
        return drawer.draw(parts, self.width)

    def write_data(self, text: str) -> None:
        """Show the data that the user asked for. The text includes its line ends. Raises BrokenPipeError."""
        if text:
            self._put_data(self._displayable(text, json=self.style.format != "text"))

    def write_bytes(self, output: bytes) -> None:
        """Write the output of a program unchanged. Not for terminals."""
        self._put_bytes(output)

    def narrate(self, text: str) -> None:
        """Show a message on one line."""
        self._put_narration(self._displayable(text, json=False))

    def _displayable(self, text: str, *, json: bool) -> str:
        """Return a text in characters that this screen can show."""
        if not self.style.ascii or text.isascii():
            return text
        from penguin_repl.text.ascii import json_to_ascii, to_ascii

        return json_to_ascii(text) if json else to_ascii(text)

    @property
    def columns(self) -> int:
        """Return the columns of the terminal that narration goes to."""
        try:
            return os.get_terminal_size(self._err.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return 80

    def set_progress(self, line: str | Line) -> None:
        """Show the progress in a line that the next call replaces. An empty one removes it.

        On a screen without overwriting, print a separate line periodically. Only for a terminal.
        """
        text = line if isinstance(line, str) else line.text
        if self.style.plain:
            self._write_heartbeat(text)
        elif text:
            rest = " " * (len(self._progress_line) - len(text))
            self._put_progress("\r" + self._displayable(self.styled(line), json=False) + rest)
            self._progress_line = text
        else:
            self._clear_progress()

    def _clear_progress(self) -> None:
        if self._progress_line:
            self._put_progress("\r" + " " * len(self._progress_line) + "\r")
            self._progress_line = ""

    def _write_heartbeat(self, text: str) -> None:
        if text and monotonic() >= self._last_heartbeat + HEARTBEAT:
            self._last_heartbeat = monotonic()
            self.narrate(text)

    def _put_progress(self, text: str) -> None:
        try:
            self._err.write(text)
            self._err.flush()
        except OSError:
            # The terminal is gone; continue.
            return

    def _put_data(self, text: str) -> None:
        self._clear_progress()
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            self._discard_output()
            raise

    def _put_bytes(self, output: bytes) -> None:
        self._clear_progress()
        try:
            self._out.flush()
            self._out.buffer.write(output)
            self._out.buffer.flush()
        except OSError:
            self._discard_output()
            raise

    def _discard_output(self) -> None:
        """Discard data from now on. Otherwise the interpreter's flush at exit would report an error."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def _put_narration(self, text: str) -> None:
        self._clear_progress()
        try:
            self._err.write(text + "\n")
            self._err.flush()
        except OSError:
            # Standard error is closed; continue.
            return

"""The screen of a shell. Output that arrives while the user types appears above the prompt."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app_session, in_terminal

from penguin_repl.output.screen import LONGEST_LINE, Screen, Style
from penguin_repl.shell.plain_echo import Echo
from penguin_repl.shell.typeahead import is_echo_on

if TYPE_CHECKING:
    from penguin_repl.render.parts import Line

PROMPT = "penguin> "


class PromptScreen(Screen):
    """A screen that passes all output through `_show`, on the event loop of the shell.

    With `redirected`, results go to standard output, which is not a terminal, and everything else stays here.
    """

    def __init__(self, style: Style, *, redirected: bool = False) -> None:
        super().__init__(style)
        self._redirected = redirected
        self._terminal = get_app_session()
        # Listeners run in any context. Only in this one does prompt_toolkit know which prompt is on the screen.
        self._context = copy_context()
        self._pending: list[str] = []
        """Output that waits until the prompt is erased."""
        self._show_task: asyncio.Task[None] | None = None
        self._capture: Callable[[str], None] | None = None
        self._suspended = False
        self._is_echo_on = is_echo_on(self._terminal.input)
        self.echo: Echo | None = None
        """On a screen of plain lines: the line being typed."""

    def begin_echo(self, message: str) -> Echo:
        """Show a prompt, and start to show the text typed there."""
        self.echo = Echo(self._put_raw, message, lambda: self.columns, silent=not self._is_echo_on)
        return self.echo

    def end_echo(self) -> None:
        """End the line."""
        self.echo = None
        if self._is_echo_on:
            self._put_raw("\n")

    @property
    def width(self) -> int:
        """Return the columns for results."""
        return super().width if self._redirected else self.columns

    @property
    def columns(self) -> int:
        """Return the columns of the terminal."""
        return self._terminal.output.get_size().columns or 80

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Hold back output while something else uses the whole screen, and show it afterwards."""
        self._suspended = True
        try:
            yield
        finally:
            self._suspended = False
            if self._pending:
                self._write()

    @property
    def rows(self) -> int:
        """Return the rows of the terminal."""
        return self._terminal.output.get_size().rows or 24

    @property
    def can_page(self) -> bool:
        """Return whether texts go to a terminal that a full-screen program can use."""
        if self._redirected or self.style.plain or self.style.format != "text":
            return False
        try:
            return os.isatty(self._terminal.output.fileno()) and os.isatty(self._terminal.input.fileno())
        except (OSError, NotImplementedError):
            return False

    @contextmanager
    def capturing_data(self, collect: Callable[[str], None]) -> Iterator[None]:
        """Pass data to `collect` instead of showing it."""
        self._capture = collect
        try:
            yield
        finally:
            self._capture = None

    def narrate_lines(self, lines: Iterable[str | Line]) -> None:
        """Show lines of a message, wrapped between words. A screen reader gets each line whole."""
        columns = LONGEST_LINE if self.style.plain else self.columns
        self.narrate("\n".join([self.styled(line, columns) for line in lines]))

    def write_now(self, text: str) -> None:
        """Show data before all other pending output."""
        self._pending, held = [text], self._pending
        self._write()
        self._pending = held

    def ring_bell(self) -> None:
        """Ring the bell, whatever is on the screen."""
        self._terminal.output.bell()
        self._terminal.output.flush()

    def _put_data(self, text: str) -> None:
        if self._capture is not None:
            self._capture(text)
        elif self._redirected:
            super()._put_data(text)
        else:
            self._show(text)

    def _put_narration(self, text: str) -> None:
        self._show(text + "\n")

    def _put_progress(self, text: str) -> None:
        if self._suspended:
            return
        try:
            self._terminal.output.write_raw(text)
            self._terminal.output.flush()
        except OSError:
            return

    def _show(self, text: str) -> None:
        """Show a text. All output passes through this function."""
        self._pending.append(text)
        if self._suspended:
            return
        app = self._terminal.app
        if app is None or not app.is_running:
            self._write()
        elif self._show_task is None or self._show_task.done():
            self._show_task = asyncio.get_running_loop().create_task(self._show_above(), context=self._context)

    async def _show_above(self) -> None:
        try:
            # If nothing is drawn, nothing must be erased, and keys pressed meanwhile are not lost.
            async with in_terminal() if self.echo is None else nullcontext():
                self._write_above()
        except OSError:
            # The terminal is gone; the shell notices this separately.
            return

    def _write_above(self) -> None:
        app = self._terminal.app
        if not self._pending or app is None or not app.is_running:
            self._write()
            return
        if not self._pending[-1].endswith("\n"):
            self._pending.append("\n")
        if self.echo is not None:
            # Such a screen can't erase: end the line, and show it again below.
            self._pending.insert(0, "\n")
            self._pending.append(self.echo.again())
        self._write()

    def _write(self) -> None:
        self._clear_progress()
        text = "".join(self._pending)
        self._pending.clear()
        self._put_raw(text)

    def _put_raw(self, text: str) -> None:
        encoding = self._terminal.output.encoding()
        try:
            self._terminal.output.write_raw(text.encode(encoding, "backslashreplace").decode(encoding))
            self._terminal.output.flush()
        except OSError:
            return

"""Paging of results that are longer than the screen."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

from penguin_repl.text.ansi_filter import ESCAPE

if TYPE_CHECKING:
    from penguin_repl.shell.external_programs import ExternalProgramRunner
    from penguin_repl.shell.prompt_screen import PromptScreen

LESS = "FRX"
"""Default options of `less` if LESS is not set: don't page short texts, show colours, keep the text on the screen."""
CHUNK_CHARACTERS = 64 * 1024
"""Characters printed at a time."""
QUIT_CODES = (0, 128 + signal.SIGINT, -signal.SIGINT)
"""Exit codes of a pager that the user quit, as opposed to one that failed."""


def pager_command(wanted: str | None, environ: Mapping[str, str]) -> str:
    """Return the pager command: `wanted`, or PAGER, or `less` if it is installed; '' for none."""
    command = environ.get("PAGER") if wanted is None else wanted
    if command is None:
        command = "less" if shutil.which("less") else ""
    return "" if command.strip() == "cat" else command.strip()


class PagedText:
    """A text in a temporary file, and the number of screen rows it takes."""

    def __init__(self, file: IO[str], columns: int) -> None:
        self.file = file
        self.rows = 0
        self._columns = columns
        self._line_columns = 0
        """Columns of the last, incomplete line."""

    def write(self, text: str) -> None:
        """Add text."""
        self.file.write(text)
        *ended, rest = ESCAPE.sub("", text).split("\n")
        for part in ended:
            self.rows += max(1, -(-(self._line_columns + len(part)) // self._columns))
            self._line_columns = 0
        self._line_columns += len(rest)


class Pager:
    """A pager for results that are longer than the screen, on a terminal that supports it."""

    def __init__(self, screen: PromptScreen, outside: ExternalProgramRunner, wanted: str | None) -> None:
        self._screen = screen
        self._programs = outside
        self._preferred_command = wanted

    @asynccontextmanager
    async def page_output(self) -> AsyncIterator[None]:
        """Collect the data written in this context, and show it at the end, in the pager if it is long.

        All other output appears after it.
        """
        command = pager_command(self._preferred_command, os.environ)
        if not command or not self._screen.can_page:
            yield
            return
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="") as file:
            pages = PagedText(file, self._screen.columns)
            with self._screen.suspended():
                try:
                    with self._screen.capturing_data(pages.write):
                        yield
                except Exception:
                    self._print(file)
                    raise
                if pages.rows < self._screen.rows - 1:
                    self._print(file)
                else:
                    await self._run_pager(command, file)

    async def _run_pager(self, command: str, file: IO[str]) -> None:
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        code = await self._programs.run(
            command, stdin=file, environment={"LESS": os.environ.get("LESS", LESS), "LESSSECURE": "1"}
        )
        if code not in QUIT_CODES:
            self._print(file)
            how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
            self._screen.narrate(f"the pager {command!r} ended with {how}; the text is above; set PAGER to change it")

    def _print(self, file: IO[str]) -> None:
        file.seek(0)
        while piece := file.read(CHUNK_CHARACTERS):
            self._screen.write_now(piece)

"""Results that are longer than the screen, page by page."""

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
    from penguin_repl.shell.external import ExternalProgramRunner
    from penguin_repl.shell.prompt_screen import PromptScreen

LESS = "FRX"
"""Options of `less` unless LESS has others: short texts are no pages, colours are shown, the text stays."""
CHUNK_CHARACTERS = 64 * 1024
"""Characters printed at a time."""
QUIT_CODES = (0, 128 + signal.SIGINT, -signal.SIGINT)
"""Exit codes of a pager that was left, in place of one that failed."""


def pager_command(wanted: str | None, environ: Mapping[str, str]) -> str:
    """The command that shows pages: `wanted`, or what PAGER says, or `less` where there is one; '' for none."""
    command = environ.get("PAGER") if wanted is None else wanted
    if command is None:
        command = "less" if shutil.which("less") else ""
    return "" if command.strip() == "cat" else command.strip()


class PagedText:
    """A text in a temporary file, and the number of screen rows that it takes."""

    def __init__(self, file: IO[str], columns: int) -> None:
        self.file = file
        self.rows = 0
        self._columns = columns
        self._line_columns = 0
        """Columns of the last line, which has no end yet."""

    def write(self, text: str) -> None:
        """Some more of it."""
        self.file.write(text)
        *ended, rest = ESCAPE.sub("", text).split("\n")
        for part in ended:
            self.rows += max(1, -(-(self._line_columns + len(part)) // self._columns))
            self._line_columns = 0
        self._line_columns += len(rest)


class Pager:
    """Shows what is longer than the screen through a pager, where a person looks at a terminal that can."""

    def __init__(self, screen: PromptScreen, outside: ExternalProgramRunner, wanted: str | None) -> None:
        self._screen = screen
        self._programs = outside
        self._preferred_command = wanted

    @asynccontextmanager
    async def page_output(self) -> AsyncIterator[None]:
        """What is shown as data meanwhile comes at the end: page by page if it is long, and after it all else."""
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

"""A shell in this process, behind a glass: keys go in, and what a terminal would show can be read."""

from __future__ import annotations

import asyncio
import io
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyte
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from tests.support import screen as window

from penguin.orchestration.backend import WorkflowInfo
from penguin_commands.session import Session
from penguin_repl.output.screen import Style
from penguin_repl.shell.shell import Shell

PATIENCE = 20.0
"""Seconds after which a condition that does not come true fails the test."""
ENTER, TAB, CTRL_C, CTRL_D = "\r", "\t", "\x03", "\x04"


class Display(pyte.Screen):
    """A screen beside which there is another one, for programs that take it all."""

    def __init__(self, columns: int, rows: int) -> None:
        self.beside: tuple[dict[int, Any], int, int] | None = None
        """What is below the alternate screen, and where the cursor was."""
        self.bells = 0
        super().__init__(columns, rows)

    def bell(self, *arguments: Any) -> None:
        self.bells += 1

    def set_mode(self, *modes: int, **options: Any) -> None:
        if 1049 in modes and options.get("private") and self.beside is None:
            self.beside = (dict(self.buffer), self.cursor.y, self.cursor.x)
            self.buffer.clear()
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes: int, **options: Any) -> None:
        super().reset_mode(*modes, **options)
        if 1049 in modes and options.get("private") and self.beside is not None:
            lines, self.cursor.y, self.cursor.x = self.beside
            self.beside = None
            self.buffer.clear()
            self.buffer.update(lines)


class Screen(io.TextIOBase):
    """A terminal of so many columns and rows, which answers when it is asked for its cursor."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int, answer: Callable[[str], None]) -> None:
        self.size = Size(rows=rows, columns=columns)
        self._screen = Display(columns, rows)
        self._screen.write_process_input = answer
        self._stream = pyte.Stream(self._screen)

    def resize(self, columns: int, rows: int) -> None:
        self.size = Size(rows=rows, columns=columns)
        window.resize(self._screen, columns, rows)

    def write(self, text: str) -> int:
        self._stream.feed(text.replace("\r\n", "\n").replace("\n", "\r\n"))
        return len(text)

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def column(self) -> int:
        """Where the cursor is in its line, from 0."""
        return self._screen.cursor.x

    @property
    def bells(self) -> int:
        """How often it rang."""
        return self._screen.bells

    @property
    def alternate(self) -> bool:
        """Whether a program has the whole screen."""
        return self._screen.beside is not None

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n")

    @property
    def underlined(self) -> list[str]:
        """The runs of underlined characters."""
        runs = []
        for row in range(self._screen.lines):
            cells = [self._screen.buffer[row][column] for column in range(self._screen.columns)]
            runs += "".join(cell.data if cell.underscore else "\0" for cell in cells).split("\0")
        return [run for run in runs if run]


class Glass:
    """What a person has of a shell."""

    def __init__(self, screen: Screen, keys: PipeInput, session: Session) -> None:
        self.screen = screen
        self.session = session
        self.running: asyncio.Task[None]
        self._keys = keys

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size; the program is told as it is by a terminal."""
        self.screen.resize(columns, rows)
        signal.raise_signal(signal.SIGWINCH)

    def press(self, *keys: str) -> None:
        self._keys.send_text("".join(keys))

    async def enter(self, line: str) -> None:
        """Type a line once there is a prompt for it."""
        await self.until(lambda: self.typed == "")
        self.press(line, ENTER)

    @property
    def typed(self) -> str | None:
        """What stands behind the last prompt; None where there is none."""
        prompts = [line for line in self.screen.lines if line.startswith("penguin>")]
        return prompts[-1].removeprefix("penguin>").strip() if prompts else None

    @property
    def toolbar(self) -> str:
        return self.screen.lines[-1].strip()

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"the condition did not come true:\n{self.screen.text}"
            if self.running.done():
                self.running.result()
            await asyncio.sleep(0.005)

    async def see(self, text: str) -> None:
        await self.until(lambda: text in self.screen.text)

    async def status(self, task: str, status: str) -> WorkflowInfo:
        """Wait until the newest workflow of a task has this status."""
        await self.until(lambda: any(info.status == status for info in self._newest(task)))
        return self._newest(task)[0]

    def _newest(self, task: str) -> list[WorkflowInfo]:
        reader = self.session.local_reader()
        try:
            return reader.list(task_id=task, limit=1)
        finally:
            reader.close()

    async def ended(self) -> None:
        await self.until(lambda: self.running.done())
        await self.running


@asynccontextmanager
async def shell(folder: Path, columns: int = 100, rows: int = 30, *, color: bool = False) -> AsyncIterator[Glass]:
    """A shell in a workspace; at the end it is gone, whatever it was doing."""
    with create_pipe_input() as keys:
        screen = Screen(columns, rows, keys.send_text)
        output = Vt100_Output(screen, lambda: screen.size, term="xterm-256color")
        with create_app_session(input=keys, output=output):
            session = Session(folder, by="ann")
            glass = Glass(screen, keys, session)
            glass.running = asyncio.create_task(Shell(session, Style("text", True, color)).run())
            try:
                yield glass
            finally:
                glass.running.cancel()
                await asyncio.wait({glass.running})

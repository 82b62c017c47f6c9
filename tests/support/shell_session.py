"""A shell in this process: tests press its keys and read its screen."""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyte
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from tests.support.keys import ENTER
from tests.support.screen import resize
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import WorkflowInfo
from penguin_commands.session import Session
from penguin_repl.output.screen import Style
from penguin_repl.shell.shell import Shell


class Display(pyte.Screen):
    """A screen with an alternate screen, which full-screen programs use."""

    def __init__(self, columns: int, rows: int) -> None:
        self.main_screen: tuple[dict[int, Any], int, int] | None = None
        """While the alternate screen is shown: the lines of the main one, and its cursor."""
        self.bells = 0
        super().__init__(columns, rows)

    def bell(self, *arguments: Any) -> None:
        self.bells += 1

    def set_mode(self, *modes: int, **options: Any) -> None:
        if 1049 in modes and options.get("private") and self.main_screen is None:
            self.main_screen = (dict(self.buffer), self.cursor.y, self.cursor.x)
            self.buffer.clear()
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes: int, **options: Any) -> None:
        super().reset_mode(*modes, **options)
        if 1049 in modes and options.get("private") and self.main_screen is not None:
            lines, self.cursor.y, self.cursor.x = self.main_screen
            self.main_screen = None
            self.buffer.clear()
            self.buffer.update(lines)


class Screen(io.TextIOBase):
    """A terminal that answers when it is asked for the position of its cursor."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int, answer: Callable[[str], None]) -> None:
        self.size = Size(rows=rows, columns=columns)
        self._screen = Display(columns, rows)
        self._screen.write_process_input = answer
        self._stream = pyte.Stream(self._screen)

    def resize(self, columns: int, rows: int) -> None:
        self.size = Size(rows=rows, columns=columns)
        resize(self._screen, columns, rows)

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
        """The column of the cursor, from 0."""
        return self._screen.cursor.x

    @property
    def bells(self) -> int:
        """The number of bells."""
        return self._screen.bells

    @property
    def alternate(self) -> bool:
        """Whether a program uses the alternate screen."""
        return self._screen.main_screen is not None

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


class ShellSession:
    """A shell with keys and a screen."""

    def __init__(self, screen: Screen, keys: PipeInput, session: Session) -> None:
        self.screen = screen
        self.session = session
        self.running: asyncio.Task[None]
        self._keys = keys

    def resize(self, columns: int, rows: int) -> None:
        """Resize the window, and send the signal for it."""
        self.screen.resize(columns, rows)
        signal.raise_signal(signal.SIGWINCH)

    def press(self, *keys: str) -> None:
        self._keys.send_text("".join(keys))

    async def enter(self, line: str) -> None:
        """Type a line once there is an empty prompt."""
        await self.wait_until(lambda: self.typed == "")
        self.press(line, ENTER)

    @property
    def typed(self) -> str | None:
        """The text after the last prompt; None if there is no prompt."""
        prompts = [line for line in self.screen.lines if line.startswith("penguin>")]
        return prompts[-1].removeprefix("penguin>").strip() if prompts else None

    @property
    def toolbar(self) -> str:
        return self.screen.lines[-1].strip()

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true; raise the error of a shell that failed meanwhile."""

        def is_true() -> object:
            result = condition()
            if not result and self.running.done():
                self.running.result()
            return result

        await wait_until_async(is_true, details=lambda: f"\n{self.screen.text}")

    async def see(self, text: str) -> None:
        """Wait until the screen shows a text."""
        await self.wait_until(lambda: text in self.screen.text)

    async def status(self, task: str, status: str) -> WorkflowInfo:
        """Wait until the newest workflow of a task has this status."""
        await self.wait_until(lambda: any(info.status == status for info in self._newest(task)))
        return self._newest(task)[0]

    def _newest(self, task: str) -> list[WorkflowInfo]:
        reader = self.session.open_local_reader()
        try:
            return reader.list(task_id=task, limit=1)
        finally:
            reader.close()

    async def ended(self) -> None:
        """Wait for the end of the shell."""
        await self.wait_until(lambda: self.running.done())
        await self.running


@asynccontextmanager
async def run_shell(
    folder: Path, columns: int = 100, rows: int = 30, *, color: bool = False
) -> AsyncIterator[ShellSession]:
    """Run a shell in a workspace; stop it at the end."""
    with create_pipe_input() as keys:
        screen = Screen(columns, rows, keys.send_text)
        output = Vt100_Output(screen, lambda: screen.size, term="xterm-256color")
        with create_app_session(input=keys, output=output):
            session = Session(folder, by="ann")
            shell = ShellSession(screen, keys, session)
            shell.running = asyncio.create_task(Shell(session, Style("text", True, color)).run())
            try:
                yield shell
            finally:
                shell.running.cancel()
                await asyncio.wait({shell.running})

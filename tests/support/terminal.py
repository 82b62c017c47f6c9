"""A real program on a real pseudo-terminal, and the text of its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyte
from tests.support.keys import ENTER
from tests.support.screen import resize
from tests.support.waiting import PATIENCE, wait_until

from penguin_repl.shell.typeahead import LFLAG

NO_EFFECT = 1.0
"""Seconds after which a key without effect is pressed again."""
PENGUIN = (sys.executable, "-m", "penguin_repl")


class Terminal:
    """A pseudo-terminal with a program on it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        command: Sequence[str] = PENGUIN,
        columns: int = 100,
        rows: int = 30,
        echo: bool = True,
        make_screen: Callable[[int, int], pyte.Screen] = pyte.Screen,
        **environment: str,
    ) -> None:
        """Start `command` with `arguments`. Without `echo`, the program itself shows typed text."""
        self._master, slave = pty.openpty()
        if not echo:
            modes = termios.tcgetattr(slave)
            modes[LFLAG] &= ~termios.ECHO
            termios.tcsetattr(slave, termios.TCSANOW, modes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = make_screen(columns, rows)
        self.screen.write_process_input = lambda answer: self.press(answer)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        """All output, unchanged."""
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color", "PAGER": "cat", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def press(self, *keys: str) -> Self:
        """Press keys."""
        os.write(self._master, "".join(keys).encode())
        return self

    @property
    def text(self) -> str:
        """The text of the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).strip("\n")

    @property
    def lines(self) -> list[str]:
        """The lines of the screen that are not empty."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    @property
    def typed(self) -> str | None:
        """The text after the last prompt; None if there is no prompt."""
        prompts = [line for line in self.text.splitlines() if line.startswith("penguin>")]
        return prompts[-1].removeprefix("penguin>").strip() if prompts else None

    def wait_until(self, condition: Callable[[], object]) -> Self:
        """Wait until a condition is true, and read what the program writes meanwhile."""
        wait_until(condition, details=lambda: f"\n{self.text}", pause=self._read)
        return self

    def see(self, text: str) -> Self:
        """Wait until the screen shows a text."""
        return self.wait_until(lambda: text in self.text)

    def enter(self, line: str) -> Self:
        """Type a line once there is an empty prompt."""
        self.wait_until(lambda: self.typed == "")
        self.press(line, ENTER)
        return self

    def press_until(self, key: str, condition: Callable[[], object]) -> None:
        """Press a key until it has an effect: keys between a prompt and its command may be dropped."""

        def press_again() -> bool:
            self.press(key)
            again = time.monotonic() + NO_EFFECT
            while not condition() and time.monotonic() < again:
                self._read(0.02)
            return bool(condition())

        wait_until(lambda: condition() or press_again(), f"the effect of {key!r}", details=lambda: f"\n{self.text}")

    def resize(self, columns: int, rows: int = 30) -> None:
        """Resize the window."""
        resize(self.screen, columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for_output(self) -> None:
        """Wait until the program writes, and leave the output unread."""
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, "nothing was written"

    def exit_code(self) -> int:
        """Wait for the end of the program."""
        self.wait_until(lambda: self.process.poll() is not None)
        while self._read(0.0):
            pass
        return int(self.process.returncode)

    def close(self) -> None:
        """Close the terminal, as a person closes a window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def kill(self) -> None:
        """Send SIGKILL to the program."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _read(self, timeout: float) -> bool:
        """Show output that arrives within `timeout` seconds; return False if there is none."""
        if self._master < 0:
            time.sleep(timeout)
            return False
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return False
        try:
            output = os.read(self._master, 65536)
        except OSError:
            # The program closed its side: a terminal in this state is always ready, without data.
            time.sleep(timeout)
            return False
        self.raw += output
        self._stream.feed(output)
        return bool(output)


@contextmanager
def open_terminal(folder: Path, *arguments: str, **settings: Any) -> Iterator[Terminal]:
    """Run Penguin, or another `command`, on a terminal; kill it at the end."""
    terminal = Terminal(folder, *arguments, **settings)
    try:
        yield terminal
    finally:
        if terminal.process.poll() is None:
            terminal.kill()
        terminal.close()

"""The real program on a real pseudo-terminal, and what can be seen there."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyte
from tests.support import screen as window

from penguin_repl.shell.echo import LFLAG

PATIENCE = 30.0
"""Seconds after which a condition that does not come true fails the test."""
UNHEARD = 1.0
"""Seconds after which a key without effect counts as unheard."""


class Pseudo:
    """A terminal with a Penguin on it. Without `echo` whatever is on the other side shows itself what is typed."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        columns: int = 100,
        rows: int = 30,
        echo: bool = True,
        **environment: str,
    ) -> None:
        self._master, slave = pty.openpty()
        if not echo:
            modes = termios.tcgetattr(slave)
            modes[LFLAG] &= ~termios.ECHO
            termios.tcsetattr(slave, termios.TCSANOW, modes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen = pyte.Screen(columns, rows)
        self._screen.write_process_input = lambda answer: self.press(answer)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        """Everything that was written, as it came."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penguin_repl", *arguments],
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
        os.write(self._master, "".join(keys).encode())
        return self

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).strip("\n")

    @property
    def typed(self) -> str | None:
        """What stands behind the last prompt; None where there is none."""
        prompts = [line for line in self.text.splitlines() if line.startswith("penguin>")]
        return prompts[-1].removeprefix("penguin>").strip() if prompts else None

    def until(self, condition: Callable[[], object]) -> Self:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, f"the condition did not come true:\n{self.text}"
            self._read(0.02)
        return self

    def see(self, text: str) -> Self:
        return self.until(lambda: text in self.text)

    def enter(self, line: str) -> Self:
        """Type a line once there is a prompt for it."""
        self.until(lambda: self.typed == "")
        self.press(line, "\r")
        return self

    def insist(self, key: str, condition: Callable[[], object]) -> None:
        """Press a key until it has its effect: between a prompt and the command there is a moment that hears none."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, f"{key!r} had no effect:\n{self.text}"
            self.press(key)
            again = time.monotonic() + UNHEARD
            while not condition() and time.monotonic() < again:
                self._read(0.02)

    def resize(self, columns: int, rows: int = 30) -> None:
        """As a person drags the corner of a window."""
        window.resize(self._screen, columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def written(self) -> None:
        """Wait until something is written that is not on the screen yet."""
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, "nothing was written"

    def exit_code(self) -> int:
        self.until(lambda: self.process.poll() is not None)
        self._read(0.0)
        return int(self.process.returncode)

    def close(self) -> None:
        """Close the terminal, as a person closes a window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _read(self, timeout: float) -> None:
        if self._master < 0:
            time.sleep(timeout)
            return
        ready, _, _ = select.select([self._master], [], [], timeout)
        if ready:
            try:
                output = os.read(self._master, 65536)
            except OSError:
                # The other side was closed: there will be no more.
                return
            self.raw += output
            self._stream.feed(output)


@contextmanager
def terminal(folder: Path, *arguments: str, **settings: Any) -> Iterator[Pseudo]:
    """A Penguin on a terminal; at the end it is gone, whatever it was doing."""
    pseudo = Pseudo(folder, *arguments, **settings)
    try:
        yield pseudo
    finally:
        if pseudo.process.poll() is None:
            pseudo.kill()
        pseudo.close()

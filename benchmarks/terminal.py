"""A program on its own pseudo-terminal, and the text of its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

COLUMNS, ROWS = 120, 40
PATIENCE = 60.0
"""Seconds."""


class _Screen(pyte.Screen):
    answer: Callable[[str], None]

    def write_process_input(self, data: str) -> None:
        self.answer(data)


class Terminal:
    """A terminal that answers queries, and ends the program when it is closed."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._screen = _Screen(COLUMNS, ROWS)
        self._screen.answer = self.press
        self._stream = pyte.ByteStream(self._screen)
        self._process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env={**env, "TERM": "xterm-256color"},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, condition: Callable[[list[str]], bool]) -> None:
        """Read what comes until the lines of the screen are as wanted. Raises TimeoutError."""
        give_up = time.monotonic() + PATIENCE
        while not condition(list(self._screen.display)):
            if time.monotonic() > give_up:
                raise TimeoutError("\n".join(self._screen.display))
            if select.select([self._master], [], [], 0.5)[0]:
                self._stream.feed(os.read(self._master, 1 << 16))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

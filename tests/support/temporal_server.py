"""A real Temporal server, which may be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.temporal.network import answering, free_port

from penguin.orchestration.temporal.dev_server.server import server_command, server_program

NAMESPACE = "penguin"
DATA, LOG = "server.db", "server.log"
TRIES = 5
SETTLED = 0.3
"""Seconds in which a server that can't have its ports ends."""


class Serving:
    """A development server with its data in `folder`, and the namespace `penguin`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self.address = ""
        """HOST:PORT, from the first start on."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers. It takes ports of its own by chance, which another one may take at the same moment."""
        for _ in range(TRIES):
            if not (self._folder / DATA).exists():
                self._port = free_port()
                self.address = f"127.0.0.1:{self._port}"
            self._launch()
            if self._listens():
                # It listens a moment before its namespace and search attributes are there.
                asyncio.run(answering(self._folder, self.address))
                return
        raise AssertionError(f"the server did not come up: {self._folder / LOG}")

    def _launch(self) -> None:
        command = server_command(server_program(), "127.0.0.1", self._port, NAMESPACE, self._folder / DATA)
        with (self._folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _listens(self) -> bool:
        """Wait until it listens; False where it ended instead."""
        assert self._process is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                # What listens there is this one: whoever comes second ends within a moment.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(SETTLED)
                return self._process.poll() is None
        return False

    def freeze(self) -> None:
        """From now on it takes everything and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

"""A real Temporal server, which may be killed and started again."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.temporal.grounds import answering, free_port

from penguin.orchestration.temporal.dev_server import server_command, server_program

NAMESPACE = "penguin"


class Serving:
    """A development server with its data in `folder`, and the namespace `penguin`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        command = server_command(server_program(), "127.0.0.1", self._port, NAMESPACE, self._folder / "server.db")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        _await_port(self._port)
        # It listens a moment before its namespace and search attributes are there.
        asyncio.run(answering(self._folder, self.address))

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


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.05)

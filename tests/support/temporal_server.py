"""A real Temporal server, which can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.network import free_port, is_listening
from tests.support.waiting import wait_until, wait_until_async

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.config import OrchestrationConfig, load_settings
from penguin.orchestration.config.program_config import TemporalConfig
from penguin.orchestration.temporal.client.connection import connect
from penguin.orchestration.temporal.dev_server.server import server_command, server_program

NAMESPACE = "penguin"
DATA, LOG = "server.db", "server.log"
ATTEMPTS = 5
PORT_CONFLICT = 0.3
"""Seconds in which a server ends if its ports are taken."""


def temporal_settings(root: Path, address: str, **options: Any) -> TemporalConfig:
    """Return the effective settings of a workspace with these options."""
    config = OrchestrationConfig(temporal={"address": address, **options})
    return load_settings(root, config, {}, required=False).temporal


async def wait_until_serving(root: Path, address: str) -> None:
    """Wait until the server at HOST:PORT serves its namespace."""

    async def serves() -> bool:
        try:
            await (await connect(temporal_settings(root, address), root, environ={})).aclose()
        except BackendUnavailable:
            return False
        return True

    await wait_until_async(serves, "the server's namespace")


class TemporalServer:
    """A development server with its data in `folder`, and the namespace `penguin`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self.address = ""
        """HOST:PORT, from the first start on."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves. If another process takes the free port first, use another."""
        for _ in range(ATTEMPTS):
            if not (self._folder / DATA).exists():
                self._port = free_port()
                self.address = f"127.0.0.1:{self._port}"
            self._launch()
            if self._listens():
                # It listens a moment before its namespace and search attributes are there.
                asyncio.run(wait_until_serving(self._folder, self.address))
                return
        raise AssertionError(f"the server did not start: {self._folder / LOG}")

    def _launch(self) -> None:
        command = server_command(server_program(), "127.0.0.1", self._port, NAMESPACE, self._folder / DATA)
        with (self._folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _listens(self) -> bool:
        """Wait until it listens; return False if it ended instead."""
        process = self._process
        assert process is not None
        wait_until(lambda: process.poll() is not None or is_listening(self.address), "the server's port")
        # Of two servers at one port, the second ends quickly.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PORT_CONFLICT)
        return process.poll() is None

    def freeze(self) -> None:
        """Stop the process: it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue the process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def temporal_server(folder: Path) -> Iterator[TemporalServer]:
    """Run a server with its data in `folder`."""
    server = TemporalServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()

"""A real Temporal server for the tests of that backend: one for each process that runs tests."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.temporal.grounds import answering, free_port
from tests.temporal.space import TemporalSpace

from penguin.orchestration.temporal.dev_server import server_command, server_program

NAMESPACE = "penguin"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a development server of its own, with the namespace `penguin`."""
    folder = tmp_path_factory.mktemp("temporal")
    port = free_port()
    command = server_command(server_program(), "127.0.0.1", port, NAMESPACE, folder / "server.db")
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        await_port(port)
        # It listens a moment before its namespace and search attributes are there.
        asyncio.run(answering(folder, f"127.0.0.1:{port}"))
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def temporal_space(tmp_path: Path, server: str) -> TemporalSpace:
    """A workspace on that server, with a project and a task queue that no other test has."""
    space = TemporalSpace(tmp_path, server, f"p{uuid.uuid4().hex[:8]}")
    space.tasks("a", "b", "c", "d")
    return space


def await_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.05)

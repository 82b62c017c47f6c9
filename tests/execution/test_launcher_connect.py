"""An engine that connects to a launcher at the moment when one of its steps ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from penguin.orchestration.execution.launcher_client import LauncherClient
from penguin.orchestration.execution.launcher_socket import SOCKET

EXIT = {"event": "exit", "id": "somebody-else's"}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _serving(folder: Path, handler: Handler) -> AsyncIterator[None]:
    """Answer at the launcher's socket in `folder`.

    Each connection is closed when its handler ends: in some releases of Python 3.12 and later, a server does not close
    before its last connection does.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    # A short path: that of a socket has room for 108 bytes.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        async with await asyncio.start_unix_server(handle, f"/proc/self/fd/{descriptor}/{SOCKET}"):
            yield
    finally:
        os.close(descriptor)


async def _busy_launcher(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send every client an exit event before the answer, as a launcher may do."""
    writer.write(json.dumps(EXIT).encode() + b"\n")
    while line := await reader.readline():
        message = json.loads(line)
        answer = {"event": "hello"} if message["op"] == "hello" else {"event": "known", "id": message["id"]}
        writer.write(json.dumps(answer).encode() + b"\n")


def test_an_exit_event_before_the_hello_is_ignored(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _serving(tmp_path, _busy_launcher):
            launcher = LauncherClient(tmp_path, {}, grace=5.0, on_trouble=lambda problem: None, own=False)
            assert await asyncio.wait_for(launcher.find("a-step"), 10) is None
            await launcher.aclose()

    asyncio.run(scenario())


def test_a_client_can_reconnect_at_once(tmp_path: Path) -> None:
    """The end of the previous connection is noticed while the next one is opened."""
    asked = 0

    async def launcher_of_others(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while line := await reader.readline():
            message = json.loads(line)
            asked += message["op"] == "ask"
            answer = {"event": "hello"} if message["op"] == "hello" else {"event": "known", "id": message["id"]}
            writer.write(json.dumps(answer).encode() + b"\n")

    async def scenario() -> None:
        async with _serving(tmp_path, launcher_of_others):
            launcher = LauncherClient(tmp_path, {}, grace=5.0, on_trouble=lambda problem: None, own=False)
            async with asyncio.timeout(10):
                for number in range(1, 6):
                    assert await launcher.find("a-step") is None
                    assert asked == number
            await launcher.aclose()

    asyncio.run(scenario())

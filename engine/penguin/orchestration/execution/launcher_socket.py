"""A connection to a launcher: one JSON message a line, each way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOCKET = "launcher.sock"
CLOSING = 1.0
"""Seconds for what was sent last to be taken by a launcher that is busy."""
LONGEST_LINE = 1 << 26

Message = dict[str, Any]


class LauncherConnection(asyncio.Protocol):
    """Takes messages in as they arrive: a stream, and a task that reads it, would cost each step two turns of the loop.

    `hear` is given every message after the greeting. `ended` is called once the connection is closed, by whomever.
    """

    def __init__(
        self, hear: Callable[[LauncherConnection, Message], None], ended: Callable[[LauncherConnection], None]
    ) -> None:
        self._hear = hear
        self._ended = ended
        self._incoming = b""
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Closes at nonsense."""
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        try:
            for line in lines:
                self._take(json.loads(line))
        except ValueError:
            self.close()
        if len(self._incoming) > LONGEST_LINE:
            self.close()

    def _take(self, message: Message) -> None:
        if self._greeted.done():
            self._hear(self, message)
        elif message["event"] == "hello":
            self._greeted.set_result(None)
        # Else a step ends just now, and that is told of first; its record is on the disk.

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._closed.set()
        if not self._greeted.done():
            self._greeted.set_result(None)
        self._ended(self)

    async def handshake(self) -> bool:
        """Whether the launcher answers a hello: it might be about to end. If not, the connection is closed."""
        self.send({"op": "hello"})
        try:
            await self._greeted
        except asyncio.CancelledError:
            self.close()
            raise
        # It may have answered and ended in the same moment.
        return not self._closed.is_set()

    def send(self, message: Message) -> None:
        """To a launcher that died, nothing is sent: that it died is heard elsewhere."""
        if self._transport and not self._transport.is_closing():
            # The standard encoder: what is no UTF-8 in the environment travels as lone surrogates.
            self._transport.write(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Send what waits to be sent, and close."""
        if self._transport:
            self._transport.close()

    async def aclose(self) -> None:
        """Close, and wait until the launcher counts us as gone, but not for long."""
        self.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), CLOSING)


async def connect(
    directory: Path, hear: Callable[[LauncherConnection, Message], None], ended: Callable[[LauncherConnection], None]
) -> LauncherConnection | None:
    """A connection to the launcher of this folder. None where there is none."""
    try:
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Through the descriptor of its folder: a socket's path may have 108 bytes only.
        path = f"/proc/self/fd/{folder}/{SOCKET}"
        return (await asyncio.get_running_loop().create_unix_connection(lambda: LauncherConnection(hear, ended), path))[
            1
        ]
    except OSError:
        return None
    finally:
        os.close(folder)

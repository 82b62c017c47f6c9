"""A connection to a launcher: one JSON message a line, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penguin.orchestration.files.safe_open import UnsafePath, open_state_file

SOCKET = "launcher.sock"
CRASH = "launcher.crash"
CLOSING = 1.0
"""Seconds that a busy launcher gets to read the last message."""
LONGEST_LINE = 1 << 26

Message = dict[str, Any]


class LauncherConnection(asyncio.Protocol):
    """A connection that handles messages as they arrive.

    A stream with a reading task would cost each step two more iterations of the event loop. `on_message` gets every
    message after the greeting. `on_closed` is called when the connection is closed by either side.
    """

    def __init__(
        self, on_message: Callable[[LauncherConnection, Message], None], on_closed: Callable[[LauncherConnection], None]
    ) -> None:
        self._hear = on_message
        self._ended = on_closed
        self._incoming = b""
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Close the connection at invalid data."""
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
        # Otherwise it is the exit event of a step that ends just now. Its record is on disk.

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._closed.set()
        if not self._greeted.done():
            self._greeted.set_result(None)
        self._ended(self)

    async def handshake(self) -> bool:
        """Send a hello and return whether the launcher answers. If it is about to end, close the connection."""
        self.send({"op": "hello"})
        try:
            await self._greeted
        except asyncio.CancelledError:
            self.close()
            raise
        # It may have answered and ended at the same time.
        return not self._closed.is_set()

    def send(self, message: Message) -> None:
        """Send a message, unless the launcher died; its death is handled elsewhere."""
        if self._transport and not self._transport.is_closing():
            # The standard encoder keeps bytes of the environment that are not UTF-8, as lone surrogates.
            self._transport.write(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Send the queued messages, and close."""
        if self._transport:
            self._transport.close()

    async def aclose(self) -> None:
        """Close, and wait up to CLOSING seconds until the launcher has closed too."""
        self.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), CLOSING)


async def connect(
    directory: Path,
    on_message: Callable[[LauncherConnection, Message], None],
    on_closed: Callable[[LauncherConnection], None],
) -> LauncherConnection | None:
    """Connect to the launcher of this folder. Return None if there is none."""
    try:
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # Use the descriptor of its folder: a socket's path is limited to 108 bytes.
        path = f"/proc/self/fd/{folder}/{SOCKET}"
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(lambda: LauncherConnection(on_message, on_closed), path)
        return connection
    except OSError:
        return None
    finally:
        os.close(folder)


def read_crash(directory: Path) -> str:
    """Return the error with which the last launcher in this folder ended; '' if there was none, or it was killed."""
    try:
        with open(open_state_file(directory / CRASH, os.O_RDONLY), encoding="utf-8", errors="replace") as file:
            return file.read().rstrip().rpartition("\n")[2]
    except (OSError, UnsafePath):
        return ""

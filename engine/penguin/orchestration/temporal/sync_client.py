"""A thread with an event loop and the connection to the server, shared by a synchronous reader and a backend.

Workflows are hosted on that thread, so they answer even while the program's own event loop waits for them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.runtime.workspace_trust import open_workspace
from penguin.orchestration.temporal.client import telemetry
from penguin.orchestration.temporal.client.client import NoWorker, TemporalClient
from penguin.orchestration.temporal.client.connection import open_connection
from penguin.orchestration.temporal.client.server_trust import require_accepted_server
from penguin.orchestration.temporal.client.tls import is_loopback
from penguin.orchestration.temporal.dev_server.server import ServerNotRunning
from penguin.orchestration.temporal.worker.worker import ENDING, end, hosting
from penguin.orchestration.temporal.workflows.task_workflow import ItuvWorkflow

if TYPE_CHECKING:
    from temporalio.worker import Worker

    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.temporal.client.connection import ServerConnection

T = TypeVar("T")

LIMIT = 90.0
"""Seconds that a query may take: each call to the server has a time-out of its own."""


def _silent(text: str) -> None:
    """Ignore a message."""


class SyncClient:
    """The thread and the one connection of all its users.

    Call `join` before use and `close` after it; the last user ends both. The SDK allows a connected client on any event
    loop, so users on other loops make calls themselves.
    """

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace = workspace
        self._settings = settings
        self._counting = threading.Lock()
        self._users = 0
        self._limit = ENDING
        self._reset()

    def _reset(self) -> None:
        self._connection: ServerConnection | None = None
        self._connecting = asyncio.Lock()
        self._link: TemporalClient | None = None
        self._host: Worker | None = None
        self._hosting: asyncio.Task[None] | None = None
        self._asked: concurrent.futures.Future[Any] | None = None
        self._refuses = False

    # --- users ---

    def join(self) -> None:
        """Become a user; the first one starts the thread."""
        with self._counting:
            self._refuses = False
            self._users += 1
            if self._users == 1:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="penguin-temporal", daemon=True)
                self._thread.start()

    def close(self, limit: float = ENDING) -> None:
        """Stop being a user. The last one ends hosting, in at most `limit` seconds, connection and thread."""
        with self._counting:
            self._users -= 1
            # If one user found the server silent, the others need not wait for it.
            self._limit = min(self._limit, limit)
            if self._users:
                return
            self._run(self._end(self._limit)).result(LIMIT)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._limit = ENDING
            self._reset()

    def _run(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # --- for a reader ---

    def ask(self, question: Callable[[TemporalClient], Awaitable[T]]) -> T | None:
        """Return the server's answer; None if the workspace's own server does not run, so nothing has changed.

        Starts no server. Raises BackendUnavailable, or the errors of the query.
        """
        if self._refuses:
            raise _leaving()
        asked = self._run(self._ask(question))
        self._asked = asked
        if self._refuses:
            # Interrupted between the two.
            asked.cancel()
        try:
            return asked.result(LIMIT)
        except concurrent.futures.CancelledError:
            raise _leaving() from None

    def interrupt(self) -> None:
        """Reject the query that another thread makes at this moment, and later ones until a user joins."""
        self._refuses = True
        if self._asked is not None:
            self._asked.cancel()

    def ask_workflow(self, question: Callable[[TemporalClient], Awaitable[T]]) -> T | None:
        """Like `ask`, for queries that only workflows can answer. Host them here if no worker does."""
        try:
            return self.ask(question)
        except NoWorker:
            if not self._may_host():
                raise
        return self.ask(lambda link: self._hosted(link, question))

    # --- for a backend on another event loop ---

    async def connect(
        self, settings: Settings, *, may_start: bool, narrate: Callable[[str], None], metrics: str | None
    ) -> ServerConnection:
        """Return the connection, or a new one with these settings; see `open_connection`. Raises ServerNotTrusted too.

        `narrate` is called on this loop.
        """
        loop = asyncio.get_running_loop()

        def narrated(text: str) -> None:
            loop.call_soon_threadsafe(narrate, text)

        async def connected() -> ServerConnection:
            if self._connection is None:
                # penguin.yaml may have been edited since the last attempt to connect.
                self._settings = settings
            return await self._connected(may_start=may_start, narrate=narrated, metrics=metrics)

        return await asyncio.wrap_future(self._run(connected()))

    async def host(self, workflow: type[ItuvWorkflow]) -> None:
        """Host workflows from now on. Raises BackendUnavailable."""

        async def begin() -> None:
            await self._begin_hosting(await self._open(), workflow)

        await asyncio.wrap_future(self._run(begin()))

    # --- on the thread's own event loop ---

    async def _ask(self, question: Callable[[TemporalClient], Awaitable[T]]) -> T | None:
        try:
            link = await self._open()
        except ServerNotRunning:
            return None
        try:
            return await question(link)
        except BackendUnavailable:
            if self._users == 1:
                # A development server may have ended, and another one may run next time.
                await self._close(ENDING)
            raise

    async def _open(self) -> TemporalClient:
        connection = await self._connected(may_start=False)
        if self._link is None:
            self._link = TemporalClient(connection, self._workspace, self._settings)
        return self._link

    async def _connected(
        self, *, may_start: bool, narrate: Callable[[str], None] = _silent, metrics: str | None = None
    ) -> ServerConnection:
        async with self._connecting:
            if self._connection is None:
                require_accepted_server(self._workspace, self._settings)
                if said := open_workspace(self._workspace):
                    narrate(said)
                self._connection = await open_connection(
                    self._settings.temporal, self._workspace, may_start=may_start, narrate=narrate, metrics=metrics
                )
            elif metrics is not None:
                telemetry.set_up_runtime(metrics)
            return self._connection

    def _may_host(self) -> bool:
        temporal = self._settings.temporal
        return bool(temporal.auto_start and is_loopback(temporal.address or ""))

    async def _hosted(self, link: TemporalClient, question: Callable[[TemporalClient], Awaitable[T]]) -> T:
        await self._begin_hosting(link, ItuvWorkflow)
        return await question(link)

    async def _begin_hosting(self, link: TemporalClient, workflow: type[ItuvWorkflow]) -> None:
        if self._host is None:
            self._host = hosting(link, workflow)
            self._hosting = asyncio.create_task(self._host.run())
            link.hosted = True

    async def _end(self, limit: float) -> None:
        await self._close(limit)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _close(self, limit: float) -> None:
        # Detach first: users that connect meanwhile get a new connection.
        host, hosted, self._host, self._hosting = self._host, self._hosting, None, None
        link, connection, self._link, self._connection = self._link, self._connection, None, None
        if host is not None and hosted is not None:
            await end(limit, (host, hosted))
        if link is not None:
            link.close()
        if connection is not None:
            await connection.aclose()


def _leaving() -> BackendUnavailable:
    return BackendUnavailable("the request to the Temporal server was cancelled: Penguin is quitting")

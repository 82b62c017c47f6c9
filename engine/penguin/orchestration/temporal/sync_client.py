"""A thread with a loop and a line to the server: for those who ask without a loop of their own, and to host workflows.

Workflows are hosted beside the loop of the program, so that they answer also while it waits for their answer.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.temporal.client.client import Link, NoWorker, open_link
from penguin.orchestration.temporal.client.tls import is_loopback
from penguin.orchestration.temporal.dev_server.server import NotStarted
from penguin.orchestration.temporal.worker.worker import ENDING, end, hosting
from penguin.orchestration.temporal.workflows.ituv import ItuvWorkflow

if TYPE_CHECKING:
    from temporalio.worker import Worker

    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.files.workspace import Workspace

T = TypeVar("T")

LIMIT = 90.0
"""Seconds that a question may take: each call to the server has a limit of its own."""


class Desk:
    """Asks the server for somebody who waits. Starts no server."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace = workspace
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="penguin-temporal", daemon=True)
        self._thread.start()
        self._link: Link | None = None
        self._host: Worker | None = None
        self._hosting: asyncio.Task[None] | None = None
        self._asked: concurrent.futures.Future[Any] | None = None
        self._refuses = False

    def ask(self, question: Callable[[Link], Awaitable[T]]) -> T | None:
        """What the server says; None where the workspace's own server does not run, so that nothing has changed.

        Raises BackendUnavailable, or what the question raises.
        """
        if self._refuses:
            raise _leaving()
        asked = asyncio.run_coroutine_threadsafe(self._ask(question), self._loop)
        self._asked = asked
        if self._refuses:
            # Interrupted between the two.
            asked.cancel()
        try:
            return asked.result(LIMIT)
        except concurrent.futures.CancelledError:
            raise _leaving() from None

    def interrupt(self) -> None:
        """Refuse what another thread asks at this moment, and whatever comes after it."""
        self._refuses = True
        if self._asked is not None:
            self._asked.cancel()

    def ask_workflow(self, question: Callable[[Link], Awaitable[T]]) -> T | None:
        """As `ask`, for what only workflows can say: where nobody hosts them and this process may, it does."""
        try:
            return self.ask(question)
        except NoWorker:
            if not self._may_host():
                raise
        return self.ask(lambda link: self._hosted(link, question))

    async def host(self, workflow: type[ItuvWorkflow]) -> None:
        """Host workflows from now on. Called on another loop than the desk's own. Raises BackendUnavailable."""

        async def begin() -> None:
            await self._begin_hosting(await self._open(), workflow)

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begin(), self._loop))

    def close(self, limit: float = ENDING) -> None:
        """Let go of the server, which has `limit` seconds to answer to the end of what is hosted."""
        asyncio.run_coroutine_threadsafe(self._end(limit), self._loop).result(LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self, limit: float) -> None:
        await self._close(limit)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _ask(self, question: Callable[[Link], Awaitable[T]]) -> T | None:
        try:
            link = await self._open()
        except NotStarted:
            return None
        try:
            return await question(link)
        except BackendUnavailable:
            # A development server may have ended, and another one be there next time.
            await self._close(ENDING)
            raise

    async def _open(self) -> Link:
        if self._link is None:
            self._link = await open_link(self._workspace, self._settings, may_start=False, narrate=lambda text: None)
        return self._link

    def _may_host(self) -> bool:
        temporal = self._settings.temporal
        return bool(temporal.auto_start and is_loopback(temporal.address or ""))

    async def _hosted(self, link: Link, question: Callable[[Link], Awaitable[T]]) -> T:
        await self._begin_hosting(link, ItuvWorkflow)
        return await question(link)

    async def _begin_hosting(self, link: Link, workflow: type[ItuvWorkflow]) -> None:
        if self._host is None:
            self._host = hosting(link, workflow)
            self._hosting = asyncio.create_task(self._host.run())
            link.hosted = True

    async def _close(self, limit: float) -> None:
        host, self._host = self._host, None
        if host is not None and self._hosting is not None:
            await end(limit, (host, self._hosting))
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()


def _leaving() -> BackendUnavailable:
    return BackendUnavailable("the Temporal server was asked no further: Penguin is leaving")

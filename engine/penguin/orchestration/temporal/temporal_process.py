"""The roles of this process on the server: a client from its first call on, and a worker where it may be one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import BackendUnavailable, WorkflowInfo, WorkflowStatus
from penguin.orchestration.execution.runner_api import PhaseRunner
from penguin.orchestration.files.engine_lock import is_alive
from penguin.orchestration.runtime.hosted_backend import (
    STOP_PATIENCE,
    refuse_steps,
    require_same_loop,
    scripted_runner,
    step_runner,
)
from penguin.orchestration.runtime.listeners import Listeners
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.temporal.client.tls import is_loopback
from penguin.orchestration.temporal.sync_client import SyncClient
from penguin.orchestration.temporal.worker.worker import ENDING, MOMENT, WorkspaceWorker, engines_of
from penguin.orchestration.temporal.workflows.task_workflow import ItuvWorkflow

if TYPE_CHECKING:
    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.files.engine_lock import EngineLock
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.runtime.task_catalog import CatalogLoader

LOOK = 0.05
"""Seconds between two checks of a step that is ending."""


class TemporalProcess:
    """This process as client and worker. It belongs to the event loop of the first call."""

    def __init__(self, workspace: Workspace, backlog: CatalogLoader) -> None:
        self.claims = True
        """False: workflows that it starts, resumes or retries are left to other workers."""
        self.takes_all = False
        """Attempts of every workflow of the project run here."""
        self.on_trouble: Callable[[str], None] = lambda problem: None
        """Called with a sentence when there is a problem, and with "" when it is over."""
        self.narrate: Callable[[str], None] = lambda text: None
        """Called with a message when a server is started or waited for."""
        self.metrics: str | None = None
        """HOST:PORT at which metrics are served."""
        self.listeners = Listeners()
        """Called with each workflow whose status or phase changed."""
        self.workflow: type[ItuvWorkflow] = ItuvWorkflow
        self.finish_stops = True
        """Closing waits for steps that a person asked to stop: no other process may be left to stop them."""
        self._workspace = workspace
        self._backlog = backlog
        self._scripted = scripted_runner()
        self._opening = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: TemporalClient | None = None
        self.sync_client: SyncClient | None = None
        """The connection that is shared with others; default: one of its own, from the first call on."""
        self._joined: SyncClient | None = None
        self._worker: WorkspaceWorker | None = None
        self._mine: set[str] = set()
        self._ending: set[str] = set()

    # --- client ---

    async def open_to(self, what: str) -> TemporalClient:
        """Return the client, to change something. Raises IllegalCommand inside a step, or the errors of `open`."""
        own = "" if self._worker is None else self._worker.engine
        await refuse_steps(self._workspace.root, engines_of(self._workspace), own, what)
        link = await self.open(may_start=True)
        await asyncio.to_thread(link.check_sharing)
        return link

    async def open(self, *, may_start: bool = False) -> TemporalClient:
        """Return the client. Raises the errors of `open_connection`, and WorkflowError on another event loop."""
        async with self._opening:
            if self._link is None:
                settings = self._backlog.settings(required=False)
                connection = await self._open_client(settings).connect(
                    settings, may_start=may_start, narrate=lambda text: self.narrate(text), metrics=self.metrics
                )
                self._link = TemporalClient(connection, self._workspace, settings)
                self._link.cache.listeners.append(self._heard)
                self._loop = asyncio.get_running_loop()
        require_same_loop(self._loop)
        return self._link

    def _open_client(self, settings: Settings) -> SyncClient:
        if self._joined is None:
            self._joined = self.sync_client or SyncClient(self._workspace, settings)
            self._joined.join()
        return self._joined

    def _heard(self, info: WorkflowInfo) -> None:
        self.listeners.notify(info)

    # --- worker ---

    @property
    def works_here(self) -> bool:
        """Return whether this process is a worker by default: for development, and for scripted phases."""
        temporal = self._backlog.settings(required=False).temporal
        return self._scripted is not None or bool(temporal.auto_start and is_loopback(temporal.address or ""))

    def claim(self, workflow_ids: Iterable[str]) -> None:
        """Run attempts of these workflows here, where this process may be a worker."""
        self._mine.update(workflow_ids)

    def watch_until_end(self, workflow_id: str) -> None:
        """Record that a person asked this workflow to stop at once: closing waits for that."""
        self._ending.add(workflow_id)

    async def host(self, link: TemporalClient) -> None:
        """Host workflows, so that they answer, where this process may."""
        if self._joined is not None and not link.hosted and (self.works_here or self.takes_all):
            await self._joined.host(self.workflow)
            link.hosted = True

    async def run_attempts(self) -> None:
        """Run the attempts of claimed workflows, where this process may."""
        link = await self.open()
        if self.takes_all or (self.claims and self.works_here):
            await self.host(link)
            worker = self.make_worker(link)
            if self.takes_all:
                worker.claims_all()

    def make_worker(self, link: TemporalClient) -> WorkspaceWorker:
        """Return the worker of this process."""
        if self._worker is None:
            self._worker = WorkspaceWorker(
                link,
                is_mine=lambda workflow_id: self._is_mine(link, workflow_id),
                make_runner=self._runner,
                on_trouble=lambda problem: self.on_trouble(problem),
            )
        return self._worker

    def _is_mine(self, link: TemporalClient, workflow_id: str) -> bool:
        """Return whether attempts of a workflow run here.

        So do those of a workflow whose worker is gone if workflows of this process wait for it.
        """
        if self.takes_all or workflow_id in self._mine:
            return True
        if is_alive(engines_of(self._workspace), link.cache.owner_of(workflow_id)):
            return False
        return link.cache.is_awaited(workflow_id, self._mine)

    def _runner(self, identity: EngineLock, lease: Path | None) -> PhaseRunner:
        if self._scripted is not None:
            return self._scripted
        return step_runner(identity.folder, lambda problem: self.on_trouble(problem), lease)

    def owned(self) -> list[WorkflowInfo]:
        """Return the active workflows that run in this process."""
        if self._link is None or self._worker is None:
            return []
        ids = self._mine | self._link.cache.owned_by(self._worker.engine)
        active = self._link.reader.list(statuses=WorkflowStatus.active(), limit=1_000_000)
        return [info for info in active if info.workflow_id in ids]

    async def drain(self, grace: float) -> None:
        """See WorkspaceWorker."""
        if self._worker is not None:
            await self._worker.drain(grace)

    # --- close ---

    async def aclose(self) -> None:
        """Leave running steps to be adopted, and disconnect from the server."""
        worker, self._worker = self._worker, None
        answered = True
        if worker is not None:
            if self.finish_stops:
                await self._finish_stops(worker)
            answered = await worker.aclose()
        # Close it after the worker, whose last messages need the workflows.
        sync_client, self._joined = self._joined, None
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if sync_client is not None:
            await asyncio.to_thread(sync_client.close, ENDING if answered else MOMENT)

    async def _finish_stops(self, worker: WorkspaceWorker) -> None:
        link = self._link
        if link is None:
            return
        deadline = time.monotonic() + STOP_PATIENCE
        for workflow_id in sorted(self._ending):
            try:
                seen = await link.visibility.look(workflow_id)
            except BackendUnavailable:
                # The next process ends it.
                return
            if seen is not None and seen.state.is_running and seen.state.owner == worker.engine:
                while worker.drives.is_under_way(workflow_id) and time.monotonic() < deadline:
                    await asyncio.sleep(LOOK)

"""TemporalBackend, the public interface of workflows on a Temporal server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import (
    BackendUnavailable,
    Delivery,
    WorkflowInfo,
    WorkflowPhase,
    WorkflowStatus,
)
from penguin.orchestration.core.workflow_info import workflow_info
from penguin.orchestration.runtime.hosted_backend import HostedBackend, wait_timeout
from penguin.orchestration.runtime.settled_check import SettledCheck
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.temporal.client.health import health, out_of_reach
from penguin.orchestration.temporal.messages import phases_queue
from penguin.orchestration.temporal.signals import SignalSender
from penguin.orchestration.temporal.start import WorkflowStarter
from penguin.orchestration.temporal.temporal_process import TemporalProcess

if TYPE_CHECKING:
    from penguin.orchestration.config import OrchestrationConfig
    from penguin.orchestration.runtime.health import Health
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin.orchestration.temporal.sync_client import SyncClient

FRESH = 0.2
"""Seconds for which a full update is recent enough when waiting starts: starting workflows does one, too."""
SYNC = 1.0
"""Seconds between two full updates while waiting."""
SOON, LATER = 0.05, 0.4
"""Seconds between two requests for a workflow that is waited for: they get rarer while nothing happens. Events of this
process are handled at once."""
AWAY = 30.0
"""Seconds without the server until waiting fails: it may be busy, or restarting."""


class TemporalBackend(HostedBackend):
    """Workflows on a Temporal server. Connects with the first call, on the event loop of that call."""

    name = "temporal"

    def __init__(self, config: OrchestrationConfig | None, root: Path) -> None:
        super().__init__(config, root)
        self.process = TemporalProcess(self.workspace, self._backlog)
        """This process as a client and a worker."""
        self._starts = WorkflowStarter(self._planner, self.process)
        self._signals = SignalSender(self._planner, self.process)

    def connect_through(self, sync_client: SyncClient) -> None:
        """Share the connection of a reader. Call it before anything else."""
        self.process.sync_client = sync_client

    # --- start ---

    async def start_tasks(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None = None,
        with_dependencies: bool = False,
        config: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> list[str]:
        return await self._starts.start(
            task_ids, blueprint_id=blueprint_id, with_dependencies=with_dependencies, config=config, by=by
        )

    async def record_done(self, task_ids: Sequence[str], *, blueprint_id: str | None = None, by: str = "") -> list[str]:
        return await self._starts.record_done(task_ids, blueprint_id, by)

    async def _retry(self, workflow_id: str, start_from: WorkflowPhase | None, *, restore: bool) -> str:
        return await self._starts.retry(workflow_id, start_from, restore=restore)

    async def retry_differences(self, workflow_id: str) -> list[str]:
        return await self._starts.differences(workflow_id)

    # --- signals ---

    async def signal_workflow(self, workflow_id: str, name: str, payload: Mapping[str, Any] | None = None) -> Delivery:
        return await self._signals.send(workflow_id, name, payload or {})

    # --- read ---

    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        link = await self.process.open()
        seen = await link.visibility.look(workflow_id)
        return link.reader.info(workflow_id) if seen is None else workflow_info(seen.state)

    async def _current_reader(self) -> WorkflowReader:
        link = await self.process.open()
        await link.visibility.sync()
        return link.reader

    async def _reader_of_events(self, workflow_id: str) -> WorkflowReader:
        link = await self.process.open()
        await self.process.host(link)
        await link.fetch_events(workflow_id)
        return link.reader

    async def _health(self) -> Health:
        settings = self._backlog.settings(required=False)
        try:
            link = await self.process.open()
            queue = phases_queue(link.task_queue, link.project_id)
            return await health(link.connection, queue, self._count_active)
        except BackendUnavailable as error:
            return out_of_reach(settings.temporal, error)

    async def _count_active(self) -> int:
        return len(await self.list_workflows(status_filter=WorkflowStatus.active(), limit=1_000_000))

    # --- wait and subscribe ---

    async def _wait(
        self, workflow_ids: Sequence[str], timeout: float | None, status: WorkflowStatus | None, *, at_rest: bool
    ) -> list[WorkflowInfo]:
        link = await self.process.open()
        deadline = None if timeout is None else time.monotonic() + timeout
        fresh, pause = FRESH, SOON
        while True:
            link.cache.require_in_place()
            before = [link.cache.seq_of(one) for one in workflow_ids]
            await self._look(link, workflow_ids, fresh, deadline)
            fresh = SYNC
            settling = SettledCheck(link.cache.connection, lambda workflow_id: None, at_rest=at_rest)
            settled = settling.all_settled(workflow_ids)
            # Read after the wait: a workflow that settled meanwhile is reported in its new state.
            infos = [info for one in workflow_ids if (info := link.reader.info(one)) is not None]
            if settled or all(info.status is status for info in infos):
                return infos
            if deadline is not None and time.monotonic() >= deadline:
                raise wait_timeout(infos, timeout or 0.0)
            changed = before != [link.cache.seq_of(one) for one in workflow_ids]
            pause = SOON if changed else min(2 * pause, LATER)
            moving = {info.workflow_id for info in infos if info.status.moving and info.status is not status}
            left = pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic()))
            await self._until_still(moving, status, left)

    async def _look(
        self, link: TemporalClient, workflow_ids: Sequence[str], fresh: float, deadline: float | None
    ) -> None:
        """Update the cache. Raises BackendUnavailable if the server stays out of reach."""
        until = time.monotonic() + AWAY if deadline is None else min(time.monotonic() + AWAY, deadline)
        troubled = False
        while True:
            try:
                await link.visibility.sync(fresh)
                await asyncio.gather(*(self._look_unless_final(link, one) for one in workflow_ids))
            except BackendUnavailable as error:
                if time.monotonic() >= until:
                    raise
                if not troubled:
                    troubled = True
                    self.process.narrate(f"{error}; still waiting")
                await asyncio.sleep(LATER)
            else:
                if troubled:
                    self.process.narrate(f"the Temporal server at {link.connection.address} answers again")
                return

    async def _until_still(self, moving: set[str], wanted: WorkflowStatus | None, limit: float) -> None:
        """Wait until the last of these is known to rest, or to have this status; at most `limit` seconds."""
        still = asyncio.Event()

        def hear(info: WorkflowInfo) -> None:
            if info.workflow_id in moving and (not info.status.moving or info.status is wanted):
                moving.discard(info.workflow_id)
                if not moving:
                    still.set()

        unlisten = self.listen(hear)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(still.wait(), limit)
        finally:
            unlisten()

    async def _look_unless_final(self, link: TemporalClient, workflow_id: str) -> None:
        known = link.reader.info(workflow_id)
        if known is None or not known.status.final:
            await link.existing(workflow_id)

    def listen(self, listener: Callable[[WorkflowInfo], None]) -> Callable[[], None]:
        return self.process.listeners.subscribe(listener)

    def serve_terminal(
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        process = self.process
        process.claims, process.on_trouble, process.narrate = claims, on_trouble, narrate

    def serve_metrics(self, address: str) -> None:
        self.process.metrics = address

    # --- worker ---

    @property
    def works_here(self) -> bool:
        return self.process.works_here

    def owned(self) -> list[WorkflowInfo]:
        return self.process.owned()

    async def run_engine(self) -> None:
        self.process.takes_all = True
        link = await self.process.open(may_start=True)
        await asyncio.to_thread(link.check_sharing)
        await self.process.run_attempts()

    async def failure(self) -> None:
        link = await self.process.open()
        while True:
            link.cache.require_in_place()
            await asyncio.sleep(LATER)

    async def drain(self, grace: float) -> None:
        await self.process.drain(grace)

    async def aclose(self) -> None:
        await self.process.aclose()

"""The worker: hosts workflows, and runs the attempts of one project in one working tree."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from penguin.orchestration.backend import IllegalCommand
from penguin.orchestration.execution.step_lease import StepLease
from penguin.orchestration.files.engine_lock import EngineLock
from penguin.orchestration.runtime.engine_socket import EngineSocket
from penguin.orchestration.store.queries import ENGINES
from penguin.orchestration.temporal.local_cache import FOLDER
from penguin.orchestration.temporal.messages import phases_queue
from penguin.orchestration.temporal.worker.activities import AttemptActivities
from penguin.orchestration.temporal.worker.artifact_sync import ArtifactSync
from penguin.orchestration.temporal.worker.ownership import OwnershipClient, OwnershipHeartbeat
from penguin.orchestration.temporal.worker.routing import AttemptRouter
from penguin.orchestration.temporal.worker.slots import SlotPool
from penguin.orchestration.temporal.worker.tree_lock import TreeLock
from penguin.orchestration.temporal.worker.worktree_id import site_of
from penguin.orchestration.temporal.workflows.task_workflow import ItuvWorkflow
from penguin.orchestration.temporal.workflows.worktree_owner import WorktreeOwnerWorkflow

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.core.signals import Approve
    from penguin.orchestration.execution.runner_api import PhaseRunner
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.temporal.client.client import TemporalClient

STICKY = timedelta(seconds=1)
"""How long a workflow waits for the worker that cached it, before any other may take it."""
THROTTLE = timedelta(seconds=0.5)
"""The interval at which heartbeats reach the server; cancellations are delivered with them."""
LEASE = "lease"
AT_ONCE = 20
"""Number of workflows that are routed at the same time."""
LAST_ANSWERS = timedelta(seconds=2)
"""Time for answers that are being looked up when the worker stops."""
LAST_WORDS = 1.0
"""Seconds to report and close finished workflows on the server, since no worker may be left to do it later."""
ENDING = 3.0
"""Seconds for workers to end: if a server does not answer, the SDK waits for more than a minute."""
MOMENT = 0.2
"""The same, if the server is known not to answer."""
WAITING = 200
"""Number of attempts that wait here for a slot, in order; more of them wait on the server."""


def engines_of(workspace: Workspace) -> Path:
    """Return the folder with the locks of a workspace's workers, next to the cache, whose reader looks there."""
    return workspace.state / FOLDER / ENGINES


async def _approve(workflow_id: str, _command: Approve) -> None:
    raise IllegalCommand(f"{workflow_id} is approved on the Temporal server, not by a worker")


def hosting(link: TemporalClient, workflow: type[ItuvWorkflow] = ItuvWorkflow) -> Worker:
    """Return the worker that hosts the workflows of the task queue."""
    return Worker(
        link.connection.client,
        task_queue=link.task_queue,
        workflows=[workflow, WorktreeOwnerWorkflow],
        # The workflow is little more than the pure state machine, so the sandbox would protect nothing.
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=STICKY,
        disable_eager_activity_execution=True,
    )


async def run(worker: Worker) -> None:
    """Run a worker until it is shut down or cancelled."""
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        if not running.cancelling():
            running.cancel()
        # A program may end its event loop without `aclose`. That cancels the tasks inside of the worker too, and then
        # its shutdown never completes.
        await asyncio.wait({running}, timeout=LAST_WORDS)
        running.cancel()
        await asyncio.wait({running})
        raise


async def end(limit: float, *running: tuple[Worker, asyncio.Task[None]]) -> bool:
    """End workers, in parallel, within `limit` seconds. Return whether all ended.

    The rest ends with the SDK or with the event loop. The server considers it lost and lets other workers repeat it.
    """
    ending = [asyncio.create_task(worker.shutdown()) for worker, task in running if not task.done()]
    _, left = await asyncio.wait([task for _, task in running], timeout=limit)
    for one in ending:
        one.cancel()
    return not left


class WorkspaceWorker:
    """The worker of one process, for the attempts of the project. Needs a running event loop.

    `is_mine` says which workflows' attempts run here. `make_runner` is given the lease for the steps.
    """

    def __init__(
        self,
        link: TemporalClient,
        *,
        is_mine: Callable[[str], bool],
        make_runner: Callable[[EngineLock, Path | None], PhaseRunner],
        on_trouble: Callable[[str], None],
    ) -> None:
        folder, engines = link.workspace.state / FOLDER, engines_of(link.workspace)
        self._identity = EngineLock(engines)
        self._socket = EngineSocket(link.workspace.root, self._identity.folder, _approve)
        self.engine = self._identity.id
        # If the tree is not shared, no other worker could continue, and no lease is needed.
        lease = StepLease(folder / LEASE) if link.files is not None else None
        self._runner = make_runner(self._identity, lease.path if lease else None)
        site = site_of(folder, link.task_queue, link.project_id, shares=link.files is not None)
        homes = OwnershipClient(link.connection, link.task_queue, site)
        shared = ArtifactSync(link.cache, link.workspace.db, link.files, link.output, lease, on_trouble)
        tree = TreeLock(folder, link.cache.holds_tree, link.visibility.look)
        slots = SlotPool(folder, engines, self.engine, link.max_parallel, tree)
        self._placing = AttemptRouter(link, homes, is_mine)
        self._holding = OwnershipHeartbeat(link.connection, site, lease)
        self.drives = AttemptActivities(link, homes, self._runner, slots, shared, self.engine, is_mine, on_trouble)
        answering = Worker(
            link.connection.client,
            task_queue=phases_queue(link.task_queue, link.project_id),
            activities=[self._placing.place],
            max_concurrent_activities=AT_ONCE,
            graceful_shutdown_timeout=LAST_ANSWERS,
            disable_eager_activity_execution=True,
        )
        running = Worker(
            link.connection.client,
            task_queue=site.queue,
            activities=[self.drives.drive, self._holding.hold],
            max_concurrent_activities=WAITING,
            max_heartbeat_throttle_interval=THROTTLE,
            default_heartbeat_throttle_interval=THROTTLE,
            disable_eager_activity_execution=True,
        )
        self._workers = [answering, running]
        self._running = [asyncio.create_task(run(worker)) for worker in self._workers]

    def claims_all(self) -> None:
        """Tell other processes of this machine that this worker takes all workflows without a worker."""
        self._identity.claims_all()

    async def drain(self, grace: float) -> None:
        """Start no more, let running steps continue for `grace` seconds, then stop them; they run again later."""
        self._placing.draining = True
        await self.drives.drain(grace)

    async def aclose(self) -> bool:
        """Leave running steps to be adopted, and stop. Return whether the server answered to the end."""
        self._placing.draining = True
        await self._socket.aclose()
        await self.drives.conclude(LAST_WORDS)
        running = self.drives.any_under_way()
        self.drives.leave()
        self._holding.leave()
        ended = await end(ENDING, *zip(self._workers, self._running, strict=True))
        if ended:
            await self.drives.closed(LAST_WORDS)
        await self._runner.aclose()
        self._identity.release()
        if not running:
            shutil.rmtree(self._identity.folder, ignore_errors=True)
        return ended

"""The worker: hosts workflows, and runs the attempts of one project in one working tree."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from penguin.orchestration.hosting.ownership import Identity
from penguin.orchestration.phases.attempt import PhaseRunner, Stop
from penguin.orchestration.store.reader import ENGINES
from penguin.orchestration.temporal.activities import Drives
from penguin.orchestration.temporal.mirror import FOLDER
from penguin.orchestration.temporal.protocol import phases_queue
from penguin.orchestration.temporal.slots import Slots
from penguin.orchestration.temporal.workflow import ItuvWorkflow

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.temporal.link import Link
    from penguin.orchestration.workspace import Workspace

STICKY = timedelta(seconds=1)
"""So long a workflow waits for the worker that knew it, before any other is as good."""
THROTTLE = timedelta(seconds=0.5)
"""Heartbeats reach the server at least so often; word of a cancellation comes back with them."""


def engines_of(workspace: Workspace) -> Path:
    """Where the workers of a workspace prove that they live; beside the mirror, whose reader looks there."""
    return workspace.state / FOLDER / ENGINES


def hosting(link: Link, workflow: type[ItuvWorkflow] = ItuvWorkflow) -> Worker:
    """What hosts the workflows of the task queue."""
    return Worker(
        link.connection.client,
        task_queue=link.task_queue,
        workflows=[workflow],
        # The workflow is the pure machine and little else: there is nothing to be kept from it.
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=STICKY,
        disable_eager_activity_execution=True,
    )


class WorkspaceWorker:
    """The worker of one process, for the attempts of the project. Needs a running loop.

    `is_mine` says which workflows' attempts are run here.
    """

    def __init__(
        self,
        link: Link,
        *,
        is_mine: Callable[[str], bool],
        make_runner: Callable[[Identity], PhaseRunner],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._link = link
        engines = engines_of(link.workspace)
        self._identity = Identity(engines)
        self.engine = self._identity.id
        self._runner = make_runner(self._identity)
        slots = Slots(link.workspace.state / FOLDER, engines, self._identity.id, link.max_parallel)
        self.drives = Drives(link, self._runner, slots, self._identity.id, is_mine, on_trouble)
        self._worker = Worker(
            link.connection.client,
            task_queue=phases_queue(link.task_queue, link.project_id),
            activities=[self.drives.drive],
            max_concurrent_activities=link.max_parallel,
            max_heartbeat_throttle_interval=THROTTLE,
            default_heartbeat_throttle_interval=THROTTLE,
            disable_eager_activity_execution=True,
        )
        self._running = asyncio.create_task(self._worker.run())

    def claims_all(self) -> None:
        """Tell others of this machine that this worker takes whatever nobody runs."""
        self._identity.claims_all()

    async def drain(self, grace: float) -> None:
        """Begin nothing more, give what runs `grace` seconds, then end it; it is run again later, nothing spent."""
        self.drives.draining = True
        deadline = asyncio.get_running_loop().time() + grace
        while self.drives.under_way and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        for drive in tuple(self.drives.under_way.values()):
            if drive.control is not None and drive.control.stop is not Stop.CANCEL:
                drive.control.ask(Stop.NOW)
        while any(drive.control is not None for drive in self.drives.under_way.values()):
            await asyncio.sleep(0.05)

    async def aclose(self) -> None:
        """Leave running steps to be taken over, and stop."""
        running = bool(self.drives.under_way)
        self.drives.leave()
        if not self._running.done():
            await self._worker.shutdown()
        await asyncio.wait({self._running})
        await self._runner.aclose()
        self._identity.release()
        if not running:
            shutil.rmtree(self._identity.folder, ignore_errors=True)

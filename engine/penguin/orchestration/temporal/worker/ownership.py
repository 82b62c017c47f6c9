"""The ownership of blueprints' files, as claimed by the workers of one working tree."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.temporal.client.client import TASK_LIMIT
from penguin.orchestration.temporal.messages import HOLD, HOME, WorktreeOwner, WorktreeSite, decode, encode
from penguin.orchestration.temporal.worker.errors import WorkerDraining
from penguin.orchestration.temporal.workflows.worktree_owner import MEMO, owner_workflow_id

if TYPE_CHECKING:
    from temporalio.client import AsyncActivityHandle

    from penguin.orchestration.execution.step_lease import StepLease
    from penguin.orchestration.temporal.client.connection import ServerConnection

log = logging.getLogger(__name__)

LEASE = 8.0
"""Seconds from the last heartbeat that the server received for which steps may run. It is longer than an owner workflow
waits for a heartbeat, and shorter than it then waits for the tree's workers to return."""
BEAT = 1.5
"""Seconds between two heartbeats."""
BEAT_LIMIT = 2.0
"""Time-out of a heartbeat, in seconds."""
CLAIM_LIMIT = 8.0
"""Time-out of an owner workflow's answer, in seconds: another worker may host it, which is starting."""


async def home_of(
    connection: ServerConnection, task_queue: str, project_id: str, blueprint_id: str
) -> WorktreeOwner | None:
    """Return the current owner of a blueprint; None if there is none yet. Raises BackendUnavailable."""
    handle = connection.client.get_workflow_handle(owner_workflow_id(task_queue, project_id, blueprint_id))
    try:
        described = await connection.call(handle.describe())
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    home = decode((await described.memo())[MEMO], WorktreeOwner)
    # If its workflow was terminated, it is unknown whether its tree is alive.
    return home if described.status is WorkflowExecutionStatus.RUNNING else WorktreeOwner(site=home.site)


class OwnershipClient:
    """The owners, as seen from one working tree."""

    def __init__(self, connection: ServerConnection, task_queue: str, site: WorktreeSite) -> None:
        self._connection = connection
        self._task_queue = task_queue
        self.site = site

    async def look(self, project_id: str, blueprint_id: str) -> WorktreeOwner | None:
        """See `home_of`."""
        return await home_of(self._connection, self._task_queue, project_id, blueprint_id)

    async def claim(
        self, project_id: str, blueprint_id: str, last: WorktreeOwner | None, *, take: bool
    ) -> WorktreeOwner:
        """Claim a blueprint; see WorktreeOwnerWorkflow. Raises BackendUnavailable.

        `last`: the owner as last seen. Starts the owner workflow if there is none, or none any more.
        """
        client = self._connection.client
        argument = encode(last or WorktreeOwner())
        start = client.start_workflow(
            HOME,
            argument,
            id=owner_workflow_id(self._task_queue, project_id, blueprint_id),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_queue=self._task_queue,
            task_timeout=TASK_LIMIT,
            memo={MEMO: argument},
        )
        home = await self._connection.call(start)
        claim = home.execute_update("claim", args=[encode(self.site), take], result_type=str)
        return decode(await self._connection.call(claim, CLAIM_LIMIT), WorktreeOwner)

    def is_here(self, home: WorktreeOwner | None) -> bool:
        """Return whether this working tree is the owner."""
        return home is not None and home.site is not None and home.site.tree == self.site.tree


class OwnershipHeartbeat:
    """The heartbeat of this working tree. Each one that the server receives renews the lease on its steps."""

    def __init__(self, connection: ServerConnection, site: WorktreeSite, lease: StepLease | None) -> None:
        self._connection = connection
        self._site = site
        self._lease = lease
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop; other workers of the tree may take over."""
        self._leaving.set()

    @activity.defn(name=HOLD)
    async def hold(self, argument: str) -> str:
        """Send heartbeats until this worker stops, or the server considers the activity lost."""
        if self._leaving.is_set():
            raise WorkerDraining
        if decode(argument, WorktreeOwner).vacant:
            await self._come_back()
        handle = self._connection.client.get_async_activity_handle(task_token=activity.info().task_token)
        while not self._leaving.is_set() and await self._is_heard(handle):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), BEAT)
        return ""

    async def _come_back(self) -> None:
        """Claim again: the tree was considered dead."""
        home = self._connection.client.get_workflow_handle(activity.info().workflow_id or "")
        claim = home.execute_update("claim", args=[encode(self._site), False], result_type=str)
        await self._connection.call(claim, CLAIM_LIMIT)

    async def _is_heard(self, handle: AsyncActivityHandle) -> bool:
        """Send one heartbeat.

        Return False if the server considers this activity lost: another one has started, or will.
        """
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            await self._connection.call(handle.heartbeat(), BEAT_LIMIT)
        except BackendUnavailable as error:
            log.info("not heard: %s", error)
        except (RPCError, AsyncActivityCancelledError) as error:
            log.info("a home is not held by this activity any more: %s", error)
            return False
        else:
            if self._lease is not None:
                self._lease.renew_until(asked + LEASE)
        return True

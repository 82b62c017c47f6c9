"""The updates of the local cache from the server's list of workflows, which need no worker."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from penguin.orchestration.temporal.client.memo import (
    DEFINITION,
    STATE,
    UnreadableMemo,
    WorkflowSnapshot,
    decode_memo,
    ended_from_outside,
)
from penguin.orchestration.temporal.messages import WORKFLOW

if TYPE_CHECKING:
    from temporalio.client import WorkflowExecution

    from penguin.orchestration.temporal.client.connection import ServerConnection
    from penguin.orchestration.temporal.local_cache import LocalCache

log = logging.getLogger(__name__)

LAG = 120.0
"""Seconds. Lists lag behind, so workflows that closed this long before the last update are requested again."""
PAGE = 500
PAGE_LIMIT = 10.0
"""Time-out of one page of a list, in seconds."""
AT_ONCE = 20
"""Number of workflows that are requested at a time."""


class VisibilityReader:
    """The reader of the server's lists, which updates the cache."""

    def __init__(self, connection: ServerConnection, task_queue: str, cache: LocalCache) -> None:
        self._connection = connection
        self._cache = cache
        self._ours = f"TaskQueue = '{task_queue}' AND WorkflowType = '{WORKFLOW}'"
        self._synced_at = -math.inf

    async def look(self, workflow_id: str) -> WorkflowSnapshot | None:
        """Return the current state of a workflow, or None if the server does not know it."""
        handle = self._connection.client.get_workflow_handle(workflow_id)
        try:
            seen = await _seen(await self._connection.call(handle.describe()))
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return None
            raise
        if seen is not None:
            self._cache.update(seen)
        return seen

    async def look_at(self, workflow_ids: set[str]) -> None:
        """Request several workflows; remove those that the server does not know."""
        ids = sorted(workflow_ids)
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            found = await asyncio.gather(*map(self.look, some), return_exceptions=True)
            for workflow_id, seen in zip(some, found, strict=True):
                if seen is None:
                    self._cache.forget(workflow_id)
                elif isinstance(seen, UnreadableMemo):
                    log.warning("%r is shown as it was: %s", workflow_id, seen)
                elif isinstance(seen, BaseException):
                    raise seen

    async def sync(self, fresh: float = 0.0) -> None:
        """Update the cache, unless that was done in the last `fresh` seconds.

        Lists lag a moment behind, but newer states in the cache stay.
        """
        begun = time.monotonic()
        if self._synced_at < begun - fresh:
            await self._sync()
            self._synced_at = max(self._synced_at, begun)

    async def _sync(self) -> None:
        begun = time.time()
        since = self._cache.synced_at
        closed = f"{self._ours} AND ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'"
        if since:
            closed += f" AND CloseTime > '{datetime.fromtimestamp(since - LAG, UTC).isoformat()}'"
        running = f"{self._ours} AND ExecutionStatus = 'Running'"
        lists = await asyncio.gather(self._list(closed), self._list(running))
        found = [seen for one in lists for seen in one]
        self._cache.update(*found)
        await self.look_at(self._cache.active() - {seen.state.workflow_id for seen in found})
        self._cache.note_synced(begun)

    async def _list(self, query: str) -> list[WorkflowSnapshot]:
        pages = self._connection.client.list_workflows(query, page_size=PAGE)
        found: list[WorkflowSnapshot] = []
        while True:
            await self._connection.call(pages.fetch_next_page(), PAGE_LIMIT)
            found += [seen for one in pages.current_page or () if (seen := await _seen_in_list(one)) is not None]
            if not pages.next_page_token:
                return found


async def _seen_in_list(execution: WorkflowExecution) -> WorkflowSnapshot | None:
    """Return the state of a listed workflow. Warn about one that can't be read, and leave it out."""
    try:
        return await _seen(execution)
    except UnreadableMemo as error:
        log.warning("%r is not shown: %s", execution.id, error)
        return None


async def _seen(execution: WorkflowExecution) -> WorkflowSnapshot | None:
    memo = await execution.memo()
    if STATE not in memo or DEFINITION not in memo:
        return None
    seen = decode_memo(memo[STATE], memo[DEFINITION])
    if execution.status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
        return seen
    closed = execution.close_time or datetime.now(UTC)
    return ended_from_outside(seen, execution.status.name, closed.timestamp())

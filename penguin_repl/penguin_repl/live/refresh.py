"""Periodic refresh of the active workflows, including those that other processes run."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.live.poller import EMPTY_RESULT, WorkflowPoller

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session
    from penguin_repl.live.poller import PollResult

POLL_INTERVAL = 1.0
"""Seconds between two polls. Only polling detects changes by other processes."""
REFRESH_DELAY = 0.03
"""Seconds to wait after a change, so that several changes share one poll."""
PAUSE_FACTOR = 10
"""The ratio of a pause to the poll before it, so that slow polls leave time for other work."""


class WorkflowRefresher:
    """The state of the active workflows at the last poll.

    `row_count` returns the number of workflows to poll in detail. `on_update` is called after a poll with a different
    result, `on_settled` with each workflow that ended or blocked since the previous poll.
    """

    def __init__(
        self,
        session: Session,
        on_settled: Callable[[WorkflowInfo], None],
        on_update: Callable[[], None],
        row_count: Callable[[], int] = lambda: 0,
    ) -> None:
        self.latest: PollResult = EMPTY_RESULT
        self._session = session
        self._poller = WorkflowPoller(session)
        self._on_settled = on_settled
        self._on_update = on_update
        self._row_count = row_count
        self._timer: asyncio.TimerHandle | None = None
        self._poll_task: asyncio.Task[None] | None = None
        """A server that hangs may delay a poll. The next poll starts when it is done."""
        self._not_before = 0.0
        self._is_first_poll = True
        self._stopped = False

    def refresh_soon(self) -> None:
        """Schedule a refresh shortly after a change."""
        self._schedule(REFRESH_DELAY)

    def refresh(self) -> None:
        """Refresh now, and periodically from now on."""
        self._timer = None
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = asyncio.get_running_loop().create_task(self._poll())
        self._schedule(POLL_INTERVAL)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        rows = self._row_count()
        try:
            poll = await self._session.run_in_reader_thread(lambda: self._poller.poll(rows))
        except WorkflowError:
            # Commands report the error; keep the previous state here.
            return
        finally:
            self._not_before = loop.time() + PAUSE_FACTOR * (loop.time() - began)
        if poll.counts.total:
            # In a thread, so that the prompt handles keys meanwhile.
            await asyncio.to_thread(import_module, "penguin_repl.terminal.draw")
        if self._stopped:
            return
        for info in (*poll.finished, *poll.newly_blocked):
            self._on_settled(info)
        # Ended workflows have been reported and are not part of the current state.
        poll = poll._replace(finished=(), newly_blocked=())
        # The remaining time of the rows changes even if nothing else does.
        if self._is_first_poll or poll.rows or poll != self.latest:
            self.latest = poll
            self._on_update()
        self._is_first_poll = False

    def stop(self) -> None:
        """Stop refreshing."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._poll_task is not None:
            self._poll_task.cancel()

    def _schedule(self, delay: float) -> None:
        """Schedule a refresh, unless an earlier one is planned. Continuous changes must not postpone it forever."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        when = max(loop.time() + delay, min(self._not_before, loop.time() + POLL_INTERVAL))
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self.refresh)

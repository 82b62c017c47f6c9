"""Keeping an eye on the active workflows, those that other processes run included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.live.poller import EMPTY_RESULT, WorkflowPoller

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session
    from penguin_repl.live.poller import PollResult

POLL_INTERVAL = 1.0
"""Seconds between two looks: what other processes change is noticed by nothing else."""
REFRESH_DELAY = 0.03
"""Seconds after a change in which others may come, to be looked at together."""
PAUSE_FACTOR = 10
"""The ratio of a pause to the poll before it, so that slow polls leave time for other work."""


class WorkflowRefresher:
    """Knows the active workflows as they stood a moment ago.

    `rows` says how many of them to know in detail. `differs` is called after a look that found something else than
    the one before, `told` with every workflow that came to its end or blocked in between.
    """

    def __init__(
        self,
        session: Session,
        told: Callable[[WorkflowInfo], None],
        differs: Callable[[], None],
        rows: Callable[[], int] = lambda: 0,
    ) -> None:
        self.latest: PollResult = EMPTY_RESULT
        self._session = session
        self._poller = WorkflowPoller(session)
        self._on_settled = told
        self._on_update = differs
        self._row_count = rows
        self._timer: asyncio.TimerHandle | None = None
        self._poll_task: asyncio.Task[None] | None = None
        """A server that hangs may keep a look waiting; the next one begins when it is back."""
        self._not_before = 0.0
        self._is_first_poll = True
        self._stopped = False

    def refresh_soon(self) -> None:
        """Something changed: look again in a moment."""
        self._schedule(REFRESH_DELAY)

    def refresh(self) -> None:
        """Look now, and from now on again and again."""
        self._timer = None
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = asyncio.get_running_loop().create_task(self._poll())
        self._schedule(POLL_INTERVAL)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        rows = self._row_count()
        try:
            seen = await self._session.run_in_reader_thread(lambda: self._poller.poll(rows))
        except WorkflowError:
            # Commands report the error; keep the previous state here.
            return
        finally:
            self._not_before = loop.time() + PAUSE_FACTOR * (loop.time() - began)
        if self._stopped:
            return
        for info in (*seen.finished, *seen.newly_blocked):
            self._on_settled(info)
        # What is over was told: it is no part of how things stand.
        seen = seen._replace(finished=(), newly_blocked=())
        # The time that is left to the rows goes by, whatever else happens.
        if self._is_first_poll or seen.rows or seen != self.latest:
            self.latest = seen
            self._on_update()
        self._is_first_poll = False

    def stop(self) -> None:
        """Look no more, whatever changes."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._poll_task is not None:
            self._poll_task.cancel()

    def _schedule(self, delay: float) -> None:
        """Look then, unless a look is planned for an earlier time: changes that go on must not put it off for ever."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        when = max(loop.time() + delay, min(self._not_before, loop.time() + POLL_INTERVAL))
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self.refresh)

"""Keeping an eye on the active workflows, those that other processes run included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.live.poller import NOTHING, Survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session
    from penguin_repl.live.poller import Seen

EVERY = 1.0
"""Seconds between two looks: what other processes change is noticed by nothing else."""
SOON = 0.03
"""Seconds after a change in which others may come, to be looked at together."""
SHARE = 10
"""A look that took long is followed by a pause so many times as long: looking leaves time for all else."""


class Watch:
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
        self.seen: Seen = NOTHING
        self._session = session
        self._survey = Survey(session)
        self._told = told
        self._differs = differs
        self._rows = rows
        self._planned: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        """A server that hangs may keep a look waiting; the next one begins when it is back."""
        self._not_before = 0.0
        self._first = True
        self._over = False

    def soon(self) -> None:
        """Something changed: look again in a moment."""
        self._plan(SOON)

    def look(self) -> None:
        """Look now, and from now on again and again."""
        self._planned = None
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        self._plan(EVERY)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        rows = self._rows()
        try:
            seen = await self._session.aside(lambda: self._survey.look(rows))
        except WorkflowError:
            # Whoever types a command is told; here what was known before will do.
            return
        finally:
            self._not_before = loop.time() + SHARE * (loop.time() - began)
        if self._over:
            return
        for info in (*seen.over, *seen.blocked):
            self._told(info)
        # What is over was told: it is no part of how things stand.
        seen = seen._replace(over=(), blocked=())
        # The time that is left to the rows goes by, whatever else happens.
        if self._first or seen.rows or seen != self.seen:
            self.seen = seen
            self._differs()
        self._first = False

    def stop(self) -> None:
        """Look no more, whatever changes."""
        self._over = True
        if self._planned is not None:
            self._planned.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _plan(self, delay: float) -> None:
        """Look then, unless a look is planned for an earlier time: changes that go on must not put it off for ever."""
        if self._over:
            return
        loop = asyncio.get_running_loop()
        when = max(loop.time() + delay, min(self._not_before, loop.time() + EVERY))
        if self._planned is not None:
            if self._planned.when() <= when:
                return
            self._planned.cancel()
        self._planned = loop.call_at(when, self.look)

"""Keeping an eye on the active workflows, those that other processes run included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import ACTIVE, WorkflowError, WorkflowStatus
from penguin_repl.toolbar import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session

EVERY = 1.0
"""Seconds between two looks: what other processes change is noticed by nothing else."""
SOON = 0.03
"""Seconds after a change in which others may come, to be looked at together."""


class Seen(NamedTuple):
    """What a look found."""

    active: Sequence[WorkflowInfo]
    over: Sequence[WorkflowInfo]
    """Those that were active at the look before, and came to their end."""


class Watch:
    """Knows the active workflows as they stood a moment ago.

    `differs` is called after a look that found something else than the one before, `told` with every workflow that
    came to its end or blocked in between.
    """

    def __init__(self, session: Session, told: Callable[[WorkflowInfo], None], differs: Callable[[], None]) -> None:
        self.active: Sequence[WorkflowInfo] = ()
        """The newest ones, at most one more than the toolbar counts."""
        self._session = session
        self._told = told
        self._differs = differs
        self._seen: dict[str, WorkflowStatus] = {}
        self._planned: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        """A server that hangs may keep a look waiting; the next one begins when it is back."""
        self._first = True
        self._over = False

    def soon(self) -> None:
        """Something changed: look again in a moment."""
        self._plan(SOON)

    def look(self) -> None:
        """Look now, and from now on again and again."""
        self._plan(EVERY)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            seen = await self._session.aside(self._read)
        except WorkflowError:
            # Whoever types a command is told; here what was known before will do.
            return
        if self._over:
            return
        self._tell(seen)
        if self._first or seen.active != self.active:
            self.active = seen.active
            self._differs()
        self._first = False

    def stop(self) -> None:
        """Look no more, whatever changes."""
        self._over = True
        self._unplan()
        if self._looking is not None:
            self._looking.cancel()

    def _read(self) -> Seen:
        """Not on the loop."""
        reader = self._session.reader
        active = reader.list(statuses=ACTIVE, limit=LIMIT + 1)
        gone = self._seen.keys() - {info.workflow_id for info in active}
        found = (reader.info(workflow_id) for workflow_id in sorted(gone))
        return Seen(active, [info for info in found if info is not None and info.status.final])

    def _plan(self, delay: float) -> None:
        self._unplan()
        if not self._over:
            self._planned = asyncio.get_running_loop().call_later(delay, self.look)

    def _unplan(self) -> None:
        if self._planned is not None:
            self._planned.cancel()

    def _tell(self, seen: Seen) -> None:
        for info in seen.over:
            self._told(info)
        for info in seen.active:
            before = self._seen.get(info.workflow_id)
            blocked = info.status is WorkflowStatus.BLOCKED
            # What had blocked before the shell began is no news.
            if blocked and not self._first and before is not info.status:
                self._told(info)
        self._seen = {info.workflow_id: info.status for info in seen.active}

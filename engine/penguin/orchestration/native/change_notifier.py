"""Notification of coroutines that wait for changes of workflows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence


class ChangeNotifier:
    """Futures by workflow. Used on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def next_change(self, workflow_ids: Sequence[str]) -> asyncio.Future[None]:
        """Return a future that is done at the next change of one of these workflows, whichever process makes it.

        A change is one of the status, or of whether an attempt runs. Cancel the future when it is no longer needed.
        """
        change: asyncio.Future[None] = self._loop.create_future()
        for workflow_id in workflow_ids:
            self._waiters[workflow_id].add(change)
        change.add_done_callback(lambda done: self._forget(workflow_ids, done))
        return change

    def notify(self, workflow_id: str) -> None:
        """Complete the futures of this workflow."""
        for change in tuple(self._waiters.get(workflow_id, ())):
            if not change.done():
                change.set_result(None)

    def notify_all(self) -> None:
        """Complete all futures."""
        for workflow_id in tuple(self._waiters):
            self.notify(workflow_id)

    def _forget(self, workflow_ids: Sequence[str], change: asyncio.Future[None]) -> None:
        for workflow_id in workflow_ids:
            waiters = self._waiters.get(workflow_id)
            if waiters is not None:
                waiters.discard(change)
                if not waiters:
                    del self._waiters[workflow_id]

"""Notification of coroutines that wait for changes of workflows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from penguin.orchestration.backend import WorkflowError


class ChangeNotifier:
    """Futures by workflow. Used on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._failure: WorkflowError | None = None
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def next_change(self, workflow_ids: Sequence[str]) -> asyncio.Future[None]:
        """Return a future that is done at the next change of one of these workflows, whichever process makes it.

        A change is one of the status, or of whether an attempt runs. The future raises WorkflowError if no change can
        be recorded any more. Cancel it when it is no longer needed.
        """
        change: asyncio.Future[None] = self._loop.create_future()
        if self._failure is not None:
            change.set_exception(self._failure)
            return change
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

    async def failure(self) -> None:
        """Wait until no change can be recorded any more, and raise the reason."""
        while True:
            # No workflow has an empty id: only `notify_all` and `fail` complete this.
            await self.next_change([""])

    def fail(self, error: WorkflowError | None) -> None:
        """Make all futures raise an error, also later ones; None ends that."""
        self._failure = error
        if error is not None:
            for change in {change for waiters in self._waiters.values() for change in waiters}:
                if not change.done():
                    change.set_exception(error)

    def _forget(self, workflow_ids: Sequence[str], change: asyncio.Future[None]) -> None:
        for workflow_id in workflow_ids:
            waiters = self._waiters.get(workflow_id)
            if waiters is not None:
                waiters.discard(change)
                if not waiters:
                    del self._waiters[workflow_id]

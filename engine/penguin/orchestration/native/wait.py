"""The condition of a wait, checked at every change and therefore cheap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.runtime.settled_check import SettledCheck


class WaitCondition:
    """Workflows that should all be settled, or all have one status.

    While one of them is neither, no change of the others ends the wait, so only that one is checked again.
    """

    def __init__(
        self,
        workflow_ids: Sequence[str],
        status: WorkflowStatus | None,
        status_of: Callable[[str], WorkflowStatus],
        new_check: Callable[[], SettledCheck],
    ) -> None:
        self._ids = tuple(workflow_ids)
        self._not_over = list(workflow_ids)
        self._status = status
        self._status_of = status_of
        self._new_check = new_check
        self.settled = False
        """Whether all of them were settled at the last check."""

    def pending(self) -> set[str]:
        """Return the workflows of which one must change before the wait can end; empty if it may be over."""
        obstacles = self._unsettled()
        self.settled = not obstacles
        if obstacles and self._status is not None:
            unlike = self._with_other_status(self._status)
            return obstacles | unlike if unlike else unlike
        return obstacles

    def _unsettled(self) -> set[str]:
        """Return the first workflow that is not settled, with those that it depends on."""
        check = self._new_check()
        unsettled: list[str] = []
        for index, workflow_id in enumerate(self._not_over):
            # A final workflow never continues; a blocked or paused one may.
            if self._status_of(workflow_id).final:
                continue
            if not check.all_settled([workflow_id]):
                self._not_over[:index] = unsettled
                return {workflow_id, *check.watched}
            unsettled.append(workflow_id)
        self._not_over = unsettled
        return set()

    def _with_other_status(self, status: WorkflowStatus) -> set[str]:
        """Return the first workflow that does not have this status."""
        return next(({workflow_id} for workflow_id in self._ids if self._status_of(workflow_id) is not status), set())

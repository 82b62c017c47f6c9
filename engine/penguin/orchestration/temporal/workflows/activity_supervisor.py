"""The conductor of a workflow: sees to it that there is a drive when one is wanted, and dismisses it when not.

A drive is asked for in two steps: some worker of the project says in which working tree the attempts are to be run,
then a worker of that tree drives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import PRIORITIES
from penguin.orchestration.core.state import State
from penguin.orchestration.temporal.messages import DRIVE, PLACE, AttemptsRequest, Routed, decode, encode, phases_queue

LONG = timedelta(days=365)
"""A drive ends by itself; its attempts have time-outs of their own."""
ANSWER = timedelta(seconds=10)
"""An answer where to drive comes at once; a worker that says nothing for so long is dead."""
HEARTBEAT = timedelta(seconds=5)
"""The same for one that drives."""
UNTIL_BEGUN = timedelta(seconds=10)
"""A drive that no worker of its tree has taken by then is asked for anew; the next is given twice that, and so on."""
LONGEST_UNTIL_BEGUN = timedelta(minutes=5)
INFRASTRUCTURE = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
"""For answers. Attempts that fail are the machine's business."""
NOBODY = timedelta(seconds=2)
"""Before it is asked for anew, where workers run only what they started themselves."""
QUEUED, BEGUN, LEFT = "queued", "begun", "left"
"""Stages of a drive: not begun, at work, and told that there is nothing more to do."""
FIRST_LOOK, LAST_LOOK = 0.5, 30.0
"""Seconds between two looks at what it waits for: doubled from the first to the last."""
HANDED_ON = ("Draining", "Moved")
"""A worker that goes in order."""


class ActivitySupervisor:
    """See the module. `state` is the workflow's; `changed` is called when there may be something else to do."""

    def __init__(
        self,
        ticket: int,
        term: int,
        state: Callable[[], State],
        changed: Callable[[], None],
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self.ticket, self.term = ticket, term
        """The number of the newest drive, and which word of it counts: a drive that begins gets a higher one."""
        self.look_at = 0.0
        """When it is looked next whether it can begin, seconds since the epoch."""
        self.told = False
        """The completion was told to those who waited for it."""
        self._state = state
        self._changed = changed
        self._heartbeat = heartbeat
        self._drive: asyncio.Task[None] | None = None
        self._stage = QUEUED
        self._nudged = False
        self._mishaps = 0
        self._look_delay = FIRST_LOOK
        self._until_begun = UNTIL_BEGUN

    @property
    def idle(self) -> bool:
        """Whether there is no drive."""
        return self._drive is None

    @property
    def at_work(self) -> bool:
        """Whether the drive runs attempts."""
        return self._stage == BEGUN

    def want(self) -> None:
        """There should be a drive."""
        if self._drive is None:
            self.ticket += 1
            self._stage, self._nudged = QUEUED, False
            self._drive = asyncio.create_task(self._driven(self.ticket))
            self._drive.add_done_callback(self._over)

    def _over(self, drive: asyncio.Task[None]) -> None:
        self._drive = None
        self._changed()

    def began(self) -> None:
        """The drive runs attempts from now on."""
        self._stage = BEGUN

    def left(self) -> None:
        """The drive was told that there is nothing more to do."""
        self._stage = LEFT

    def dismiss(self) -> None:
        """A drive that has not begun yet need not come any more."""
        if self._stage == QUEUED:
            self.nudge()

    def nudge(self) -> None:
        """Make the drive ask what is wanted: all that a server can tell an activity is that it is cancelled."""
        if self._drive is not None and not self._nudged:
            self._nudged = True
            self._drive.cancel()

    def look_again(self, now: float) -> None:
        """What was waited for may be there."""
        self.look_at, self._look_delay = now, FIRST_LOOK

    async def _driven(self, ticket: int) -> None:
        try:
            if self._mishaps > 1:
                await workflow.sleep(min(2.0 ** (self._mishaps - 2), LAST_LOOK))
            queue = await self._place(ticket)
            if not queue:
                self._look_later()
                return
            self.told = await self._run(ticket, queue) == "told"
            self._mishaps, self._until_begun = 0, UNTIL_BEGUN
        except ActivityError as error:
            await self._heed(error)
        except asyncio.CancelledError:
            # Dismissed, or its worker died while it was being stopped: what is wanted now is seen in the state.
            self._mishaps += not self._nudged

    async def _place(self, ticket: int) -> str:
        answer = await workflow.execute_activity(
            PLACE,
            self._wanted(ticket),
            task_queue=phases_queue(workflow.info().task_queue, self._state().definition.task.project_id),
            result_type=str,
            start_to_close_timeout=ANSWER,
            retry_policy=INFRASTRUCTURE,
            cancellation_type=workflow.ActivityCancellationType.ABANDON,
            priority=Priority(priority_key=self._priority()),
        )
        return decode(answer, Routed).queue

    async def _run(self, ticket: int, queue: str) -> str:
        return str(
            await workflow.execute_activity(
                DRIVE,
                self._wanted(ticket),
                task_queue=queue,
                result_type=str,
                start_to_close_timeout=LONG,
                schedule_to_start_timeout=self._until_begun,
                heartbeat_timeout=self._heartbeat,
                # Another one may have to be run elsewhere.
                retry_policy=RetryPolicy(maximum_attempts=1),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                priority=Priority(priority_key=self._priority()),
            )
        )

    async def _heed(self, error: ActivityError) -> None:
        cause = error.cause
        if isinstance(cause, TimeoutError) and cause.type is TimeoutType.SCHEDULE_TO_START:
            # Gone, or busy: where it is busy, asking often only makes the history longer.
            self._until_begun = min(2 * self._until_begun, LONGEST_UNTIL_BEGUN)
        elif isinstance(cause, ApplicationError) and cause.type == "NotMine":
            await workflow.sleep(NOBODY)
        elif not (isinstance(cause, ApplicationError) and cause.type in HANDED_ON):
            self._mishaps += not self._nudged

    def _look_later(self) -> None:
        self.look_at = workflow.time() + self._look_delay
        self._look_delay = min(2 * self._look_delay, LAST_LOOK)

    def _wanted(self, ticket: int) -> str:
        return encode(AttemptsRequest(workflow_id=self._state().workflow_id, ticket=ticket))

    def _priority(self) -> int:
        # What has begun goes on before anything new begins.
        if self._state().phase is not WorkflowPhase.PENDING:
            return 1
        return 2 + PRIORITIES.index(self._state().definition.task.priority)

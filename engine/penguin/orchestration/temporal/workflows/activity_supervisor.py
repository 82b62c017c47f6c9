"""The supervisor of a workflow's attempt activity: starts one when it is needed, and ends it when it is not.

Starting one takes two steps: a worker of the project decides in which working tree the attempts run, then a worker of
that tree runs the activity.
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
from penguin.orchestration.temporal.messages import (
    DRAINING,
    DRIVE,
    MOVED,
    NOT_STARTED_HERE,
    PLACE,
    AttemptsRequest,
    Routed,
    decode,
    encode,
    phases_queue,
)

LONG = timedelta(days=365)
"""An activity ends by itself; its attempts have time-outs of their own."""
ANSWER = timedelta(seconds=10)
"""Routing is quick; a worker that does not answer in this time is dead."""
HEARTBEAT = timedelta(seconds=5)
"""The same for a worker that runs attempts."""
UNTIL_BEGUN = timedelta(seconds=10)
"""An activity that no worker of its tree has taken by then is started anew; the next one gets twice that time, and so
on."""
LONGEST_UNTIL_BEGUN = timedelta(minutes=5)
INFRASTRUCTURE = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
"""The retry policy of routing. Failed attempts are handled by the state machine."""
RETRY_ELSEWHERE_DELAY = timedelta(seconds=2)
"""Delay before routing is repeated, if workers run only what they started themselves."""
QUEUED, BEGUN, LEFT = "queued", "begun", "left"
"""States of an activity: not started, running, and ending because there is nothing more to do."""
FIRST_LOOK, LAST_LOOK = 0.5, 30.0
"""Seconds between two checks of what it waits for: doubled from the first to the last."""
HANDED_ON = (DRAINING, MOVED)
"""The errors after which the next worker is asked at once."""


class ActivitySupervisor:
    """The supervisor. `state` is the workflow's; `changed` is called when there may be something to do."""

    def __init__(
        self,
        ticket: int,
        term: int,
        state: Callable[[], State],
        changed: Callable[[], None],
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self.ticket, self.term = ticket, term
        """The number of the newest activity, and its term: each execution gets a higher one."""
        self.look_at = 0.0
        """When to check next whether it can start, seconds since the epoch."""
        self.told = False
        """The dependents were notified of the completion."""
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
        """Return whether there is no activity."""
        return self._drive is None

    @property
    def at_work(self) -> bool:
        """Return whether the activity runs attempts."""
        return self._stage == BEGUN

    def want(self) -> None:
        """Make sure that there is an activity."""
        if self._drive is None:
            self.ticket += 1
            self._stage, self._nudged = QUEUED, False
            self._drive = asyncio.create_task(self._driven(self.ticket))
            self._drive.add_done_callback(self._over)

    def _over(self, drive: asyncio.Task[None]) -> None:
        self._drive = None
        self._changed()

    def began(self) -> None:
        """Record that the activity runs attempts from now on."""
        self._stage = BEGUN

    def left(self) -> None:
        """Record that the activity ends because there is nothing more to do."""
        self._stage = LEFT

    def dismiss(self) -> None:
        """Cancel an activity that has not started."""
        if self._stage == QUEUED:
            self.nudge()

    def nudge(self) -> None:
        """Make the activity ask for orders: the only notice that a server can send to an activity is a cancellation."""
        if self._drive is not None and not self._nudged:
            self._nudged = True
            self._drive.cancel()

    def look_again(self, now: float) -> None:
        """Check now: what it waits for may be there."""
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
            # It was cancelled, or its worker died while it was being stopped: the state says what is needed now.
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
                # The next one may have to run elsewhere.
                retry_policy=RetryPolicy(maximum_attempts=1),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                priority=Priority(priority_key=self._priority()),
            )
        )

    async def _heed(self, error: ActivityError) -> None:
        cause = error.cause
        if isinstance(cause, TimeoutError) and cause.type is TimeoutType.SCHEDULE_TO_START:
            # The tree is away or busy; if it is busy, frequent checks only make the history longer.
            self._until_begun = min(2 * self._until_begun, LONGEST_UNTIL_BEGUN)
        elif isinstance(cause, ApplicationError) and cause.type == NOT_STARTED_HERE:
            await workflow.sleep(RETRY_ELSEWHERE_DELAY)
        elif not (isinstance(cause, ApplicationError) and cause.type in HANDED_ON):
            self._mishaps += not self._nudged

    def _look_later(self) -> None:
        self.look_at = workflow.time() + self._look_delay
        self._look_delay = min(2 * self._look_delay, LAST_LOOK)

    def _wanted(self, ticket: int) -> str:
        return encode(AttemptsRequest(workflow_id=self._state().workflow_id, ticket=ticket))

    def _priority(self) -> int:
        # Attempts that have started continue before new ones start.
        if self._state().phase is not WorkflowPhase.PENDING:
            return 1
        return 2 + PRIORITIES.index(self._state().definition.task.priority)

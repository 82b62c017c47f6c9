"""The home of a blueprint: a workflow that knows which working tree holds its files, and whether that is there.

A tree shows that it is there by an activity on its own queue, which beats as long as one of its workers lives. When
the beats stop, the other workers of the tree are given time to go on with it; then the home is vacant, and whoever may
take it moves in. By then nothing runs in the old one any more: the lease on its steps has lapsed.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, TimeoutError, TimeoutType

from penguin.orchestration.temporal.messages import HOLD, HOME, WorktreeOwner, WorktreeSite, decode, encode

MEMO = "penguin_home"
BEATS = timedelta(seconds=6)
"""A tree that is not heard of for so long may be gone."""
RETURN = timedelta(seconds=8)
"""So long its workers have to come back: until the lease has lapsed and what ran under it was ended."""
LONG = timedelta(days=365)
AGAIN = timedelta(seconds=1)
"""Between two activities, where one broke."""


def owner_workflow_id(task_queue: str, project_id: str, blueprint_id: str) -> str:
    """The id of a blueprint's home."""
    return f"penguin-home/{task_queue}/{project_id}/{blueprint_id}"


@workflow.defn(name=HOME, failure_exception_types=[Exception])
class WorktreeOwnerWorkflow:
    """See the module. Lives for ever."""

    @workflow.init
    def __init__(self, argument: str) -> None:
        self._home = decode(argument, WorktreeOwner)
        self._asked = not self._home.vacant

    @workflow.run
    async def run(self, argument: str) -> None:
        """For ever, in one run after the other."""
        while not workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(lambda: self._asked)
            await self._hold()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(encode(self._home))

    @workflow.update
    def claim(self, site: str, take: bool) -> str:
        """Ask for the home: the place that has it from now on, and whether that is there.

        One that was never given, or was given to the same tree, is given; one that is vacant, if the caller may `take`
        it. One that is vacant and may not be taken is knocked at again.
        """
        asking, home = decode(site, WorktreeSite), self._home
        if home.site is None or home.site.tree == asking.tree or (home.vacant and take):
            self._become(WorktreeOwner(site=asking, vacant=False))
        self._asked = True
        return encode(self._home)

    def _become(self, home: WorktreeOwner) -> None:
        if home != self._home:
            self._home = home
            workflow.upsert_memo({MEMO: encode(home)})

    async def _hold(self) -> None:
        site = self._home.site
        assert site is not None
        try:
            await workflow.execute_activity(
                HOLD,
                encode(self._home),
                task_queue=site.queue,
                result_type=str,
                start_to_close_timeout=LONG,
                schedule_to_start_timeout=RETURN,
                heartbeat_timeout=BEATS,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            cause = error.cause
            if not isinstance(cause, TimeoutError):
                await workflow.sleep(AGAIN)
            elif cause.type is TimeoutType.SCHEDULE_TO_START and self._home.site == site:
                self._asked = False
                self._become(WorktreeOwner(site=site, vacant=True))

"""The owner workflow of a blueprint: records which working tree owns its files, and whether that tree is alive.

A tree shows that it is alive by an activity on its own queue, which sends heartbeats as long as one of its workers
lives. When they stop, the other workers of the tree have some time to continue. Then the files have no owner, and a
tree that may take them can claim them. By then nothing runs in the old tree: the lease on its steps has lapsed.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, TimeoutError, TimeoutType

from penguin.orchestration.temporal.messages import HOLD, HOME, WorktreeOwner, WorktreeSite, decode, encode

MEMO = "penguin_home"
BEATS = timedelta(seconds=6)
"""A tree without a heartbeat for this long may be dead."""
RETURN = timedelta(seconds=8)
"""The time for its workers to return: until the lease has lapsed and its steps were ended."""
LONG = timedelta(days=365)
AGAIN = timedelta(seconds=1)
"""Delay before a failed activity is started again."""


def owner_workflow_id(task_queue: str, project_id: str, blueprint_id: str) -> str:
    """Return the id of a blueprint's owner workflow."""
    return f"penguin-home/{task_queue}/{project_id}/{blueprint_id}"


@workflow.defn(name=HOME, failure_exception_types=[Exception])
class WorktreeOwnerWorkflow:
    """The owner workflow. It never ends."""

    @workflow.init
    def __init__(self, argument: str) -> None:
        self._home = decode(argument, WorktreeOwner)
        self._asked = not self._home.vacant

    @workflow.run
    async def run(self, argument: str) -> None:
        """Run forever, in one run after the other."""
        while not workflow.info().is_continue_as_new_suggested():
            await workflow.wait_condition(lambda: self._asked)
            await self._hold()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(encode(self._home))

    @workflow.update
    def claim(self, site: str, take: bool) -> str:
        """Claim the files. Return the owner from now on, and whether it is alive.

        A claim succeeds if there is no owner, if the owner is the same tree, or if the owner is vacant and the caller
        may `take` over. If the owner is vacant and must not be replaced, its queue is tried again.
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

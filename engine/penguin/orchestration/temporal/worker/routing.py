"""The routing of attempts to the working tree that owns the blueprint's files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from temporalio import activity

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.store.dependencies import unmet_dependencies
from penguin.orchestration.temporal.messages import PLACE, AttemptsRequest, Routed, WorktreeOwner, decode, encode
from penguin.orchestration.temporal.worker.errors import NotStartedHere, WorkerDraining

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.worker.ownership import OwnershipClient


class AttemptRouter:
    """The routing activity of one worker."""

    def __init__(self, link: TemporalClient, homes: OwnershipClient, is_mine: Callable[[str], bool]) -> None:
        self._link = link
        self._homes = homes
        self._is_mine = is_mine
        self.draining = False

    @activity.defn(name=PLACE)
    async def place(self, argument: str) -> str:
        """Return the queue of a workflow; none if its dependencies are not met, or its tree is away.

        Fails if another worker should answer.
        """
        if self.draining:
            raise WorkerDraining
        wanted = decode(argument, AttemptsRequest)
        seen = await self._link.visibility.look(wanted.workflow_id)
        if seen is not None and not await self._may_begin(seen.state):
            return encode(Routed())
        if seen is None:
            return encode(Routed(queue=self._homes.site.queue))
        home = await self._home_for(seen.state)
        return encode(Routed(queue="" if home.vacant or home.site is None else home.site.queue))

    async def _may_begin(self, state: State) -> bool:
        """Return whether the dependencies of a workflow that has not started are met."""
        task = state.definition.task
        if state.phase is not WorkflowPhase.PENDING or not task.dependencies:
            return True
        await self._link.visibility.sync()
        return not unmet_dependencies(self._link.cache.connection, task.project_id, task.dependencies)

    async def _home_for(self, state: State) -> WorktreeOwner:
        task = state.definition.task
        home = await self._homes.look(task.project_id, task.blueprint_id)
        if home is not None and not home.vacant and not self._homes.is_here(home):
            return home
        if not self._is_mine(state.workflow_id):
            raise NotStartedHere
        if home == WorktreeOwner(site=self._homes.site, vacant=False):
            # The workflow knows it already: another update would only make its history longer.
            return home
        take = home is not None and home.vacant and await self._may_take(home, state)
        return await self._homes.claim(task.project_id, task.blueprint_id, home, take=take)

    async def _may_take(self, home: WorktreeOwner, state: State) -> bool:
        """Return whether this tree can take over a blueprint from an owner that is away."""
        if home.site is None or (home.site.shares and self._homes.site.shares):
            return True
        if state.phase is not WorkflowPhase.PENDING:
            return False
        await self._link.visibility.sync()
        task = state.definition.task
        return not self._link.cache.begun(task.project_id, task.blueprint_id)

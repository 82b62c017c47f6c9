"""The attempt activities of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from temporalio import activity

from penguin.orchestration.temporal.messages import DRIVE, AttemptsRequest, decode
from penguin.orchestration.temporal.worker.attempt_activity import TOLD, AttemptActivity
from penguin.orchestration.temporal.worker.errors import NotStartedHere, WorkerDraining

if TYPE_CHECKING:
    from penguin.orchestration.execution.runner_api import PhaseRunner
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.worker.artifact_sync import ArtifactSync
    from penguin.orchestration.temporal.worker.ownership import OwnershipClient
    from penguin.orchestration.temporal.worker.slots import SlotPool

REMEMBERED = 200
"""Number of the newest completed workflows that may not be closed on the server yet."""
LOOK = 0.05
"""Seconds between two checks of activities that are ending."""


class AttemptActivities:
    """The attempt activities that run in this worker."""

    def __init__(
        self,
        link: TemporalClient,
        homes: OwnershipClient,
        runner: PhaseRunner,
        slots: SlotPool,
        shared: ArtifactSync,
        engine: str,
        is_mine: Callable[[str], bool],
        on_trouble: Callable[[str], None],
    ) -> None:
        self.link = link
        self.homes = homes
        self.runner = runner
        self.slots = slots
        self.shared = shared
        self.engine = engine
        self.on_trouble = on_trouble
        self.draining = False
        self._is_mine = is_mine
        self._all: dict[str, AttemptActivity] = {}
        self._completed: dict[str, float] = {}

    def is_under_way(self, workflow_id: str) -> bool:
        """Return whether attempts of a workflow run here."""
        drive = self._all.get(workflow_id)
        return drive is not None and drive.begun

    def any_under_way(self) -> bool:
        """Return whether attempts run here."""
        return any(drive.begun for drive in self._all.values())

    async def conclude(self, limit: float) -> None:
        """Start no more, and give the activities without further attempts `limit` seconds to report."""
        self.draining = True
        ending = [asyncio.create_task(drive.gone()) for drive in self._all.values() if drive.over]
        if ending:
            await asyncio.wait(ending, timeout=limit)

    async def closed(self, limit: float) -> None:
        """Wait until the server has closed the workflows that just completed here, at most `limit` seconds."""
        now = asyncio.get_running_loop().time()
        late = [name for name, at in self._completed.items() if at > now - limit]
        closing = asyncio.gather(*(self.link.handle(name).result() for name in late), return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(closing, limit)

    def leave(self) -> None:
        """Leave all steps running, to be adopted."""
        self.draining = True
        for drive in self._all.values():
            drive.leave()

    async def drain(self, grace: float) -> None:
        """Start no more, let running steps continue for `grace` seconds, then stop them."""
        self.draining = True
        for drive in self._all.values():
            if not drive.begun:
                drive.leave()
        deadline = asyncio.get_running_loop().time() + grace
        while self.any_under_way() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK)
        for drive in tuple(self._all.values()):
            if drive.control is not None:
                drive.control.interrupt()
        while any(drive.control is not None for drive in self._all.values()):
            await asyncio.sleep(LOOK)

    @activity.defn(name=DRIVE)
    async def drive(self, argument: str) -> str:
        """Run the attempts of a workflow; see attempt_activity.py. Fails if another worker should continue."""
        if self.draining:
            raise WorkerDraining
        wanted = decode(argument, AttemptsRequest)
        if not self._is_mine(wanted.workflow_id):
            raise NotStartedHere
        before = self._all.get(wanted.workflow_id)
        if before is not None:
            # The server considered that activity lost, after missing heartbeats. Its step continues here.
            before.leave()
            await before.gone()
        drive = self._all[wanted.workflow_id] = AttemptActivity(self, wanted)
        try:
            outcome = await drive.run()
            if outcome == TOLD:
                self._completed[wanted.workflow_id] = asyncio.get_running_loop().time()
                if len(self._completed) > REMEMBERED:
                    del self._completed[next(iter(self._completed))]
            return outcome
        finally:
            if self._all.get(wanted.workflow_id) is drive:
                del self._all[wanted.workflow_id]

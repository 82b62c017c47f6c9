"""What a working tree shares with others: its files by a git remote, its output by a storage, its steps by a lease."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.state import WorkflowStateStore
from penguin.orchestration.temporal.worker.session_archive import fetch, publish
from penguin.orchestration.worktree.sync.sync import PushRejected

if TYPE_CHECKING:
    from penguin.orchestration.core.results import AttemptResult
    from penguin.orchestration.core.state import State
    from penguin.orchestration.execution.lease import StepLease
    from penguin.orchestration.execution.runner_api import AttemptOrder
    from penguin.orchestration.files.object_store import ObjectStore
    from penguin.orchestration.temporal.local_cache import LocalCache
    from penguin.orchestration.temporal.worker.slots import SlotPool
    from penguin.orchestration.worktree.sync.sync import TreeSync

log = logging.getLogger(__name__)

LOOK = 0.05
"""Seconds between two looks at a lease that is not there yet."""


class ArtifactSync:
    """See the module; each of the three may be None, and then nothing is done.

    `db` is the database that holds this workspace's snapshots of conversations.
    """

    def __init__(
        self,
        mirror: LocalCache,
        db: Path,
        files: TreeSync | None,
        output: ObjectStore | None,
        lease: StepLease | None,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._mirror = mirror
        self._db = db
        self._files = files
        self._output = output
        self._lease = lease
        self._on_trouble = on_trouble
        self._troubled = False

    async def leased(self) -> None:
        """Until steps may be run here."""
        while self._lease is not None and not self._lease.holds():
            await asyncio.sleep(LOOK)

    async def bring(self, state: State, slots: SlotPool) -> None:
        """Bring the files and the conversation here that the workflow goes on from.

        Raises WorkflowError where that can't be; without a conversation that nobody left, a new one is begun.
        """
        if self._output is not None and state.snapshot:
            await asyncio.to_thread(self._fetch, self._output, state.snapshot)
        files = self._files
        if files is None:
            return
        ended = state.attempt - (state.open is not None)
        if await asyncio.to_thread(files.is_here, state.workflow_id, ended, state.checkpoint):
            return
        task = state.definition.task
        before = self._mirror.work_before(state.workflow_id, task.project_id, task.blueprint_id, task.dependencies)
        async with slots.alone(state.workflow_id):
            await asyncio.to_thread(
                files.bring,
                state.workflow_id,
                ended,
                before,
                state.definition.checkpoint_exclude,
                checkpoint=state.checkpoint,
                passed=state.passes[0].tree if state.passes and not ended else "",
            )

    async def keep(self, order: AttemptOrder, result: AttemptResult) -> None:
        """Let others have what an attempt did; where that can't be, say so, and go on."""
        problem = ""
        if self._files is not None and result.checkpoint:
            problem = await self._tried(self._push, order.workflow_id)
        if self._output is not None:
            problem = problem or await self._tried(
                self._output.put_attempt, order.workflow_id, Path(order.run_dir), result
            )
            if result.snapshot:
                problem = problem or await self._tried(self._publish, self._output, result.snapshot)
        if problem or self._troubled:
            self._on_trouble(problem)
            self._troubled = bool(problem)

    def _fetch(self, storage: ObjectStore, snapshot_id: str) -> None:
        with WorkflowStateStore(self._db) as store:
            if not fetch(storage, store, snapshot_id):
                log.warning("the conversation %s is not to be had: it is told again, or begun anew", snapshot_id)

    def _publish(self, storage: ObjectStore, snapshot_id: str) -> None:
        with WorkflowStateStore(self._db) as store:
            publish(storage, store, snapshot_id)

    def _push(self, workflow_id: str) -> None:
        assert self._files is not None
        try:
            self._files.push(workflow_id)
        except PushRejected:
            # Whoever held it before may have pushed what nobody was told of.
            if self._lease is None or not self._lease.holds():
                raise
            self._files.claim(workflow_id)
            self._files.push(workflow_id)

    async def _tried(self, act: Callable[..., object], *arguments: object) -> str:
        try:
            await asyncio.to_thread(act, *arguments)
        except WorkflowError as error:
            log.warning("%s", error)
            return error.message
        return ""

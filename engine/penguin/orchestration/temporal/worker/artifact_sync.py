"""The sharing of a working tree with other hosts: files by a git remote, output by a storage, steps by a lease."""

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
    from penguin.orchestration.execution.runner_api import AttemptOrder
    from penguin.orchestration.execution.step_lease import StepLease
    from penguin.orchestration.files.object_store import ObjectStore
    from penguin.orchestration.temporal.local_cache import LocalCache
    from penguin.orchestration.temporal.worker.slots import SlotPool
    from penguin.orchestration.worktree.sync.sync import TreeSync

log = logging.getLogger(__name__)

LOOK = 0.05
"""Seconds between two checks for a lease that does not exist yet."""


class ArtifactSync:
    """The sharing of one working tree; each of the three may be None, which disables it.

    `db` is the database that holds this workspace's snapshots of conversations.
    """

    def __init__(
        self,
        cache: LocalCache,
        db: Path,
        files: TreeSync | None,
        output: ObjectStore | None,
        lease: StepLease | None,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._cache = cache
        self._db = db
        self._files = files
        self._output = output
        self._lease = lease
        self._on_trouble = on_trouble
        self._troubled = False

    async def leased(self) -> None:
        """Wait until steps may run here."""
        while self._lease is not None and not self._lease.holds():
            await asyncio.sleep(LOOK)

    async def bring(self, state: State, slots: SlotPool) -> None:
        """Fetch the files and the conversation with which the workflow continues.

        Raises WorkflowError if the files can't be merged. If no conversation is stored, a new one is started.
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
        before = self._cache.work_before(state.workflow_id, task.project_id, task.blueprint_id, task.dependencies)
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
        """Share the work of an attempt. If that fails, report it and continue."""
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
                log.warning(
                    "the conversation %s is not available: the prompt repeats it, or a new one is started", snapshot_id
                )

    def _publish(self, storage: ObjectStore, snapshot_id: str) -> None:
        with WorkflowStateStore(self._db) as store:
            publish(storage, store, snapshot_id)

    def _push(self, workflow_id: str) -> None:
        assert self._files is not None
        try:
            self._files.push(workflow_id)
        except PushRejected:
            # The previous owner may have pushed without reporting it.
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

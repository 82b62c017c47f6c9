"""The start of workflows on the server: new ones, and retries."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import AlreadyActive, BackendUnavailable, IllegalCommand, WorkflowPhase
from penguin.orchestration.runtime.command_planner import PlanDatabase, replanned
from penguin.orchestration.runtime.current_user import current_user
from penguin.orchestration.runtime.start_plan import dependencies_in_progress
from penguin.orchestration.store.writer import ConcurrentUpdate
from penguin.orchestration.temporal.client.client import NoWorker

if TYPE_CHECKING:
    from penguin.orchestration.core.commands import Start
    from penguin.orchestration.core.state import State
    from penguin.orchestration.runtime.command_planner import Planner
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.temporal_process import TemporalProcess


class WorkflowStarter:
    """The starter of workflows for one process."""

    def __init__(self, planner: Planner, process: TemporalProcess) -> None:
        self._planner = planner
        self._process = process

    async def start(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None,
        with_dependencies: bool,
        config: Mapping[str, Any] | None,
        by: str,
    ) -> list[str]:
        """See OrchestrationBackend.start_tasks."""
        link = await self._process.open_to("start a workflow")
        begun: dict[str, str] = {}

        async def start() -> None:
            # The workflows that an earlier, interrupted start created exist already.
            asked = [task_id for task_id in task_ids if task_id not in begun]
            plan = self._planner.start(plan_database(link), config, by)
            try:
                plan.add(asked, blueprint_id, with_dependencies=with_dependencies)
            except AlreadyActive as error:
                raise AlreadyActive(f"{error.message}{_begun(begun)}", error.hint) from None
            await self._start_all(link, plan.starts(), asked, begun)

        await link.visibility.sync()
        await replanned(start)
        if with_dependencies:
            # The workflows that an interrupted start left.
            self._process.claim(dependencies_in_progress(link.cache.connection, begun.values()))
        await self._process.run_attempts()
        first = dict.fromkeys(task_ids)
        return [*(begun[one] for one in first), *(begun[one] for one in reversed(begun) if one not in first)]

    async def _start_all(
        self, link: TemporalClient, starts: Sequence[Start], asked: Collection[str], begun: dict[str, str]
    ) -> None:
        """Start all, and record each in `begun`, by its task. Raises ConcurrentUpdate or BackendUnavailable.

        No transaction spans workflows of a server. So dependencies are started first, and the requested task last: as
        long as it is missing, the same command starts the rest.
        """
        count = len(set(asked))
        self._process.claim(one.workflow_id for one in starts)
        now = time.time()
        for one in (*reversed(starts[count:]), *starts[:count]):
            task_id = one.definition.task.id
            try:
                new = await link.start(one, now)
            except BackendUnavailable as error:
                if len(starts) == 1:
                    raise
                sentence = f"{error.message}{_begun(begun)}; whether {task_id} was started is not known"
                raise BackendUnavailable(sentence, "run the same command again to start the rest") from error
            # A dependency that another process started at the same moment is as good.
            if not new and task_id in asked:
                raise ConcurrentUpdate(f"{one.workflow_id} was started by another process")
            begun[task_id] = one.workflow_id

    async def record_done(self, task_ids: Sequence[str], blueprint_id: str | None, by: str) -> list[str]:
        """See OrchestrationBackend.record_done."""
        link = await self._process.open_to("record a task as done")
        begun: dict[str, str] = {}

        async def record() -> None:
            plan = self._planner.start(plan_database(link), None, by)
            plan.add_done([task_id for task_id in task_ids if task_id not in begun], blueprint_id)
            await self._start_all(link, plan.starts(), (), begun)

        await link.visibility.sync()
        await replanned(record)
        await self._process.run_attempts()
        return [task_id for task_id in dict.fromkeys(task_ids) if task_id in begun]

    async def retry(self, workflow_id: str, start_from: WorkflowPhase | None, *, restore: bool) -> str:
        """See OrchestrationBackend.retry_workflow."""
        link = await self._process.open_to("retry a workflow")

        async def retry() -> str:
            old = (await link.existing(workflow_id)).state
            start = await self._plan_retry(link, old, start_from, restore=restore)
            await self._supersede(link, old)
            self._process.claim([start.workflow_id])
            if not await link.start(start, time.time()):
                raise ConcurrentUpdate(f"{start.workflow_id} was started by another process")
            return start.workflow_id

        new = await replanned(retry)
        await self._process.run_attempts()
        return new

    async def _plan_retry(
        self, link: TemporalClient, old: State, start_from: WorkflowPhase | None, *, restore: bool
    ) -> Start:
        """See Planner.retry."""
        await link.visibility.sync()
        if restore and old.attempt and not link.ran_here(old):
            raise IllegalCommand(
                f"can't restore the files here: {old.workflow_id} ran on {old.host}",
                f"retry on that host, or: /workflow retry {old.workflow_id}",
            )
        return await self._planner.retry(plan_database(link), old, start_from, restore=restore)

    async def _supersede(self, link: TemporalClient, old: State) -> None:
        """Cancel a BLOCKED workflow that is retried."""
        if old.is_final:
            return
        await self._process.host(link)
        payload = {"id": uuid.uuid4().hex, "by": current_user()}
        if await link.update(old.workflow_id, "supersede", payload) is None:
            raise NoWorker(f"{old.workflow_id} can't be cancelled, as a retry would")
        await link.connection.call(link.handle(old.workflow_id).cancel(reason=current_user()))

    async def differences(self, workflow_id: str) -> list[str]:
        """See OrchestrationBackend.retry_differences."""
        state = (await (await self._process.open()).existing(workflow_id)).state
        return self._planner.differences(state)


def plan_database(link: TemporalClient) -> PlanDatabase:
    """Return the workflows that a plan considers: those in the cache of this server."""
    return PlanDatabase(link.cache.connection, link.cache.id_namespace)


def _begun(begun: Mapping[str, str]) -> str:
    """Return which workflows a failed start had created, as the end of a sentence."""
    return f"; started before that: {', '.join(begun.values())}" if begun else ""

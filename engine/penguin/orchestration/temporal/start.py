"""Starting workflows on the server: new ones, and those that follow others."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from penguin.orchestration.backend import AlreadyActive, BackendUnavailable, IllegalCommand, WorkflowPhase
from penguin.orchestration.core.retry import successor
from penguin.orchestration.runtime.current_user import user
from penguin.orchestration.runtime.definition_diff import differences
from penguin.orchestration.runtime.restore import bring_back, refuse_beside, tree_to_restore
from penguin.orchestration.runtime.start_plan import StartPlan, awaited, next_id, refuse_second
from penguin.orchestration.store.writer import Conflict
from penguin.orchestration.temporal.client.client import NoWorker
from penguin.orchestration.worktree import Tree

if TYPE_CHECKING:
    from penguin.orchestration.core.commands import Start
    from penguin.orchestration.core.definition import Definition
    from penguin.orchestration.core.state import State
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.runtime.catalog import Backlog
    from penguin.orchestration.temporal.client.client import Link
    from penguin.orchestration.temporal.process import Presence

T = TypeVar("T")

TRIES = 5
"""Starts that clash with somebody else's are planned anew this often."""


class Starts:
    """Starts for one process."""

    def __init__(self, workspace: Workspace, backlog: Backlog, presence: Presence) -> None:
        self._workspace = workspace
        self._backlog = backlog
        self._presence = presence

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
        link = await self._presence.open_to("start a workflow")
        begun: dict[str, str] = {}

        async def start() -> None:
            # What the plan before this one got to start is started.
            asked = [task_id for task_id in task_ids if task_id not in begun]
            plan = StartPlan(
                link.mirror.connection,
                self._workspace.runs,
                self._backlog.now(),
                config,
                by or user(),
                link.mirror.place,
            )
            try:
                plan.add(asked, blueprint_id, with_dependencies=with_dependencies)
            except AlreadyActive as error:
                raise AlreadyActive(f"{error.message}{_begun(begun)}", error.hint) from None
            await self._start_all(link, plan.starts(), asked, begun)

        await link.visibility.sync()
        await _planned_anew(start)
        if with_dependencies:
            # What a start that was cut short left.
            self._presence.claim(awaited(link.mirror.connection, begun.values()))
        await self._presence.run_attempts()
        first = dict.fromkeys(task_ids)
        return [*(begun[one] for one in first), *(begun[one] for one in reversed(begun) if one not in first)]

    async def _start_all(
        self, link: Link, starts: Sequence[Start], asked: Collection[str], begun: dict[str, str]
    ) -> None:
        """Start all, and note each in `begun`, by its task. Raises Conflict or BackendUnavailable.

        No transaction spans workflows of a server. So what others need comes first, and what was asked for last:
        while that is missing, the same command does the rest.
        """
        count = len(set(asked))
        self._presence.claim(one.workflow_id for one in starts)
        now = time.time()
        for one in (*reversed(starts[count:]), *starts[:count]):
            task_id = one.definition.task.id
            try:
                new = await link.start(one, now)
            except BackendUnavailable as error:
                if len(starts) == 1:
                    raise
                sentence = f"{error.message}{_begun(begun)}; whether {task_id} was started is not known"
                raise BackendUnavailable(sentence, "the same command again starts the rest") from error
            # A dependency that somebody else started at the same moment is as good as one of ours.
            if not new and task_id in asked:
                raise Conflict(f"{one.workflow_id} was started by somebody else")
            begun[task_id] = one.workflow_id

    async def retry(self, workflow_id: str, start_from: WorkflowPhase | None, *, restore: bool) -> str:
        """See OrchestrationBackend.retry_workflow."""
        link = await self._presence.open_to("retry a workflow")

        async def retry() -> str:
            old = (await link.existing(workflow_id)).state
            start = await self._plan_retry(link, old, start_from, restore=restore)
            await self._supersede(link, old)
            self._presence.claim([start.workflow_id])
            if not await link.start(start, time.time()):
                raise Conflict(f"{start.workflow_id} was started by somebody else")
            return start.workflow_id

        new = await _planned_anew(retry)
        await self._presence.run_attempts()
        return new

    async def _plan_retry(self, link: Link, old: State, start_from: WorkflowPhase | None, *, restore: bool) -> Start:
        """What follows a workflow, with the files that it goes on from in place."""
        await link.visibility.sync()
        if old.final:
            refuse_second(link.mirror.connection, old.definition.task)
        definition = self._definition_now(old)
        new_id, number = next_id(link.mirror.connection, definition.task, self._workspace.runs, link.mirror.place)
        tree = tree_to_restore(old) if restore else await asyncio.to_thread(self._tree_of(old.workflow_id).now)
        start = successor(
            old,
            workflow_id=new_id,
            number=number,
            definition=definition,
            tree=tree,
            start_from=start_from,
            by=user(),
        )
        if restore:
            await self._restore(link, old, start)
        if start.passes:
            self._tree_of(new_id).inherit(self._workspace.runs / old.workflow_id)
            if restore:
                await asyncio.to_thread(self._tree_of(new_id).adopt, tree)
        return start

    async def _restore(self, link: Link, old: State, start: Start) -> None:
        if old.attempt and not link.ran_here(old):
            raise IllegalCommand(
                f"can't bring the files back here: {old.workflow_id} ran on {old.host}",
                f"the same there, or /workflow retry {old.workflow_id}",
            )
        refuse_beside(link.mirror.connection)
        await asyncio.to_thread(bring_back, self._workspace.root, self._workspace.runs, old, start.passes)

    async def _supersede(self, link: Link, old: State) -> None:
        """Cancel a BLOCKED workflow that is retried."""
        if old.final:
            return
        await self._presence.host(link)
        payload = {"id": uuid.uuid4().hex, "by": user()}
        if await link.update(old.workflow_id, "supersede", payload) is None:
            raise NoWorker(f"{old.workflow_id} can't be cancelled, as a retry would")
        await link.connection.call(link.handle(old.workflow_id).cancel(reason=user()))

    async def differences(self, workflow_id: str) -> list[str]:
        """See OrchestrationBackend.retry_differences."""
        state = (await (await self._presence.open()).existing(workflow_id)).state
        return differences(state.definition, self._definition_now(state))

    def _tree_of(self, workflow_id: str) -> Tree:
        return Tree(self._workspace.root, self._workspace.runs / workflow_id)

    def _definition_now(self, old: State) -> Definition:
        task = old.definition.task
        offer = self._backlog.now()
        return offer.define(offer.find(task.id, task.blueprint_id), None)


def _begun(begun: Mapping[str, str]) -> str:
    """What a start that failed had started, as the end of a sentence."""
    return f"; started before that: {', '.join(begun.values())}" if begun else ""


async def _planned_anew(attempt: Callable[[], Awaitable[T]]) -> T:
    for _ in range(TRIES - 1):
        try:
            # The caller may be cancelled while the start is on its way to the server; the start is not.
            return await asyncio.shield(asyncio.ensure_future(attempt()))
        except (Conflict, AlreadyActive) as error:
            if isinstance(error, AlreadyActive) and error.hint:
                raise
    return await attempt()

"""A client of the server for one workspace: connection, cache, queries and updates."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from penguin.orchestration.backend import BackendUnavailable, IllegalCommand, WorkflowError
from penguin.orchestration.core.commands import Start
from penguin.orchestration.core.decider import decide
from penguin.orchestration.errors import unknown_workflow
from penguin.orchestration.files.object_store import open_object_store
from penguin.orchestration.files.run_files import attempt_folders
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.temporal.client.health import workers_polling
from penguin.orchestration.temporal.client.memo import (
    DEFINITION,
    WorkflowSnapshot,
    decode_memo,
    memo_of,
)
from penguin.orchestration.temporal.client.visibility import VisibilityReader
from penguin.orchestration.temporal.local_cache import LocalCache, workspace_cache
from penguin.orchestration.temporal.messages import WORKFLOW, RunEvents, WorkflowInput, decode, encode, phases_queue
from penguin.orchestration.worktree.sync.sync import TreeSync

if TYPE_CHECKING:
    from typing import Any

    from temporalio.client import WorkflowHandle

    from penguin.orchestration.config.settings import Settings
    from penguin.orchestration.core.state import State
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.temporal.client.connection import ServerConnection

ANSWER = 3.0
"""Seconds to wait for a workflow's answer before assuming that no worker hosts it."""
LONG_ANSWER = 15.0
"""The same, if a worker is known to run."""

TASK_LIMIT = timedelta(seconds=5)
"""A worker that does not answer a workflow task within this time is dead; another one takes it."""


class NoWorker(WorkflowError):
    """No worker hosts workflows now."""

    code = "no_worker"

    def __init__(self, what: str) -> None:
        super().__init__(f"no worker is running: {what}", "penguin worker")


class TemporalClient:
    """The server as used by one workspace. It belongs to one event loop."""

    def __init__(self, connection: ServerConnection, workspace: Workspace, settings: Settings) -> None:
        self.connection = connection
        self.workspace = workspace
        self.project_id = settings.project_id
        self.max_parallel = settings.max_parallel
        self.task_queue = settings.temporal.task_queue or ""
        self.cache = LocalCache(workspace_cache(workspace, settings))
        self.reader = WorkflowReader(self.cache.path)
        self.visibility = VisibilityReader(connection, self.task_queue, self.cache)
        self.output = open_object_store(settings.root, settings.storage_url, settings.project_id)
        """Storage that shares output and evidence between hosts; None: they stay on the host."""
        remote = settings.workspace_remote
        self.files = TreeSync(workspace.root, workspace.runs, remote) if remote else None
        """The git remote by which working trees share files; None: they don't."""
        self._push_to_upstream = settings.push_to_upstream
        self.hosted = False
        """Whether this process hosts workflows itself."""

    def close(self) -> None:
        """Close the cache. The connection stays open for its other users."""
        self.reader.close()
        self.cache.close()

    def check_sharing(self) -> None:
        """Raise SyncRefused if the configured remote can't be pushed to, or must not be."""
        if self.files is not None:
            self.files.check(self._push_to_upstream)

    def ran_here(self, state: State) -> bool:
        """Return whether the last attempt of a workflow ran in this working tree, as far as known."""
        if not state.attempt or state.host == socket.gethostname():
            return True
        return any(number == state.attempt for number, _, _ in attempt_folders(self.workspace.runs, state.workflow_id))

    def handle(self, workflow_id: str, run_id: str | None = None) -> WorkflowHandle[Any, Any]:
        """Return a handle of a workflow on the server."""
        return self.connection.client.get_workflow_handle(workflow_id, run_id=run_id)

    # --- start ---

    async def start(self, start: Start, now: float) -> bool:
        """Start a workflow with `now` as its time.

        Return False if this id exists; the cache holds that workflow then.
        """
        state = decide(None, start, now).state
        try:
            await self.connection.call(
                self.connection.client.start_workflow(
                    WORKFLOW,
                    encode(WorkflowInput(start=start, at=now)),
                    id=start.workflow_id,
                    task_queue=self.task_queue,
                    task_timeout=TASK_LIMIT,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    memo=memo_of(1, state),
                    search_attributes=_attributes(state),
                    static_summary=start.definition.task.title[:200] or None,
                )
            )
        except WorkflowAlreadyStartedError:
            await self.visibility.look(start.workflow_id)
            return False
        self.cache.update(WorkflowSnapshot(1, state))
        return True

    # --- read ---

    async def existing(self, workflow_id: str) -> WorkflowSnapshot:
        """Return the current state of a workflow. Raises WorkflowNotFound."""
        seen = await self.visibility.look(workflow_id)
        if seen is None:
            raise unknown_workflow(workflow_id)
        return seen

    async def fetch_events(self, workflow_id: str) -> None:
        """Update the events in the cache. Raises NoWorker if no worker can send them."""
        seq = self.cache.seq_of(workflow_id)
        known = self.cache.events_known(workflow_id)
        run_id: str | None = None
        found: list[RunEvents] = []
        while not found or (found[-1].previous and found[-1].rows[:1] and found[-1].rows[0][0] > known + 1):
            if not found and known >= seq:
                return
            found.append(await self._events(workflow_id, run_id))
            run_id = found[-1].previous
        # The oldest run first, so that the cache never has a gap.
        for events in reversed(found):
            self.cache.keep_events(workflow_id, events.rows)

    async def _events(self, workflow_id: str, run_id: str | None) -> RunEvents:
        try:
            asked = self.handle(workflow_id, run_id).query("get_history", result_type=str)
            limit = LONG_ANSWER if await self.polled() else ANSWER
            return decode(await self.connection.call(asked, limit), RunEvents)
        except BackendUnavailable:
            raise NoWorker(f"can't read the history of {workflow_id}") from None
        except RPCError as error:
            raise NoWorker(f"can't read the history of {workflow_id} ({error.message})") from error

    @property
    def patience(self) -> float:
        """Return the seconds to wait for a workflow's answer."""
        return LONG_ANSWER if self.hosted else ANSWER

    async def polled(self) -> bool:
        """Return whether a worker of this project is polling."""
        return self.hosted or bool(
            await workers_polling(self.connection, phases_queue(self.task_queue, self.project_id))
        )

    # --- update ---

    async def update(self, workflow_id: str, name: str, payload: dict[str, Any]) -> WorkflowSnapshot | None:
        """Send a workflow an update and return its result; None if no worker hosts it now.

        Raises IllegalCommand.
        """
        if not await self.polled():
            return None
        update = self.handle(workflow_id).execute_update(name, payload, id=str(payload["id"]), result_type=str)
        try:
            summary = await self.connection.call(update, self.patience)
        except BackendUnavailable:
            # Either the worker or the server is away. The next request shows which.
            return None
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from None
        except RPCError as error:
            raise IllegalCommand(
                f"can't {name} {workflow_id}: it is over", f"/workflow status {workflow_id}"
            ) from error
        description = await self.connection.call(self.handle(workflow_id).describe())
        seen = decode_memo(summary, (await description.memo())[DEFINITION])
        self.cache.update(seen)
        return seen

    async def until(
        self, workflow_id: str, condition: Callable[[WorkflowSnapshot], bool], limit: float
    ) -> WorkflowSnapshot | None:
        """Wait until the workflow fulfils a condition; return None after `limit` seconds."""
        deadline = time.monotonic() + limit
        while True:
            seen = await self.existing(workflow_id)
            if condition(seen):
                return seen
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.03)


def _attributes(state: State) -> TypedSearchAttributes:
    task = state.definition.task
    values: Sequence[tuple[str, str]] = (
        ("PenguinProject", task.project_id),
        ("PenguinTask", task.id),
        ("PenguinBlueprint", task.blueprint_id),
        ("PenguinPhase", state.phase.value),
        ("PenguinStatus", state.status.value),
    )
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values if value]
    )


def _refusal(error: WorkflowUpdateFailedError) -> WorkflowError:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "IllegalCommand":
        return IllegalCommand(cause.message, str(cause.details[0]) if cause.details else "")
    return WorkflowError(f"the workflow rejected it: {cause}", "see /workflow history")

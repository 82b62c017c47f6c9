"""The attempt activity: gets attempts from a workflow, runs them one by one in a slot of the tree, reports them.

It corresponds to the native engine's loop. The workflow knows which attempts it started, so if it dies, another
activity continues with the steps that it left.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from penguin.orchestration.backend import BackendUnavailable, Verdict, WorkflowError, WorkflowStatus
from penguin.orchestration.core.priority import queue_priority
from penguin.orchestration.core.results import AttemptResult, LeftChanges
from penguin.orchestration.execution.runner_api import Stop, StopControl
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.runtime.changes_of_others import left_changes, others_with_changes
from penguin.orchestration.runtime.run_attempt import attempt_order, run_attempt
from penguin.orchestration.temporal.client.client import NoWorker
from penguin.orchestration.temporal.client.memo import decode_memo, describe_definition
from penguin.orchestration.temporal.messages import LOST, AttemptCommand, AttemptsRequest, BeginReply, decode, encode
from penguin.orchestration.temporal.worker.errors import WorkerDraining, WorktreeMoved
from penguin.orchestration.temporal.worker.payload_limit import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.client import WorkflowHandle

    from penguin.orchestration.core.definition import Definition
    from penguin.orchestration.core.state import State
    from penguin.orchestration.execution.runner_api import PhaseRunner
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.worker.artifact_sync import ArtifactSync
    from penguin.orchestration.temporal.worker.ownership import OwnershipClient
    from penguin.orchestration.temporal.worker.slots import SlotPool

log = logging.getLogger(__name__)

BEAT = 0.5
"""Seconds between two heartbeats while attempts run."""
QUIET_BEAT = 2.0
"""Seconds between two heartbeats while it waits."""
ASK = 0.25
"""Seconds between two queries how an attempt should be stopped, once it is known that it should."""
AGAIN = 0.5
"""Seconds before a report that the server did not answer is repeated."""
LIMIT = 30.0
"""Time-out of the workflow's answer, in seconds: another worker may host it, which is starting."""
NOTHING, TOLD = "", "told"
"""The results of an activity: nothing to report, or all dependents were notified of the completion."""


class AttemptHost(Protocol):
    """What an attempt needs of the worker that runs it."""

    link: TemporalClient
    homes: OwnershipClient
    runner: PhaseRunner
    slots: SlotPool
    shared: ArtifactSync
    engine: str
    """The id of the worker's engine lock."""
    on_trouble: Callable[[str], None]
    draining: bool
    """The worker is stopping: it starts no attempt, and withdraws no stop."""


class AttemptActivity:
    """One activity."""

    def __init__(self, drives: AttemptHost, wanted: AttemptsRequest) -> None:
        self._drives = drives
        self._connection = drives.link.connection
        self._wanted = wanted
        self._handle: WorkflowHandle[object, object] = self._connection.client.get_workflow_handle(wanted.workflow_id)
        self._term = 0
        self._left = False
        self._nudged = asyncio.Event()
        self._work: asyncio.Task[str] | None = None
        self._definition: Definition | None = None
        self.begun = False
        """Whether it was given an attempt to run."""
        self.over = False
        """Whether it has no more attempts to run, and only reports."""
        self.control: StopControl | None = None

    async def run(self) -> str:
        """See AttemptActivities.drive.

        On a cancellation it asks for orders; if the worker stops, it leaves its step running.
        """
        self._work = asyncio.create_task(self._drive())
        beat = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    await asyncio.wait({self._work})
                except asyncio.CancelledError:
                    if self.begun and _is_only_asked():
                        self._nudged.set()
                    else:
                        self.leave()
                else:
                    if self._left:
                        raise WorkerDraining
                    return self._work.result()
        finally:
            beat.cancel()

    def leave(self) -> None:
        """Leave the step running, to be adopted. Results stay."""
        if self._work is not None and not self._work.done():
            self._left = True
            self._work.cancel()

    async def gone(self) -> None:
        """Wait until it ended."""
        if self._work is not None:
            await asyncio.wait({self._work})

    async def _beat(self) -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT if self.begun else QUIET_BEAT)

    async def _drive(self) -> str:
        seen = await self._drives.link.visibility.look(self._wanted.workflow_id)
        if seen is None:
            return NOTHING
        state, self._definition = seen.state, seen.state.definition
        task = state.definition.task
        if not self._drives.homes.is_here(await self._drives.homes.look(task.project_id, task.blueprint_id)):
            raise WorktreeMoved
        trouble = await self._prepared(state)
        slot = await self._drives.slots.take(
            self._wanted.workflow_id, queue_priority(state), needs_tree=state.needs_tree
        )
        try:
            return await self._attempts(trouble, await self._left_changes(state))
        finally:
            slot.release(step_goes_on=not self.over)

    async def _prepared(self, state: State) -> str:
        """Fetch the files with which the workflow continues. Return what prevents that."""
        try:
            await self._drives.shared.bring(state, self._drives.slots)
        except WorkflowError as error:
            return f"{error.message} ({error.hint})" if error.hint else error.message
        return ""

    async def _left_changes(self, state: State) -> tuple[LeftChanges, ...]:
        """Return the changes of other workflows in the working tree that this one takes."""
        if not state.needs_tree:
            return ()
        link = self._drives.link
        with suppress(BackendUnavailable):
            await link.visibility.sync()
        others = others_with_changes(link.cache.connection, state)
        return await asyncio.to_thread(left_changes, link.workspace, state, others) if others else ()

    async def _attempts(self, trouble: str, found: tuple[LeftChanges, ...]) -> str:
        reach("intent.before")
        # A workflow that an earlier Penguin hosts knows only three arguments.
        more = [encode(found)] if found else []
        answer = await self._ask("begin", self._wanted.ticket, self._drives.engine, socket.gethostname(), *more)
        reach("intent.after")
        self._term = answer.term
        while answer.go is not None:
            self.begun = True
            if self._drives.draining:
                raise WorkerDraining
            reach("attempt.before")
            result = AttemptResult(verdict=Verdict.ERROR, reason=trouble) if trouble else await self._attempt(answer.go)
            reach("report.before")
            answer = await self._report(answer.go, trimmed(result))
            reach("report.after")
        self.over = True
        await self._keep_events()
        return await self._announced(answer)

    async def _keep_events(self) -> None:
        """Store the events here: they stay readable without a worker, and longer than the server's retention."""
        try:
            await self._drives.link.fetch_events(self._wanted.workflow_id)
        except NoWorker as error:
            log.info("%s", error)

    async def _report(self, go: AttemptCommand, result: AttemptResult) -> BeginReply:
        told = (self._term, go.begun, go.attempt, encode(result))
        return await self._ask("report", *told, id=f"report-{self._term}-{go.begun}")

    async def _attempt(self, go: AttemptCommand) -> AttemptResult:
        control = self.control = StopControl()
        if go.stop:
            control.request_stop(Stop(go.stop))
            self._nudged.set()
        listening = asyncio.create_task(self._listen(control))
        assert self._definition is not None
        workspace, workflow_id = self._drives.link.workspace, self._wanted.workflow_id
        order = attempt_order(workspace, workflow_id, self._definition, go.phase, go.attempt, go)
        try:
            await self._drives.shared.leased()
            result = await run_attempt(self._drives.runner, order, control, self._drives.on_trouble)
            await self._drives.shared.keep(order, result)
            return result
        finally:
            listening.cancel()
            self.control = None

    async def _listen(self, control: StopControl) -> None:
        """When the server reports a change, query for orders, until the attempt ends."""
        await self._nudged.wait()
        while True:
            try:
                stop = await self._connection.call(self._handle.query("wanted_stop", self._term))
            except (BackendUnavailable, RPCError):
                stop = None
            if stop == LOST:
                self.leave()
            # A drain sets the stop by itself, and it is not withdrawn.
            elif stop is not None and control.stop != (stop or None) and not self._drives.draining:
                control.request_stop(Stop(str(stop)) if stop else None)
            await asyncio.sleep(ASK)

    async def _ask(self, update: str, *arguments: object, id: str | None = None) -> BeginReply:
        """Return an answer of the workflow, however long the server or the workflow's worker are away."""
        while True:
            try:
                said = await self._connection.call(
                    self._handle.execute_update(update, args=arguments, id=id, result_type=str), LIMIT
                )
                break
            except BackendUnavailable:
                await asyncio.sleep(AGAIN)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    await asyncio.sleep(AGAIN)
                    continue
                # It was closed from outside.
                return BeginReply()
            except WorkflowUpdateFailedError:
                return BeginReply()
        answer = decode(str(said), BeginReply)
        if answer.summary and self._definition is not None:
            self._drives.link.cache.update(decode_memo(answer.summary, describe_definition(self._definition)))
        return answer

    async def _announced(self, answer: BeginReply) -> str:
        """Record here what was completed, and notify the workflows that may wait for it."""
        if not answer.summary or self._definition is None:
            return NOTHING
        seen = decode_memo(answer.summary, describe_definition(self._definition))
        if seen.state.status is not WorkflowStatus.COMPLETED:
            return NOTHING
        task = self._definition.task
        for workflow_id in self._drives.link.cache.waiting_for(task.project_id, task.id):
            try:
                waiting = self._connection.client.get_workflow_handle(workflow_id)
                await self._connection.call(waiting.signal("look_again"))
            except (BackendUnavailable, RPCError) as error:
                # It checks by itself, only later.
                log.info("%s was not notified: %s", workflow_id, error)
        return TOLD


def _is_only_asked() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested and not (details.not_found or details.timed_out)

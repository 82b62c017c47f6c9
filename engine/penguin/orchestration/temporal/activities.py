"""The drive: takes attempts from a workflow, runs them one after the other in a slot of the tree, and reports them.

It is the twin of the embedded engine's loop. What it began is known to the workflow, so a drive that dies is followed
by another, which goes on with the steps that were left behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from penguin.orchestration.backend import BackendUnavailable, WorkflowPhase, WorkflowStatus
from penguin.orchestration.evidence import AttemptResult
from penguin.orchestration.failpoints import reach
from penguin.orchestration.hosting.driving import run_attempt
from penguin.orchestration.phases.attempt import AttemptOrder, Control, PhaseRunner, Stop
from penguin.orchestration.store.dependencies import unmet_dependencies
from penguin.orchestration.temporal.link import NoWorker
from penguin.orchestration.temporal.protocol import DRIVE, LOST, Answer, Go, Wanted, decode, encode
from penguin.orchestration.temporal.slots import Slots
from penguin.orchestration.temporal.summary import describe_definition, read_summary
from penguin.orchestration.temporal.trimming import trimmed

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from penguin.orchestration.definition import Definition
    from penguin.orchestration.temporal.link import Link

log = logging.getLogger(__name__)

BEAT = 0.5
"""Seconds between two heartbeats."""
ASK = 0.25
"""Seconds between two questions how an attempt should end, once it is known that it should."""
AGAIN = 0.5
"""Seconds before the server is told again what it did not answer."""
LIMIT = 30.0
"""Seconds that an answer of the workflow may take: its worker may be another one, which is starting."""
NOTHING, UNMET, TOLD = "", "unmet", "told"
"""What a drive comes to: nothing to be said, dependencies are not met, or the completion was told to all."""


class Draining(ApplicationError):
    """This worker stops: another drive goes on."""

    def __init__(self) -> None:
        super().__init__("the worker is being stopped", type="Draining")


class NotMine(ApplicationError):
    """This worker runs only what it started: another one may take it."""

    def __init__(self) -> None:
        super().__init__("left for another worker", type="NotMine", next_retry_delay=timedelta(seconds=2))


class Drives:
    """The drives of one worker."""

    def __init__(
        self,
        link: Link,
        runner: PhaseRunner,
        slots: Slots,
        engine: str,
        is_mine: Callable[[str], bool],
        on_trouble: Callable[[str], None],
    ) -> None:
        self.link = link
        self.connection = link.connection
        self.runner = runner
        self.slots = slots
        self.engine = engine
        self.is_mine = is_mine
        self.on_trouble = on_trouble
        self.draining = False
        self.under_way: dict[str, Drive] = {}

    def leave(self) -> None:
        """Leave all steps running, to be taken over."""
        self.draining = True
        for drive in self.under_way.values():
            drive.leave()

    @activity.defn(name=DRIVE)
    async def drive(self, argument: str) -> str:
        """Run what the workflow wants; see the constants for what comes of it. Fails where others are to go on."""
        if self.draining:
            raise Draining
        wanted = decode(argument, Wanted)
        if not self.is_mine(wanted.workflow_id):
            raise NotMine
        before = self.under_way.get(wanted.workflow_id)
        if before is not None:
            # The server gave that one up, since it could not be heard for a while. Its step goes on here.
            before.leave()
            await before.gone()
        drive = self.under_way[wanted.workflow_id] = Drive(self, wanted)
        try:
            return await drive.run()
        finally:
            if self.under_way.get(wanted.workflow_id) is drive:
                del self.under_way[wanted.workflow_id]


class Drive:
    """One drive."""

    def __init__(self, drives: Drives, wanted: Wanted) -> None:
        self._drives = drives
        self._wanted = wanted
        self._handle: WorkflowHandle[object, object] = drives.connection.client.get_workflow_handle(wanted.workflow_id)
        self._term = 0
        self._begun = False
        self._left = False
        self._nudged = asyncio.Event()
        self._work: asyncio.Task[str] | None = None
        self._definition: Definition | None = None
        self.control: Control | None = None

    async def run(self) -> str:
        """See Drives.drive. Cancelled, it asks what is wanted; cancelled for other reasons, it leaves its step."""
        self._work = asyncio.create_task(self._drive())
        beat = asyncio.create_task(_beat())
        try:
            while True:
                try:
                    await asyncio.wait({self._work})
                except asyncio.CancelledError:
                    if self._begun and self._is_only_asked():
                        self._nudged.set()
                    else:
                        self.leave()
                else:
                    if self._left:
                        raise Draining
                    return self._work.result()
        finally:
            beat.cancel()

    def _is_only_asked(self) -> bool:
        details = activity.cancellation_details()
        return details is not None and details.cancel_requested and not (details.not_found or details.timed_out)

    def leave(self) -> None:
        """Leave the step running, to be taken over."""
        self._left = True
        if self._work is not None:
            self._work.cancel()

    async def gone(self) -> None:
        """Until it ended."""
        if self._work is not None:
            await asyncio.wait({self._work})

    async def _drive(self) -> str:
        if not await self._may_begin():
            return UNMET
        slot = await self._drives.slots.take(self._wanted.workflow_id)
        left = True
        try:
            outcome = await self._attempts()
            left = False
            return outcome
        finally:
            slot.release(step_goes_on=left)

    async def _may_begin(self) -> bool:
        """Whether the dependencies of a workflow that did not begin yet are met."""
        seen = await self._drives.link.visibility.look(self._wanted.workflow_id)
        if seen is None:
            return True
        self._definition = seen.state.definition
        task = self._definition.task
        if seen.state.phase is not WorkflowPhase.PENDING or not task.dependencies:
            return True
        await self._drives.link.visibility.sync()
        return not unmet_dependencies(self._drives.link.mirror.connection, task.project_id, task.dependencies)

    async def _attempts(self) -> str:
        reach("intent.before")
        answer = await self._ask("begin", self._wanted.ticket, self._drives.engine)
        reach("intent.after")
        self._term = answer.term
        while answer.go is not None:
            self._begun = True
            if self._drives.draining:
                raise Draining
            reach("attempt.before")
            result = trimmed(await self._attempt(answer.go))
            reach("report.before")
            answer = await self._report(answer.go, result)
            reach("report.after")
        await self._keep_events()
        return await self._announced(answer)

    async def _keep_events(self) -> None:
        """What happened stays readable here, with no worker alive, and longer than the server keeps it."""
        try:
            await self._drives.link.fetch_events(self._wanted.workflow_id)
        except NoWorker as error:
            log.info("%s", error)

    async def _report(self, go: Go, result: AttemptResult) -> Answer:
        told = (self._term, go.begun, go.attempt, encode(result))
        return await self._ask("report", *told, id=f"report-{self._term}-{go.begun}")

    async def _attempt(self, go: Go) -> AttemptResult:
        control = self.control = Control()
        if go.stop:
            control.ask(Stop(go.stop))
            self._nudged.set()
        listening = asyncio.create_task(self._listen(control))
        try:
            return await run_attempt(self._drives.runner, self._order(go), control, self._drives.on_trouble)
        finally:
            listening.cancel()
            self.control = None

    def _order(self, go: Go) -> AttemptOrder:
        workspace, workflow_id = self._drives.link.workspace, self._wanted.workflow_id
        assert self._definition is not None
        return AttemptOrder(
            workspace=str(workspace.root),
            run_dir=str(workspace.runs / workflow_id / f"{go.attempt}-{go.phase.lower()}"),
            workflow_id=workflow_id,
            phase=go.phase,
            attempt=go.attempt,
            definition=self._definition,
            feedback=go.feedback,
            evidence=go.evidence,
            tested_tree=go.tested_tree,
        )

    async def _listen(self, control: Control) -> None:
        """Once the server said that something changed, ask what is wanted, until the attempt ends."""
        await self._nudged.wait()
        while True:
            try:
                stop = await self._drives.connection.call(self._handle.query("wanted_stop", self._term))
            except (BackendUnavailable, RPCError):
                stop = None
            if stop == LOST:
                self.leave()
            # A drain asks by itself, and is not taken back.
            elif stop is not None and control.stop != (stop or None) and not self._drives.draining:
                control.ask(Stop(str(stop)) if stop else None)
            await asyncio.sleep(ASK)

    async def _ask(self, update: str, *arguments: object, id: str | None = None) -> Answer:
        """An answer of the workflow, however long the server or the workflow's worker are away."""
        while True:
            try:
                said = await self._drives.connection.call(
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
                return Answer()
            except WorkflowUpdateFailedError:
                return Answer()
        answer = decode(str(said), Answer)
        if answer.summary and self._definition is not None:
            self._drives.link.mirror.hear(read_summary(answer.summary, describe_definition(self._definition)))
        return answer

    async def _announced(self, answer: Answer) -> str:
        """What was completed is recorded here, and told to those who may have waited for it."""
        if not answer.summary or self._definition is None:
            return NOTHING
        seen = read_summary(answer.summary, describe_definition(self._definition))
        if seen.state.status is not WorkflowStatus.COMPLETED:
            return NOTHING
        task = self._definition.task
        for workflow_id in self._drives.link.mirror.waiting_for(task.project_id, task.id):
            try:
                waiting = self._drives.connection.client.get_workflow_handle(workflow_id)
                await self._drives.connection.call(waiting.signal("look_again"))
            except (BackendUnavailable, RPCError) as error:
                # It looks by itself, only later.
                log.info("%s was not told: %s", workflow_id, error)
        return TOLD


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT)

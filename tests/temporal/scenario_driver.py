"""Scenarios on a real Temporal server, with a worker."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace
from temporalio import workflow
from tests.scenarios.backend_driver import BackendDriver
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.state import State
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.client.client import TemporalClient
from penguin.orchestration.temporal.messages import WORKFLOW
from penguin.orchestration.temporal.worker.worker import WorkspaceWorker
from penguin.orchestration.temporal.workflows.task_workflow import ItuvWorkflow


@workflow.defn(name=WORKFLOW, failure_exception_types=[Exception])
class SkippingWorkflow(ItuvWorkflow):
    """The workflow, with a clock that can be moved on."""

    heartbeat = timedelta(seconds=10)
    """Longer than a busy machine may stop for, shorter than a test waits."""

    @workflow.init
    def __init__(self, argument: str) -> None:
        self._skipped = 0.0
        super().__init__(argument)

    @workflow.run
    async def run(self, argument: str) -> str:
        return await super().run(argument)

    @workflow.signal
    def skip(self, seconds: float) -> None:
        self._skipped += seconds
        self._touch()

    def _now(self) -> float:
        return super()._now() + self._skipped


class Gate:
    """The one slot: free when the scenario has come to it."""

    def __init__(self) -> None:
        self._open = asyncio.Semaphore(0)

    def let_one_in(self) -> None:
        self._open.release()

    async def take(self, workflow_id: str, rank: object, *, needs_tree: bool) -> Gate:
        await self._open.acquire()
        return self

    def release(self, *, step_goes_on: bool) -> None:
        pass


class TemporalDriver(BackendDriver):
    """A project of its own on the server at `address`, with a worker; clock and slot are the scenario's."""

    _backend: TemporalBackend

    def __init__(self, root: Path, definition: Definition, address: str) -> None:
        project_id = f"p{uuid.uuid4().hex[:8]}"
        TemporalWorkspace(root, address, project_id)
        super().__init__(root, replace(definition, task=replace(definition.task, project_id=project_id)))

    def open(self) -> TemporalBackend:
        self._gate = Gate()
        backend = TemporalBackend(None, self.root)
        self.furnish(backend.process, backend._planner)
        process = backend.process
        process.workflow = SkippingWorkflow
        process.finish_stops = False
        make_worker = process.make_worker

        def with_gate(link: TemporalClient) -> WorkspaceWorker:
            worker = make_worker(link)
            worker.drives.slots = self._gate  # type: ignore[assignment]
            return worker

        process.make_worker = with_gate  # type: ignore[method-assign]
        return backend

    def let_one_begin(self) -> None:
        self._gate.let_one_in()

    async def look(self) -> State:
        return (await (await self._backend.process.open()).existing(self.workflow_id)).state

    async def events_of(self, workflow_id: str) -> sqlite3.Connection:
        link = await self._backend.process.open()
        await link.existing(workflow_id)
        await link.fetch_events(workflow_id)
        return link.cache.connection

    async def wait(self, seconds: float) -> None:
        await super().wait(seconds)
        await (await self._backend.process.open()).handle(self.workflow_id).signal("skip", seconds)

    async def retry(self, start_from: WorkflowPhase | None) -> None:
        await super().retry(start_from)
        self.skipped = 0.0

"""The common driver of scenarios on a backend in this process."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.scenarios.runner import ScenarioDriver
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import OrchestrationBackend, WorkflowPhase
from penguin.orchestration.blueprint import BlueprintItem
from penguin.orchestration.config import Settings, load_settings
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import Land, Run
from penguin.orchestration.core.decider import effects
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult, LandingOutcome
from penguin.orchestration.core.state import State
from penguin.orchestration.execution.runner_api import AttemptOrder, LandingOrder, StopControl
from penguin.orchestration.store.rows import decode_events


class HeldPhases:
    """A runner whose attempts run until the scenario ends them."""

    def __init__(self) -> None:
        self.held: tuple[AttemptOrder, StopControl] | None = None
        self._end: asyncio.Future[AttemptResult] | None = None
        self.landing: tuple[LandingOrder, StopControl] | None = None
        self._landed: asyncio.Future[LandingOutcome] | None = None

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        self.held = (order, control)
        self._end = asyncio.get_running_loop().create_future()
        return await self._end

    def end(self, result: AttemptResult) -> None:
        assert self._end is not None
        self.held = None
        self._end.set_result(result)

    async def land(self, order: LandingOrder, control: StopControl) -> LandingOutcome:
        self.landing = (order, control)
        self._landed = asyncio.get_running_loop().create_future()
        return await self._landed

    def end_landing(self, outcome: LandingOutcome) -> None:
        assert self._landed is not None
        self.landing = None
        self._landed.set_result(outcome)

    async def aclose(self) -> None:
        pass


class OneTask:
    """A backlog of one task, which the scenario defines."""

    def __init__(self, root: Path, definition: Definition) -> None:
        self._root = root
        self._definition = definition

    def settings(self, *, required: bool = True) -> Settings:
        return load_settings(self._root, required=False)

    def load(self) -> OneTask:
        return self

    def find(self, task_id: str, blueprint_id: str | None = None) -> BlueprintItem:
        return BlueprintItem(task=self._definition.task)

    def define(self, item: BlueprintItem, config: object) -> Definition:
        return self._definition


class ScenarioTree:
    """A working tree whose digest the scenario sets."""

    def __init__(self, driver: ScenarioDriver) -> None:
        self._stage = driver

    def digest(self) -> str:
        return self._stage.tree

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        return ()

    def inherit(self, folder: Path) -> None:
        pass


class BackendDriver(ScenarioDriver):
    """A real backend with the attempts, clock, slots, backlog and tree of the scenario."""

    def __init__(self, root: Path, definition: Definition) -> None:
        self.root = root
        self.workflow_id = ""
        self.skipped = 0.0
        """Seconds that the workflow's clock is ahead."""
        self._definition = definition
        self._reported: dict[str, int] = {}
        """Number of the last reported event, by workflow."""

    @abstractmethod
    def open(self) -> OrchestrationBackend:
        """Open a new backend on the same workspace. Running attempts are left behind when it is closed."""

    @abstractmethod
    def let_one_begin(self) -> None:
        """Free one slot once."""

    @abstractmethod
    async def events_of(self, workflow_id: str) -> sqlite3.Connection:
        """Return a store with all events of this workflow."""

    def furnish(self, *parts: Any) -> None:
        """Replace the inputs of the backend by those of the scenario."""
        self.phases = HeldPhases()
        for part in parts:
            part._scripted = part._lander = self.phases
            part._backlog = OneTask(self.root, self._definition)
            part._tree_of = lambda workflow_id: ScenarioTree(self)

    async def start(self) -> None:
        self._backend = self.open()
        self._entered(await self._backend.start_workflow("task-1"))

    def _entered(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self._reported[workflow_id] = 0

    def holds(self, run: Run | Land) -> bool:
        """Return whether this attempt or landing is running, with the required stop."""
        if isinstance(run, Land):
            if self.phases.landing is None:
                return False
            landing, control = self.phases.landing
            return landing.number == run.number and (control.stop or "") == run.stop
        if self.phases.held is None:
            return False
        order, control = self.phases.held
        return order.attempt == run.attempt and (control.stop or "") == run.stop

    def at_rest(self, state: State) -> bool:
        match effects(state):
            case (Run() | Land() as run,):
                return self.holds(run)
            case _:
                return self.phases.held is None and self.phases.landing is None

    async def news(self) -> Sequence[ev.Event]:
        found: list[ev.Event] = []
        for workflow_id, reported in self._reported.items():
            rows = (await self.events_of(workflow_id)).execute(
                "SELECT seq, data FROM event WHERE workflow_id = ? AND seq > ? ORDER BY seq", (workflow_id, reported)
            )
            for seq, data in rows.fetchall():
                self._reported[workflow_id] = seq
                found += decode_events(data)
        return found

    async def wait(self, seconds: float) -> None:
        self.skipped += seconds

    async def begin(self, due_at: float) -> None:
        left = due_at - time.time() - self.skipped
        if left > 0:
            await self.wait(left + 0.01)
        self.let_one_begin()

    async def end(self, attempt: int, result: AttemptResult) -> None:
        self.phases.end(result)

    async def end_landing(self, number: int, outcome: LandingOutcome) -> None:
        self.phases.end_landing(outcome)

    async def signal(self, name: str, payload: dict[str, Any]) -> None:
        await self._backend.signal_workflow(self.workflow_id, name, payload)

    async def retry(self, start_from: WorkflowPhase | None) -> None:
        self._entered(await self._backend.retry_workflow(self.workflow_id, start_from))

    async def crash(self, *, under_way: bool) -> None:
        await self._backend.aclose()
        self._backend = self.open()
        await self._backend.run_engine()
        if under_way:
            self.let_one_begin()
            await wait_until_async(lambda: self.phases.held is not None or self.phases.landing is not None)

    async def aclose(self) -> None:
        await self._backend.aclose()

"""Plays a scenario on a real Temporal server: attempts end, slots come free and the clock goes on when told to."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from temporalio import workflow
from tests.ituv.scenarios import Act, Outcome, Scenario, trace
from tests.native.scenario_run import HeldPhases
from tests.native.space import PATIENCE
from tests.temporal.space import TemporalSpace

from penguin.orchestration import events as ev
from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowStatus
from penguin.orchestration.blueprint import Item
from penguin.orchestration.commands import Await, Run
from penguin.orchestration.config import load_settings
from penguin.orchestration.definition import Definition
from penguin.orchestration.evidence import AttemptResult, StepEvidence
from penguin.orchestration.flow import State
from penguin.orchestration.ituv import effects
from penguin.orchestration.store.codec import decode_events
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.protocol import WORKFLOW
from penguin.orchestration.temporal.workflow import ItuvWorkflow

LIMIT = 500
LOOK = 0.02


@workflow.defn(name=WORKFLOW, failure_exception_types=[Exception])
class SkippingWorkflow(ItuvWorkflow):
    """The workflow, with a clock that can be moved on."""

    heartbeat = timedelta(seconds=20)

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
        self._changed += 1

    def _now(self) -> float:
        return super()._now() + self._skipped


class Gate:
    """The one slot: free when the scenario has come to it."""

    def __init__(self) -> None:
        self._open = asyncio.Semaphore(0)
        self.waiting = 0

    def let_one_in(self) -> None:
        self._open.release()

    async def take(self, workflow_id: str) -> Gate:
        self.waiting += 1
        try:
            await self._open.acquire()
        finally:
            self.waiting -= 1
        return self

    def release(self, *, step_goes_on: bool) -> None:
        pass


class OneTask:
    """A backlog of one task, defined by the scenario."""

    def __init__(self, root: Path, definition: Definition) -> None:
        self._root = root
        self._definition = definition

    def settings(self, *, required: bool = True) -> Any:
        return load_settings(self._root)

    def find(self, task_id: str, blueprint_id: str | None = None) -> Item:
        return Item(task=self._definition.task)

    def define(self, item: Item, config: object) -> Definition:
        return self._definition


class SaidTree:
    """The tree is what the scenario says it is."""

    def __init__(self, run: TemporalRun) -> None:
        self._run = run

    def now(self) -> str:
        return self._run.tree

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        return ()

    def inherit(self, folder: Path) -> None:
        pass


class TemporalRun:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, root: Path, address: str) -> None:
        self.scenario = scenario
        self.root = root
        self.tree = "a"
        self.story: list[ev.Event | str] = []
        self.refusal: IllegalCommand | None = None
        self.workflow_id = ""
        project_id = f"p{uuid.uuid4().hex[:8]}"
        TemporalSpace(root, address, project_id)
        definition = scenario.task.definition()
        self._definition = replace(definition, task=replace(definition.task, project_id=project_id))
        self._skipped = 0.0
        self._survivors: tuple[int, ...] = ()
        self._script = {phase: list(outcomes) for phase, outcomes in scenario.outcomes.items()}
        self._acts = list(scenario.acts)
        self._told: dict[str, int] = {}
        self._ids: list[str] = []

    async def play(self) -> None:
        """Go on until nothing is under way and nothing is left to do."""
        await self._begin()
        for _ in range(LIMIT):
            if self._acts and self._due(self._acts[0]):
                await self._act(self._acts.pop(0))
            elif not await self._advance():
                assert not self._acts, f"it never came to {self._acts[0]}, it is {self.state.status}"
                break
        await self._close()

    async def play_acts(self) -> list[ev.Event | str]:
        """Go on until the last act is done, and stop there; what came of that act."""
        await self._begin()
        begin = 0
        while self._acts:
            if self._due(self._acts[0]):
                begin = len(self.story)
                await self._act(self._acts.pop(0))
            else:
                assert await self._advance(), f"it never came to {self._acts[0]}, it is {self.state.status}"
        await self._close()
        return self.story[begin:]

    @property
    def lines(self) -> list[str]:
        return trace(self.story)

    async def _begin(self) -> None:
        self._open()
        self.workflow_id = await self._backend.start_workflow("task-1")
        self._ids.append(self.workflow_id)
        self._install_gate()
        await self._noted()

    def _open(self) -> None:
        self.phases = HeldPhases()
        self.gate = Gate()
        self._backend = TemporalBackend(None, self.root)
        self._backend._scripted = self.phases
        self._backend._workflow = SkippingWorkflow
        self._backend._backlog = OneTask(self.root, self._definition)  # type: ignore[assignment]
        self._backend._tree_of = lambda workflow_id: SaidTree(self)  # type: ignore[method-assign,assignment,return-value]
        make_worker = self._backend._make_worker

        def with_gate(link: Any) -> Any:
            worker = make_worker(link)
            worker.drives.slots = self.gate  # type: ignore[assignment]
            return worker

        self._backend._make_worker = with_gate  # type: ignore[method-assign]

    def _install_gate(self) -> None:
        assert self._backend._worker is not None
        assert self._backend._worker.drives.slots is self.gate

    async def _close(self) -> None:
        # Nothing is finished: what runs is left behind as it is.
        self._backend._finish_stops = _at_once  # type: ignore[method-assign]
        await self._backend.aclose()

    # --- seeing ---

    async def _look(self) -> State:
        seen = await (await self._backend._open()).existing(self.workflow_id)
        self.state = seen.state
        return self.state

    async def _noted(self) -> None:
        """Wait until the worker does what the state asks for, and write down what happened."""
        deadline = time.monotonic() + PATIENCE
        while not self._quiet(await self._look()):
            assert time.monotonic() < deadline, f"{self.state.status}, {effects(self.state)}, {self.phases.held}"
            await asyncio.sleep(LOOK)
        await self._pull()

    def _quiet(self, state: State) -> bool:
        match effects(state):
            case (Run() as run,):
                held = self.phases.held
                return held is not None and held[0].attempt == run.attempt and (held[1].stop or "") == run.stop
            case _:
                return self.phases.held is None

    async def _pull(self) -> None:
        link = await self._backend._open()
        for workflow_id in self._ids:
            await link.existing(workflow_id)
            await link.fetch_events(workflow_id)
            rows = link.mirror.connection.execute(
                "SELECT seq, data FROM event WHERE workflow_id = ? ORDER BY seq", (workflow_id,)
            ).fetchall()
            for seq, data in rows:
                if seq > self._told.get(workflow_id, 0):
                    self._told[workflow_id] = seq
                    self.story += decode_events(data)

    # --- time goes on ---

    async def _advance(self) -> bool:
        before = self.state
        match effects(before):
            case (Run() as run,):
                self.phases.end(self._result(run))
            case (Await() as due,):
                left = due.until - time.time() - self._skipped + 0.01
                if left > 0:
                    await self._skip(left)
                self.gate.let_one_in()
            case _:
                return False
        await self._changed_from(before)
        await self._noted()
        return True

    async def _changed_from(self, before: State) -> None:
        deadline = time.monotonic() + PATIENCE
        while (await self._look()) == before:
            assert time.monotonic() < deadline, f"nothing came of {effects(before)}"
            await asyncio.sleep(LOOK)

    async def _skip(self, seconds: float) -> None:
        self._skipped += seconds
        handle = (await self._backend._open()).handle(self.workflow_id)
        await handle.signal("skip", seconds)

    def _result(self, run: Run) -> AttemptResult:
        if run.stop in ("now", "cancel"):
            return _interrupted(run.stop, self._survivors)
        script = self._script.get(run.phase)
        said = script.pop(0) if script else Verdict.PASSED
        outcome = said if isinstance(said, Outcome) else Outcome(said, reason="" if said is Verdict.PASSED else "no")
        self.tree = outcome.changes or self.tree
        return outcome.result(self.tree)

    # --- what people do ---

    def _due(self, act: Act) -> bool:
        state = self.state
        running = state.open.number if state.open and state.open.running else None
        if act.during is not None:
            return running == act.during
        if act.at == "WAITING":
            return state.status is WorkflowStatus.RUNNING and running is None
        return state.status == act.at and running is None

    async def _act(self, act: Act) -> None:
        if act.after:
            await self._skip(act.after)
        try:
            await ACTS[act.do](self, act)
        except IllegalCommand as refusal:
            self.refusal = refusal
            await self._pull()
            self.story.append(f"refused: {act.do}")
        await self._noted()

    async def _signal(self, name: str, **payload: Any) -> None:
        await self._backend.signal_workflow(self.workflow_id, name, payload)

    async def _pause(self, act: Act) -> None:
        await self._signal("pause", now=act.now, by=act.by)

    async def _resume(self, act: Act) -> None:
        await self._signal("resume", by=act.by, **({"from": act.start_from} if act.start_from else {}))

    async def _cancel(self, act: Act) -> None:
        self._survivors = act.survivors
        await self._signal("cancel", by=act.by)

    async def _feedback(self, act: Act) -> None:
        await self._signal("inject_feedback", message=act.text, by=act.by)

    async def _approve(self, act: Act) -> None:
        await self._signal("approve", by=act.by)

    async def _edit(self, act: Act) -> None:
        self.tree = act.tree

    async def _crash(self, act: Act) -> None:
        under_way = self.phases.held is not None
        await self._close()
        self._open()
        await self._backend.run_engine()
        if under_way:
            self.gate.let_one_in()
            deadline = time.monotonic() + PATIENCE
            while self.phases.held is None:
                assert time.monotonic() < deadline, "nobody took the attempt over"
                await asyncio.sleep(LOOK)
            before = await self._look()
            self.phases.end(_interrupted("crash"))
            await self._changed_from(before)

    async def _retry(self, act: Act) -> None:
        self.workflow_id = await self._backend.retry_workflow(self.workflow_id, act.start_from)
        self._ids.append(self.workflow_id)
        self._skipped = 0.0


async def _at_once(worker: object) -> None:
    pass


def _interrupted(cause: str, survivors: tuple[int, ...] = ()) -> AttemptResult:
    step = StepEvidence(name="step", kind="run", verdict=Verdict.INTERRUPTED, survivors=survivors)
    return AttemptResult(verdict=Verdict.INTERRUPTED, cause=cause, steps=(step,))


ACTS: dict[str, Callable[[TemporalRun, Act], Awaitable[None]]] = {
    "pause": TemporalRun._pause,
    "resume": TemporalRun._resume,
    "cancel": TemporalRun._cancel,
    "feedback": TemporalRun._feedback,
    "approve": TemporalRun._approve,
    "retry": TemporalRun._retry,
    "edit": TemporalRun._edit,
    "crash": TemporalRun._crash,
}

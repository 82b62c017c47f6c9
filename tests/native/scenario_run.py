"""Plays a scenario on the embedded backend: real store, real engine; attempts and the clock go on when told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.ituv.scenarios import Act, Outcome, Scenario, trace
from tests.native.space import until

from penguin.orchestration import events as ev
from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowStatus
from penguin.orchestration.blueprint import Item
from penguin.orchestration.commands import Await, Run
from penguin.orchestration.definition import Definition
from penguin.orchestration.evidence import AttemptResult, StepEvidence
from penguin.orchestration.flow import State
from penguin.orchestration.ituv import effects
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.native.engine import Engine
from penguin.orchestration.native.live import load
from penguin.orchestration.phases.attempt import AttemptOrder, Control
from penguin.orchestration.store.codec import decode_events

LIMIT = 500


class HeldPhases:
    """Attempts stay under way until they are told what they come to."""

    def __init__(self) -> None:
        self.held: tuple[AttemptOrder, Control] | None = None
        self._end: asyncio.Future[AttemptResult] | None = None

    async def run(self, order: AttemptOrder, control: Control) -> AttemptResult:
        self.held = (order, control)
        self._end = asyncio.get_running_loop().create_future()
        return await self._end

    def end(self, result: AttemptResult) -> None:
        assert self._end is not None
        self.held = None
        self._end.set_result(result)

    async def aclose(self) -> None:
        pass


class OneTask:
    """A backlog of one task, defined by the scenario: agents that this version does not run included."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def settings(self, *, required: bool = True) -> Any:
        return type("Settings", (), {"max_parallel": 1, "backend": "native"})()

    def find(self, task_id: str, blueprint_id: str | None = None) -> Item:
        return Item(task=self._definition.task)

    def define(self, item: Item, config: object) -> Definition:
        return self._definition


class SaidTree:
    """The tree is what the scenario says it is."""

    def __init__(self, run: NativeRun) -> None:
        self._run = run

    def now(self) -> str:
        return self._run.tree

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        return ()

    def inherit(self, folder: Path) -> None:
        pass


class NativeRun:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, root: Path) -> None:
        self.scenario = scenario
        self.root = root
        self.tree = "a"
        self.story: list[ev.Event | str] = []
        self.refusal: IllegalCommand | None = None
        self._skipped = 0.0
        self._survivors: tuple[int, ...] = ()
        self._script = {phase: list(outcomes) for phase, outcomes in scenario.outcomes.items()}
        self._acts = list(scenario.acts)
        self._seen: dict[str, int] = {}
        self.workflow_id = ""

    async def play(self) -> None:
        """Go on until nothing is under way and nothing is left to do."""
        await self._begin()
        for _ in range(LIMIT):
            if self._acts and self._due(self._acts[0]):
                await self._act(self._acts.pop(0))
            elif not await self._advance():
                assert not self._acts, f"it never came to {self._acts[0]}, it is {self.state.status}"
                break
        self.last = self.state
        await self._backend.aclose()

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
        self.last = self.state
        self._engine._finish_stops = _at_once  # type: ignore[method-assign]
        await self._backend.aclose()
        return self.story[begin:]

    @property
    def lines(self) -> list[str]:
        return trace(self.story)

    @property
    def state(self) -> State:
        return load(self._engine.connection, self.workflow_id)[0]

    # --- the engine ---

    async def _begin(self) -> None:
        self._open()
        self.workflow_id = await self._backend.start_workflow("task-1")
        await self._noted()

    def _open(self) -> None:
        self.phases = HeldPhases()
        self._backend = NativeBackend(None, self.root)
        self._backend._scripted = self.phases
        self._backend._backlog = OneTask(self.scenario.task.definition())  # type: ignore[assignment]
        self._backend._tree_of = lambda workflow_id: SaidTree(self)  # type: ignore[method-assign,assignment,return-value]
        self._backend._now = lambda: time.time() + self._skipped
        self._engine: Engine = self._backend._open()
        # An attempt begins when the scenario has come to it.
        self._engine._scheduler._free = lambda: 0

    async def _noted(self) -> None:
        """Wait until the engine does what the state asks for, and write down what happened."""
        await until(self._quiet)
        self._pull()

    def _quiet(self) -> bool:
        live = self._engine._live.get(self.workflow_id)
        if live is None:
            return True
        if live.lock.locked():
            return False
        match effects(live.state):
            case (Run() as run,) if live.state.owner == self._engine.identity.id:
                held = self.phases.held
                return held is not None and held[0].attempt == run.attempt and (held[1].stop or "") == run.stop
            case _:
                return live.driver is None

    def _pull(self) -> None:
        rows = self._engine.connection.execute(
            "SELECT e.workflow_id, e.seq, e.data FROM event e JOIN run r ON r.workflow_id = e.workflow_id"
            " ORDER BY r.number, e.seq"
        )
        for workflow_id, seq, data in rows.fetchall():
            if seq > self._seen.get(workflow_id, 0):
                self._seen[workflow_id] = seq
                self.story += decode_events(data)

    # --- time goes on ---

    async def _advance(self) -> bool:
        state = self.state
        match effects(state):
            case (Run() as run,):
                self.phases.end(self._result(run))
            case (Await() as due,):
                self._skipped += max(0.0, due.until - time.time() - self._skipped + 0.001)
                self._let_one_begin()
                await until(lambda: self.state != state)
            case _:
                return False
        await until(lambda: self.state != state)
        await self._noted()
        return True

    def _let_one_begin(self) -> None:
        scheduler = self._engine._scheduler
        scheduler._free = lambda: 1
        scheduler.recheck()
        asyncio.get_running_loop().call_later(0, lambda: asyncio.get_running_loop().call_soon(self._shut))

    def _shut(self) -> None:
        self._engine._scheduler._free = lambda: 0

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
        self._skipped += act.after
        try:
            await ACTS[act.do](self, act)
        except IllegalCommand as refusal:
            self.refusal = refusal
            self._pull()
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
        # Nothing is finished: what runs is left behind as it is.
        self._engine._finish_stops = _at_once  # type: ignore[method-assign]
        await self._backend.aclose()
        self._open()
        await self._backend.run_engine()
        if under_way:
            await until(lambda: self.phases.held is not None)
            self.phases.end(_interrupted("crash"))

    async def _retry(self, act: Act) -> None:
        self.workflow_id = await self._backend.retry_workflow(self.workflow_id, act.start_from)


async def _at_once() -> None:
    pass


def _interrupted(cause: str, survivors: tuple[int, ...] = ()) -> AttemptResult:
    step = StepEvidence(name="step", kind="run", verdict=Verdict.INTERRUPTED, survivors=survivors)
    return AttemptResult(verdict=Verdict.INTERRUPTED, cause=cause, steps=(step,))


ACTS: dict[str, Callable[[NativeRun, Act], Awaitable[None]]] = {
    "pause": NativeRun._pause,
    "resume": NativeRun._resume,
    "cancel": NativeRun._cancel,
    "feedback": NativeRun._feedback,
    "approve": NativeRun._approve,
    "retry": NativeRun._retry,
    "edit": NativeRun._edit,
    "crash": NativeRun._crash,
}

"""Plays a scenario through a driver: decides when attempts end and when people act."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from tests.scenarios.scenario import Act, Outcome, Scenario, trace
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import Await, Land, Run
from penguin.orchestration.core.decider import effects
from penguin.orchestration.core.results import AttemptResult, Landed, LandingOutcome, LandingStopped, StepEvidence
from penguin.orchestration.core.state import State

LIMIT = 500
"""Number of moves after which a scenario counts as endless."""


class ScenarioDriver(ABC):
    """Plays the steps of a scenario on one implementation: the core alone, or a backend."""

    tree = "a"
    """Digest of the working tree."""

    @abstractmethod
    async def start(self) -> None:
        """Start a workflow of the scenario's task."""

    @abstractmethod
    async def look(self) -> State:
        """The state of the workflow; after a retry, of the new one."""

    @abstractmethod
    def at_rest(self, state: State) -> bool:
        """Return whether exactly what this state requires is running."""

    @abstractmethod
    async def news(self) -> Sequence[ev.Event]:
        """Return the events recorded since the last call."""

    @abstractmethod
    async def wait(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    async def begin(self, due_at: float) -> None:
        """Let time pass until then (seconds since the epoch), and start the due attempt."""

    @abstractmethod
    async def end(self, attempt: int, result: AttemptResult) -> None:
        """End the running attempt with this result."""

    @abstractmethod
    async def end_landing(self, number: int, outcome: LandingOutcome) -> None:
        """End the running landing with this outcome."""

    @abstractmethod
    async def signal(self, name: str, payload: dict[str, Any]) -> None:
        """Send a signal as `signal_workflow` does. Raises IllegalCommand."""

    @abstractmethod
    async def retry(self, start_from: WorkflowPhase | None) -> None:
        """Replace the workflow by its retry. Raises IllegalCommand."""

    @abstractmethod
    async def crash(self, *, under_way: bool) -> None:
        """Let the engine die and another take over, with the running attempt, if any."""

    @abstractmethod
    async def aclose(self) -> None:
        """Leave the workspace as it is."""


class ScenarioRunner:
    """Plays one scenario."""

    state: State
    """The state after the last move."""

    def __init__(self, scenario: Scenario, driver: ScenarioDriver) -> None:
        self.driver = driver
        self.refusal: IllegalCommand | None = None
        self._name = scenario.name
        self._script = {phase: list(outcomes) for phase, outcomes in scenario.outcomes.items()}
        self._landings = list(scenario.landings)
        self._acts = list(scenario.acts)
        self._survivors: tuple[int, ...] = ()
        self._story: list[ev.Event | str] = []

    async def play(self) -> list[str]:
        """Play until nothing runs and no act is left. Return the trace."""
        async with aclosing(self.driver):
            await self._start()
            for _ in range(LIMIT):
                if not await self._move():
                    return trace(self._story)
        raise AssertionError(f"{self._name} does not end")

    async def play_acts(self) -> list[ev.Event | str]:
        """Play until the last act, and stop there. Return the outcome of that act."""
        begin = 0
        async with aclosing(self.driver):
            await self._start()
            while self._acts:
                begin = len(self._story)
                await self._move()
        return self._story[begin:]

    async def _start(self) -> None:
        await self.driver.start()
        await self._settle()

    async def _move(self) -> bool:
        """Do the due act, or else let the next change happen. Return False if there is none."""
        if self._acts and self._due(self._acts[0]):
            await self._act(self._acts.pop(0))
        elif not await self._advance():
            assert not self._acts, f"it never came to {self._acts[0]}, it is {self.state.status}"
            return False
        return True

    async def _settle(self, *, after: State | None = None) -> None:
        """Wait until the driver does what the state requires, and record the events. `after` is the previous state."""

        async def at_rest() -> bool:
            self.state = await self.driver.look()
            return self.state != after and self.driver.at_rest(self.state)

        await wait_until_async(
            at_rest, "a state at rest", details=lambda: f"it is {self.state.status}; due: {effects(self.state)}"
        )
        self._story += await self.driver.news()

    # --- time goes on ---

    async def _advance(self) -> bool:
        """Let the next change happen by itself, if there is one."""
        before = self.state
        match effects(before):
            case (Run() as run,):
                await self.driver.end(run.attempt, self._result(run))
            case (Land() as land,):
                await self.driver.end_landing(land.number, self._landing_outcome(land))
            case (Await() as due,):
                await self.driver.begin(due.until)
            case _:
                return False
        await self._settle(after=before)
        return True

    def _result(self, run: Run) -> AttemptResult:
        if run.stop in ("now", "cancel"):
            return _interrupted(run.stop, self._survivors)
        script = self._script.get(run.phase)
        outcome = script.pop(0) if script else Verdict.PASSED
        if not isinstance(outcome, Outcome):
            outcome = Outcome(outcome, reason="" if outcome is Verdict.PASSED else "no")
        if outcome.changes is not None:
            self.driver.tree = outcome.changes
        return outcome.result(self.driver.tree)

    def _landing_outcome(self, land: Land) -> LandingOutcome:
        if self._landings:
            return self._landings.pop(0)
        if land.stop in ("now", "cancel"):
            return LandingStopped()
        return Landed(branch="main", base=land.base or "base-1", commit=f"landed-{land.merged or land.commit}")

    # --- what people do ---

    def _due(self, act: Act) -> bool:
        state = self.state
        if act.landing is not None:
            return state.landing is not None and state.landing.running and state.landing.number == act.landing
        if act.during is not None:
            return state.open is not None and state.open.running and state.open.number == act.during
        if act.at == "WAITING":
            return state.status is WorkflowStatus.RUNNING and not state.is_running
        return state.status == act.at and not state.is_running

    async def _act(self, act: Act) -> None:
        if act.after:
            await self.driver.wait(act.after)
        try:
            await self._do(act)
        except IllegalCommand as refusal:
            self.refusal = refusal
            self._story += await self.driver.news()
            self._story.append(f"refused: {act.do}")
        await self._settle()

    async def _do(self, act: Act) -> None:
        match act.do:
            case "retry":
                await self.driver.retry(act.start_from)
            case "edit":
                self.driver.tree = act.tree
            case "crash":
                await self._crash()
            case _:
                self._survivors = act.survivors
                await self.driver.signal(*signal_of(act))

    async def _crash(self) -> None:
        attempt = self.state.open.number if self.state.open and self.state.open.running else None
        await self.driver.crash(under_way=self.state.is_running)
        if attempt is not None:
            await self.driver.end(attempt, _interrupted("crash"))


def signal_of(act: Act) -> tuple[str, dict[str, Any]]:
    """Return the name and payload of a signal."""
    match act.do:
        case "pause":
            return "pause", {"by": act.by, "now": act.now}
        case "resume":
            wanted = {"from": act.start_from, "budget": act.budget}
            return "resume", {"by": act.by, **{key: value for key, value in wanted.items() if value}}
        case "feedback":
            return "inject_feedback", {"by": act.by, "message": act.text}
        case "cancel" | "approve":
            return act.do, {"by": act.by}
    raise AssertionError(f"nobody does {act.do!r}")


def _interrupted(cause: str, survivors: tuple[int, ...] = ()) -> AttemptResult:
    step = StepEvidence(name="step", kind="run", verdict=Verdict.INTERRUPTED, survivors=survivors)
    return AttemptResult(verdict=Verdict.INTERRUPTED, cause=cause, steps=(step,))

"""Scenarios on the pure core: a clock that the test moves, and attempts that end when the test says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import msgspec
from tests.scenarios.conformance import MACHINE_ID
from tests.scenarios.runner import ScenarioDriver
from tests.scenarios.scenario import Setup

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import Claim, Command, Dispatch, Report, ReportLanding, Start, Supersede
from penguin.orchestration.core.decider import State, decide, rebuild, retry_start
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult, LandingOutcome
from penguin.orchestration.core.signals import command_from_signal

BEGIN = 1_000.0

PASSED = AttemptResult(verdict=Verdict.PASSED, tree="a")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ev.AnyEvent]).decode


def started(setup: Setup | None = None) -> State:
    """Return a new workflow."""
    definition = (setup or Setup()).definition()
    return decide(None, Start(workflow_id="w", number=0, definition=definition), 1.0).state


def after(state: State, commands: Iterable[Command], now: float = 2.0) -> State:
    """Return the state after these commands, all at the same time."""
    for command in commands:
        state = decide(state, command, now).state
    return state


class CoreDriver(ScenarioDriver):
    """Plays scenarios on the decider alone, without a backend."""

    def __init__(self, definition: Definition) -> None:
        self.clock = BEGIN
        self._definition = definition
        self._state: State | None = None
        self._history: list[ev.Event] = []
        self._news: list[ev.Event] = []
        self._numbers = count(1)

    async def start(self) -> None:
        self._start(Start(workflow_id=MACHINE_ID, number=0, definition=self._definition))

    def _start(self, start: Start) -> None:
        self._state = None
        self._history = []
        self._send(start)

    def _send(self, command: Command) -> None:
        """Send one command; check that its events, encoded as JSON and decoded, give the decided state."""
        decision = decide(self._state, command, self.clock)
        self._history += decision.events
        self._news += decision.events
        self._state = decision.state
        assert rebuild(_decode(_encode(self._history))) == self._state

    async def look(self) -> State:
        assert self._state is not None
        return self._state

    def at_rest(self, state: State) -> bool:
        return True

    async def news(self) -> Sequence[ev.Event]:
        news, self._news = self._news, []
        return news

    async def wait(self, seconds: float) -> None:
        self.clock += seconds

    async def begin(self, due_at: float) -> None:
        self.clock = max(self.clock, due_at)
        self._send(Dispatch())

    async def end(self, attempt: int, result: AttemptResult) -> None:
        self._send(Report(attempt, result))

    async def end_landing(self, number: int, outcome: LandingOutcome) -> None:
        self._send(ReportLanding(number, outcome))

    async def signal(self, name: str, payload: dict[str, Any]) -> None:
        complete = {**payload, "tree": self.tree}
        self._send(
            command_from_signal(name, complete, by="", feedback_id=f"advice-{next(self._numbers)}", at=self.clock)
        )

    async def retry(self, start_from: WorkflowPhase | None) -> None:
        start = retry_start(
            await self.look(),
            workflow_id="ituv-task-1-000002",
            number=1,
            definition=self._definition,
            tree=self.tree,
            start_from=start_from,
        )
        self._send(Supersede())
        self._start(start)

    async def crash(self, *, under_way: bool) -> None:
        self._send(Claim(f"engine-{next(self._numbers)}"))

    async def aclose(self) -> None:
        pass

"""Plays a scenario on the pure machine: a clock that is moved by hand, and attempts that end as the script says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

import msgspec
from tests.ituv.scenarios import Act, Outcome, Scenario, Setup, trace

from penguin.orchestration import events as ev
from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowStatus
from penguin.orchestration.commands import (
    Approve,
    Await,
    Cancel,
    Claim,
    Command,
    Dispatch,
    Feedback,
    Pause,
    Report,
    Resume,
    Run,
    Start,
    Supersede,
)
from penguin.orchestration.evidence import AttemptResult, StepEvidence
from penguin.orchestration.ituv import State, decide, effects, rebuild, successor

BEGIN = 1_000.0
LIMIT = 500
"""Moves after which a scenario is taken to run for ever."""

PASSED = AttemptResult(verdict=Verdict.PASSED, tree="a")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ev.AnyEvent]).decode


def started(setup: Setup | None = None) -> State:
    """A new workflow."""
    definition = (setup or Setup()).definition()
    return decide(None, Start(workflow_id="w", number=0, definition=definition), 1.0).state


def after(state: State, commands: Iterable[Command], now: float = 2.0) -> State:
    """The state after these commands, all at the same time."""
    for command in commands:
        state = decide(state, command, now).state
    return state


class MachineRun:
    """One scenario under way."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.clock = BEGIN
        self.tree = "a"
        self.lines: list[str] = []
        self.history: list[ev.Event] = []
        self.story: list[ev.Event | str] = []
        self.refusal: IllegalCommand | None = None
        self._numbers = count(1)
        self._survivors: tuple[int, ...] = ()
        self._script = {phase: list(outcomes) for phase, outcomes in scenario.outcomes.items()}
        self._acts = list(scenario.acts)
        self.state = self._start(
            Start(workflow_id="ituv-task-1-000001", number=0, definition=scenario.task.definition())
        )

    def play(self) -> None:
        """Go on until nothing is under way and nothing is left to do."""
        for _ in range(LIMIT):
            if self._acts and self._due(self._acts[0]):
                self._act(self._acts.pop(0))
            elif not self._advance():
                assert not self._acts, f"it never came to {self._acts[0]}, it is {self.state.status}"
                self.lines += trace(self.story)
                return
        raise AssertionError(f"{self.scenario.name} does not end")

    def play_acts(self) -> list[ev.Event | str]:
        """Go on until the last act is done, and stop there; what came of that act."""
        begin = 0
        while self._acts:
            if self._due(self._acts[0]):
                begin = len(self.story)
                self._act(self._acts.pop(0))
            else:
                assert self._advance(), f"it never came to {self._acts[0]}, it is {self.state.status}"
        return self.story[begin:]

    def send(self, command: Command) -> None:
        """One command; what is recorded must give the state that was decided, also after a journey through JSON."""
        decision = decide(self.state, command, self.clock)
        self.history += decision.events
        self.story += decision.events
        self.state = decision.state
        assert rebuild(_decode(_encode(self.history))) == self.state
        assert decision.effects == effects(self.state)

    def _start(self, command: Start) -> State:
        decision = decide(None, command, self.clock)
        self.history = list(decision.events)
        self.story += decision.events
        return decision.state

    # --- time goes on ---

    def _advance(self) -> bool:
        """The next thing that happens by itself."""
        match effects(self.state):
            case (Run() as run,):
                self.send(Report(run.attempt, self._result(run)))
            case (Await() as due,):
                self.clock = max(self.clock, due.until)
                self.send(Dispatch())
            case _:
                return False
        return True

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
        running = self.state.open.number if self.state.open and self.state.open.running else None
        if act.during is not None:
            return running == act.during
        if act.at == "WAITING":
            return self.state.status is WorkflowStatus.RUNNING and running is None
        return self.state.status == act.at and running is None

    def _act(self, act: Act) -> None:
        self.clock += act.after
        try:
            ACTS[act.do](self, act)
        except IllegalCommand as refusal:
            self.refusal = refusal
            self.story.append(f"refused: {act.do}")

    def _pause(self, act: Act) -> None:
        self.send(Pause(act.by, act.now))

    def _resume(self, act: Act) -> None:
        self.send(Resume(act.by, act.start_from))

    def _cancel(self, act: Act) -> None:
        self._survivors = act.survivors
        self.send(Cancel(act.by))

    def _feedback(self, act: Act) -> None:
        self.send(Feedback(ev.Advice(f"advice-{next(self._numbers)}", act.text, act.by, self.clock)))

    def _approve(self, act: Act) -> None:
        self.send(Approve(act.by, tree=self.tree))

    def _edit(self, act: Act) -> None:
        self.tree = act.tree

    def _crash(self, act: Act) -> None:
        self.send(Claim(f"engine-{next(self._numbers)}"))
        if self.state.open is not None:
            self.send(Report(self.state.open.number, _interrupted("crash")))

    def _retry(self, act: Act) -> None:
        start = successor(
            self.state,
            workflow_id="ituv-task-1-000002",
            number=1,
            definition=self.scenario.task.definition(),
            tree=self.tree,
            start_from=act.start_from,
            by=act.by,
        )
        self.send(Supersede(act.by))
        self.state = self._start(start)


def _interrupted(cause: str, survivors: tuple[int, ...] = ()) -> AttemptResult:
    step = StepEvidence(name="step", kind="run", verdict=Verdict.INTERRUPTED, survivors=survivors)
    return AttemptResult(verdict=Verdict.INTERRUPTED, cause=cause, steps=(step,))


ACTS: dict[str, Callable[[MachineRun, Act], None]] = {
    "pause": MachineRun._pause,
    "resume": MachineRun._resume,
    "cancel": MachineRun._cancel,
    "feedback": MachineRun._feedback,
    "approve": MachineRun._approve,
    "retry": MachineRun._retry,
    "edit": MachineRun._edit,
    "crash": MachineRun._crash,
}

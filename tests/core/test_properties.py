"""Invariants of the state machine under random tasks, verdicts and commands."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.scenarios.scenario import Setup

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import (
    Approve,
    Await,
    Cancel,
    Claim,
    Command,
    Dispatch,
    Feedback,
    Land,
    Pause,
    Report,
    ReportLanding,
    Resume,
    Run,
    Start,
    Supersede,
)
from penguin.orchestration.core.decider import State, decide, effects, evolve, rebuild, retry_start
from penguin.orchestration.core.definition import LandSettings
from penguin.orchestration.core.results import (
    AttemptResult,
    Landed,
    LandingConflict,
    LandingOutcome,
    LandingRefused,
    LandingStopped,
    MergedTree,
    TargetMoved,
)
from penguin.orchestration.workflow_status import GATES

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[ev.AnyEvent]).decode

IMPLEMENT, TEST, USE, VERIFY = GATES
PASSED = AttemptResult(verdict=Verdict.PASSED, tree="home")
LANDED = Landed(branch="main", base="b", commit="c")
STEERING = (
    Pause(),
    Pause(now=True),
    Resume(),
    Cancel(),
    Feedback(ev.FeedbackItem("x", "x")),
    Approve("Ann"),
    Supersede(),
)
"""One of each kind of command."""

gates = st.sampled_from(GATES)
trees = st.sampled_from(["a", "a", "a", "b", "c", ""])
moments = st.floats(0.0, 100.0, allow_nan=False)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    on_failure = {gate: draw(st.sampled_from([gate, IMPLEMENT])) for gate in draw(st.sets(gates))}
    return Setup(
        skip=tuple(draw(st.sets(gates, max_size=2))),
        agent=draw(st.booleans()),
        on_failure=on_failure,
        max_attempts=draw(st.integers(1, 4)),
        delay=draw(st.sampled_from([0.0, 0.5, 7.0])),
        max_delay=draw(st.sampled_from([1.0, 300.0])),
        land=draw(st.sampled_from([None, LandSettings(branch="main"), LandSettings(branch="main", review=True)])),
    )


@st.composite
def results(draw: st.DrawFn) -> AttemptResult:
    # Mostly PASSED, so that many workflows reach late phases.
    verdict = draw(st.sampled_from([Verdict.PASSED] * 6 + [Verdict.FAILED] * 3 + [Verdict.ERROR, *Verdict]))
    odd = draw(st.integers(0, 20))
    return AttemptResult(
        verdict=verdict,
        reason="said so",
        cause=draw(st.sampled_from(["pause", "now", "cancel", "crash"])) if verdict is Verdict.INTERRUPTED else "",
        executed_nothing=verdict is Verdict.UNVERIFIED and draw(st.booleans()),
        impossible=odd == 0,
        missing="apt install it" if odd in (1, 2) else "",
        tree=draw(trees),
    )


def landings() -> st.SearchStrategy[LandingOutcome]:
    """Return outcomes of landings, most of which don't land."""
    return st.sampled_from(
        [
            LANDED,
            LANDED,
            MergedTree(base="b", commit="m", others=("Another task",)),
            LandingConflict(base="b", files=("api.py",), report="both sides", advice="edit it"),
            TargetMoved(base="b"),
            LandingRefused(reason="README.md has local changes", advice="commit it"),
            LandingStopped(),
        ]
    )


class Workflow(RuleBasedStateMachine):
    """One workflow at a time, and the workflows that retry it."""

    state: State
    shadow: State
    """The state rebuilt from events that were encoded as JSON, one by one."""
    clock: float
    history: list[ev.Event]
    left: float | None
    """The rest of the back-off at the pause."""

    @initialize(setup=setups())
    def begin(self, setup: Setup) -> None:
        self.clock = 1_000.0
        self.advice: list[str] = []
        self.delivered: list[str] = []
        self.numbers = 0
        self.left = None
        self._start(Start(workflow_id="w", number=0, definition=setup.definition()))

    def _start(self, start: Start) -> None:
        decision = decide(None, start, self.clock)
        self.history = list(decision.events)
        self.state = self.shadow = decision.state
        self.tries: dict[WorkflowPhase, int] = {}

    # --- what happens ---

    def send(self, command: Command) -> bool:
        """Send a command, check each event, and return whether it was allowed."""
        before = self.state
        try:
            decision = decide(before, command, self.clock)
        except IllegalCommand:
            return False
        assert decide(before, command, self.clock) == decision
        assert not before.is_final or not decision.events
        if decision.state.is_running and not before.is_running:
            assert isinstance(command, Dispatch), "an attempt began without a slot"
        for event, read in zip(decision.events, _decode(_encode(decision.events)), strict=True):
            self._look_at(event)
            self.shadow = evolve(self.shadow, read)
        self.state = decision.state
        self.history += decision.events
        return True

    def _look_at(self, event: ev.Event) -> None:
        match event:
            case ev.AttemptStarted():
                self._look_at_attempt(event)
            case ev.LandingBegan():
                assert self.shadow.can_land
                assert event.number == self.shadow.landings + 1
            case ev.LandingConflicted():
                self.tries[VERIFY] = self.tries.get(VERIFY, 0) + 1
            case ev.AttemptEnded() if self._spends(event):
                self.tries[event.phase] = self.tries.get(event.phase, 0) + 1
            case ev.FeedbackQueued():
                self.advice.append(event.advice.id)
            case ev.Resumed(fresh=True):
                self.tries = {}
            case _:
                pass

    def _look_at_attempt(self, event: ev.AttemptStarted) -> None:
        begun = [e for e in self.history if isinstance(e, ev.AttemptStarted)]
        last = begun[-1].attempt if begun else 0
        assert event.attempt == (last if event.again else last + 1)
        if event.again:
            assert event.phase is begun[-1].phase
        assert not self.state.gate(event.phase).skip
        assert self.tries.get(event.phase, 0) < self.state.definition.retry.max_attempts
        assert not event.delivered or event.phase is IMPLEMENT
        assert not set(event.delivered) & set(self.delivered)
        self.delivered += event.delivered

    def _spends(self, event: ev.AttemptEnded) -> bool:
        result = event.result
        if result.impossible or result.missing:
            return False
        if result.executed_nothing and self.state.gate(IMPLEMENT).agent:
            return result.verdict is Verdict.UNVERIFIED
        return result.verdict in (Verdict.FAILED, Verdict.ERROR)

    @precondition(lambda self: self.state.due_at > self.clock or self.state.remaining)
    @rule(seconds=moments)
    def wait(self, seconds: float) -> None:
        self.clock += seconds

    @precondition(lambda self: self.state.status in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING))
    @rule()
    def dispatch(self) -> None:
        self.send(Dispatch())

    @precondition(lambda self: not self.state.is_running and self.state.due_at > self.clock)
    @rule()
    def wait_for_the_back_off(self) -> None:
        self.clock = self.state.due_at
        self.send(Dispatch())
        assert self.state.is_running or self.state.is_final

    @precondition(lambda self: attempt_runs(self.state))
    @rule(result=results())
    def report(self, result: AttemptResult) -> None:
        self.send(Report(self.state.attempt, result))

    @precondition(lambda self: attempt_runs(self.state))
    @rule(tree=trees)
    def succeed(self, tree: str) -> None:
        self.send(Report(self.state.attempt, AttemptResult(verdict=Verdict.PASSED, tree=tree)))

    @precondition(lambda self: attempt_runs(self.state))
    @rule()
    def fail(self) -> None:
        self.send(Report(self.state.attempt, AttemptResult(verdict=Verdict.FAILED, reason="no")))

    @precondition(lambda self: attempt_runs(self.state))
    @rule()
    def crash(self) -> None:
        self.numbers += 1
        self.send(Claim(f"engine-{self.numbers}"))
        self.send(Report(self.state.attempt, AttemptResult(verdict=Verdict.INTERRUPTED, cause="crash")))

    @precondition(lambda self: lands(self.state))
    @rule(outcome=landings())
    def report_landing(self, outcome: LandingOutcome) -> None:
        self.send(ReportLanding(self.state.landings, outcome))

    @precondition(
        lambda self: self.state.status in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
    )
    @rule(now=st.booleans())
    def pause(self, now: bool) -> None:
        was_paused = self.state.status is WorkflowStatus.PAUSED
        due = self.state.due_at
        if self.send(Pause("Ann", now)) and not was_paused:
            self.left = max(0.0, due - self.clock) if due else None

    @precondition(lambda self: self.state.status in (WorkflowStatus.PAUSED, WorkflowStatus.BLOCKED))
    @rule()
    def resume(self) -> None:
        before = self.state
        if not self.send(Resume("Ann")) or before.status is not WorkflowStatus.PAUSED:
            return
        if before.ended is None:
            left = max(0.0, self.state.due_at - self.clock) if self.state.due_at else 0.0
            assert left == pytest.approx(self.left or 0.0)
        self.left = None

    @precondition(lambda self: self.state.status in (WorkflowStatus.PAUSED, WorkflowStatus.BLOCKED))
    @rule(phase=st.sampled_from(WorkflowPhase))
    def resume_from(self, phase: WorkflowPhase) -> None:
        before = self.state
        allowed = self.send(Resume("Ann", phase))
        if allowed and before.ended is None:
            assert phase in GATES
            unpassed = [gate for gate in GATES if not before.pass_of(gate) and not before.gate(gate).skip]
            assert not unpassed or GATES.index(phase) <= GATES.index(unpassed[0])

    @precondition(lambda self: self.state.status is WorkflowStatus.BLOCKED)
    @rule(tree=trees)
    def approve(self, tree: str) -> None:
        before = self.state
        if self.send(Approve("Ann", tree=tree)):
            if before.can_land:
                assert before.landing is not None
                assert before.landing.needs_approval
                return
            ended = next(e for e in reversed(self.history) if isinstance(e, ev.AttemptEnded))
            assert ended.phase is before.phase
            assert ended.result.verdict not in (Verdict.FAILED, Verdict.ERROR, Verdict.PASSED)

    @precondition(lambda self: not self.state.is_final and self.numbers < 20)
    @rule()
    def give_feedback(self) -> None:
        self.numbers += 1
        before = self.state.status
        self.send(Feedback(ev.FeedbackItem(f"advice-{self.numbers}", "do it better")))
        assert self.state.status is before

    @precondition(lambda self: not self.state.is_final and len(self.history) > 8)
    @rule()
    def cancel(self) -> None:
        self.send(Cancel("Ann"))

    @precondition(lambda self: self.state.is_final or self.state.status is WorkflowStatus.BLOCKED)
    @rule(tree=trees, setup=st.none() | setups(), phase=st.none() | gates)
    def retry(self, tree: str, setup: Setup | None, phase: WorkflowPhase | None) -> None:
        old = self.state
        definition = setup.definition() if setup else old.definition
        try:
            start = retry_start(old, workflow_id="w2", number=1, definition=definition, tree=tree, start_from=phase)
        except IllegalCommand:
            return
        assert all(tree and kept.tree == tree and old.pass_of(kept.phase) == kept for kept in start.passes)
        assert start.feedback == old.feedback
        self.send(Supersede("Ann"))
        assert self.state.is_final
        self._start(start)

    # --- what holds ---

    @invariant()
    def what_is_not_allowed_or_comes_late_changes_nothing(self) -> None:
        for attempt in range(self.state.attempt + 2):
            if not attempt_runs(self.state) or attempt != self.state.attempt:
                assert decide(self.state, Report(attempt, PASSED), self.clock).events == ()
        for number in range(self.state.landings + 2):
            if not lands(self.state) or number != self.state.landings:
                assert decide(self.state, ReportLanding(number, LANDED), self.clock).events == ()
        if not self.state.is_running and self.state.due_at > self.clock:
            assert decide(self.state, Dispatch(), self.clock).events == ()

    @invariant()
    def marks_of_a_status_end_with_it(self) -> None:
        assert self.state.status is WorkflowStatus.BLOCKED or not self.state.unverified
        assert self.state.status is WorkflowStatus.PAUSED or not (self.state.remaining or self.state.stop_now)
        assert self.state.status is WorkflowStatus.PAUSED or self.state.ended is None
        assert self.state.is_running or not self.state.cancelling

    @invariant()
    def the_recorded_events_give_the_same_state(self) -> None:
        assert self.shadow == self.state

    @invariant()
    def status_and_phase_agree(self) -> None:
        status, phase = self.state.status, self.state.phase
        assert (status is WorkflowStatus.COMPLETED) == (phase is WorkflowPhase.DONE)
        if status in (WorkflowStatus.RUNNING, WorkflowStatus.BLOCKED, WorkflowStatus.FAILED):
            assert phase in GATES
        if status is WorkflowStatus.PENDING:
            assert phase is WorkflowPhase.PENDING
        if self.state.open is not None:
            assert self.state.open.phase is phase
        if self.state.can_land and status is not WorkflowStatus.COMPLETED:
            assert phase is VERIFY or status is WorkflowStatus.CANCELLED
        elif status is WorkflowStatus.RUNNING:
            assert not self.state.gate(phase).skip, "during back-off the phase is the one that runs next"

    @invariant()
    def effects_fit_the_status(self) -> None:
        status = self.state.status
        match effects(self.state):
            case (Run() as run,):
                assert status in (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
                assert bool(run.stop) == (status is WorkflowStatus.PAUSED or self.state.cancelling)
            case (Land() as land,):
                assert status in (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
                assert bool(land.stop) == (status is WorkflowStatus.PAUSED or self.state.cancelling)
                assert self.state.progress == 95
            case (Await() as due,):
                assert due.dependencies == (status is WorkflowStatus.PENDING)
                assert status in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING)
            case nothing:
                assert nothing == ()
                assert status is not WorkflowStatus.PENDING
                assert status is not WorkflowStatus.RUNNING

    @invariant()
    def failures_are_counted_and_never_pass_the_maximum(self) -> None:
        assert {p: n for p, n in self.state.failures.items() if n} == self.tries
        assert all(n <= self.state.definition.retry.max_attempts for n in self.tries.values())

    @invariant()
    def no_feedback_is_lost_or_given_twice(self) -> None:
        assert len(self.delivered) == len(set(self.delivered))
        queued = [advice.id for advice in self.state.feedback]
        assert queued == [id for id in self.advice if id not in self.delivered]

    @invariant()
    def passes_are_younger_than_what_they_rest_on(self) -> None:
        begun = {gate: self._last(ev.AttemptStarted, gate) for gate in GATES}
        for held in self.state.passes:
            # Kept ones are as old as the start.
            passed = self._last(ev.Passed, held.phase)
            earlier = [begun[gate] for gate in GATES[: GATES.index(held.phase) + 1]]
            assert passed >= max(earlier)

    @invariant()
    def a_completed_workflow_jumped_no_gate(self) -> None:
        if self.state.status is not WorkflowStatus.COMPLETED:
            return
        wanted = [gate for gate in GATES if not self.state.gate(gate).skip]
        assert all(self.state.pass_of(gate) for gate in wanted)
        order = [self._last(ev.Passed, gate) for gate in wanted]
        assert all(earlier < later or later == 0 for earlier, later in pairwise(order)), "passed out of order"
        tested, verified = self.state.pass_of(TEST), self.state.pass_of(VERIFY)
        if tested and verified and TEST in wanted and VERIFY in wanted and tested.tree and verified.tree:
            assert tested.tree == verified.tree

    def _last(self, kind: type[ev.AttemptStarted | ev.Passed], gate: WorkflowPhase) -> int:
        """Return the index of the newest such event; 0, that of Started, if there is none."""
        found = (n for n, e in enumerate(self.history) if isinstance(e, kind) and e.phase is gate)
        return max((n for n in found if not getattr(self.history[n], "again", False)), default=0)

    @invariant()
    def a_workflow_in_a_tree_completes_when_it_has_landed(self) -> None:
        landed = [e for e in self.history if isinstance(e, ev.LandingDone)]
        lands_its_work = self.state.definition.land is not None
        assert len(landed) == (lands_its_work and self.state.status is WorkflowStatus.COMPLETED)

    @invariant()
    def a_workflow_at_rest_holds_no_branch(self) -> None:
        landing = self.state.landing
        if self.state.is_final or self.state.status is WorkflowStatus.BLOCKED:
            assert landing is None or not (landing.holds_branch or landing.running)

    @invariant()
    def a_final_state_is_never_left(self) -> None:
        if self.state.is_final:
            for command in (*STEERING, Dispatch(), Report(self.state.attempt, PASSED)):
                try:
                    assert decide(self.state, command, self.clock).events == ()
                except IllegalCommand:
                    continue

    @invariant()
    def there_is_a_way_home(self) -> None:
        ended = self.state.ended
        home = drive_home(self.state, self.clock)
        if self.state.is_final:
            assert home == self.state.status
        elif self.state.cancelling:
            assert home is WorkflowStatus.CANCELLED
        elif ended is not None and ended.result.impossible:
            assert home is WorkflowStatus.FAILED
        else:
            assert home is WorkflowStatus.COMPLETED

    @invariant()
    def cancel_always_ends_it(self) -> None:
        if not self.state.is_final:
            state = decide(self.state, Cancel("Ann"), self.clock).state
            if lands(state):
                state = decide(state, ReportLanding(state.landings, LandingStopped()), self.clock).state
            elif state.is_running:
                result = AttemptResult(verdict=Verdict.INTERRUPTED, cause="cancel")
                state = decide(state, Report(state.attempt, result), self.clock).state
            assert state.status is WorkflowStatus.CANCELLED

    def teardown(self) -> None:
        if hasattr(self, "history"):
            assert rebuild(_decode(_encode(self.history))) == self.state


def attempt_runs(state: State) -> bool:
    return state.open is not None and state.open.running


def lands(state: State) -> bool:
    return state.landing is not None and state.landing.running


def drive_home(state: State, now: float) -> WorkflowStatus:
    """Return the final state if every attempt passes and a person follows each status."""
    for _ in range(40):
        if state.is_final:
            return state.status
        match state.status:
            case _ if lands(state):
                command: Command = ReportLanding(state.landings, LandingStopped() if state.cancelling else LANDED)
            case _ if state.is_running:
                command = Report(state.attempt, PASSED)
            case WorkflowStatus.PAUSED:
                command = Resume()
            case WorkflowStatus.BLOCKED:
                command = Approve("Ann", tree="home") if state.unverified else Resume()
            case _:
                now = max(now, state.due_at)
                command = Dispatch()
        decision = decide(state, command, now)
        assert decision.events, f"{command} leads nowhere from {state.status} at {state.phase}"
        state = decision.state
    raise AssertionError(f"no way home from {state.status} at {state.phase}")


TestWorkflow = Workflow.TestCase
TestWorkflow.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)

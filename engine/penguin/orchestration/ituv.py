"""The ITUV contract as a pure machine: what a command means for a workflow, and what should run because of it.

`decide(state, command, now)` gives the events of a decision and the effects that follow; `evolve(state, event)` (in
`flow`) applies one event. Both backends host this module; no rule of the product stands anywhere else. It does no
IO, reads no clock and throws no dice, so that a history can be replayed anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from penguin.orchestration import events as ev
from penguin.orchestration.backend import ACTIVE, GATES, IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.commands import (
    Approve,
    Await,
    Cancel,
    Claim,
    Command,
    Dispatch,
    Effect,
    Feedback,
    Pause,
    Report,
    Resume,
    Run,
    Start,
    Supersede,
)
from penguin.orchestration.definition import Definition
from penguin.orchestration.evidence import AttemptResult
from penguin.orchestration.flow import NEXT, State, evolve, is_failure

CRASHES_TO_ERROR = 3
"""An attempt that crashed this often is an ERROR, not an endless loop."""

_PENDING, _RUNNING, _PAUSED, _BLOCKED = (
    WorkflowStatus.PENDING,
    WorkflowStatus.RUNNING,
    WorkflowStatus.PAUSED,
    WorkflowStatus.BLOCKED,
)


class Decision(Struct, frozen=True):
    """What a command came to. No events: it is so already."""

    events: tuple[ev.Event, ...]
    state: State
    effects: tuple[Effect, ...]


def effects(state: State) -> tuple[Effect, ...]:
    """What should be under way in this state. Derived from the state alone, so that a restart asks for the same."""
    if state.open is not None and state.open.running:
        return (Run(state.open.phase, state.open.number, _stop(state)),)
    if state.status is _PENDING:
        return (Await(0.0, True),)
    if state.status is _RUNNING:
        return (Await(state.due_at, False),)
    return ()


def _stop(state: State) -> str:
    if state.cancelling:
        return "cancel"
    if state.status is _PAUSED:
        return "now" if state.stop_now else "pause"
    return ""


def decide(state: State | None, command: Command, now: float) -> Decision:
    """What `command` means for a workflow in `state` at `now` (seconds since the epoch).

    Raises IllegalCommand where the contract does not allow it.
    """
    draft = _Draft(state, now)
    HANDLERS[type(command)](draft, command)
    return Decision(tuple(draft.events), draft.state, effects(draft.state))


def successor(
    old: State,
    *,
    workflow_id: str,
    number: int,
    definition: Definition,
    tree: str = "",
    start_from: WorkflowPhase | None = None,
    by: str = "",
) -> Start:
    """The start of the workflow that retries `old`: it keeps the passes whose tree is still `tree`."""
    if old.status not in (_BLOCKED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED, WorkflowStatus.COMPLETED):
        raise _illegal(old, "retry", f"/workflow cancel {old.workflow_id}")
    if old.status is WorkflowStatus.COMPLETED and start_from is None:
        raise IllegalCommand(
            f"{old.workflow_id} is COMPLETED: say from which phase to run it again",
            f"/workflow retry {old.workflow_id} --from IMPLEMENT",
        )
    kept = _kept(old, definition, tree)
    latest = next((g for g in GATES if g not in {p.phase for p in kept} and not definition.gates[g].skip), GATES[-1])
    phase = start_from or latest
    _refuse_jump(old.workflow_id, phase, latest)
    return Start(
        workflow_id=workflow_id,
        number=number,
        definition=definition,
        phase=phase,
        passes=tuple(p for p in kept if GATES.index(p.phase) < GATES.index(phase)),
        feedback=old.feedback,
        retry_of=old.workflow_id,
        by=by,
    )


def _kept(old: State, definition: Definition, tree: str) -> tuple[ev.Pass, ...]:
    kept: list[ev.Pass] = []
    for gate in GATES:
        held = old.pass_of(gate)
        if held is not None and tree and held.tree == tree:
            kept.append(held)
        elif not definition.gates[gate].skip:
            break
    return tuple(kept)


def workflow_settled(status: WorkflowStatus, waits_on_settled: bool, others_settled: bool) -> bool:
    """Whether waiting any longer for a workflow is in vain.

    `waits_on_settled`: it is PENDING on a dependency that settled without completing.
    `others_settled`: everything else that is waited for is settled (a PAUSED one may be resumed until then).
    """
    if status is _PENDING:
        return waits_on_settled
    if status is _PAUSED:
        return others_settled
    return status is _BLOCKED or status.final


class _Draft:
    """A decision in the making: every event is applied as soon as it is decided."""

    __slots__ = ("_state", "events", "now")

    def __init__(self, state: State | None, now: float) -> None:
        self._state = state
        self.now = now
        self.events: list[ev.Event] = []

    @property
    def state(self) -> State:
        if self._state is None:
            raise IllegalCommand("the workflow was not started")
        return self._state

    @property
    def new(self) -> bool:
        return self._state is None

    def add(self, event: ev.Event) -> None:
        self.events.append(event)
        self._state = evolve(self._state, event)


# --- what each command means ----------------------------------------------------------------------------------------


def _start(d: _Draft, c: Start) -> None:
    if not d.new:
        raise IllegalCommand(f"{c.workflow_id} was started already")
    d.add(
        ev.Started(
            at=d.now,
            workflow_id=c.workflow_id,
            number=c.number,
            definition=c.definition,
            phase=c.phase,
            passes=c.passes,
            feedback=c.feedback,
            retry_of=c.retry_of,
            by=c.by,
        )
    )


def _claim(d: _Draft, c: Claim) -> None:
    if not d.state.final and d.state.owner != c.owner:
        d.add(ev.Claimed(at=d.now, owner=c.owner))


def _dispatch(d: _Draft, _: Dispatch) -> None:
    s = d.state
    if s.running or s.status not in (_PENDING, _RUNNING) or d.now < s.due_at:
        return
    _enter(d, s.first if s.status is _PENDING else s.phase)


def _report(d: _Draft, c: Report) -> None:
    s = d.state
    if s.open is None or not s.open.running or s.open.number != c.attempt:
        return  # a late word about an attempt that is over
    if c.result.verdict is Verdict.INTERRUPTED:
        _interrupt(d, c)
        return
    d.add(ev.AttemptEnded(at=d.now, phase=s.open.phase, attempt=c.attempt, result=c.result))
    if s.cancelling:
        _cancelled(d, c.result)
    elif s.status is _RUNNING:
        _conclude(d, holds_slot=True)


def _interrupt(d: _Draft, c: Report) -> None:
    s = d.state
    assert s.open is not None
    if c.result.cause == "crash" and s.open.crashes + 1 >= CRASHES_TO_ERROR and not s.cancelling:
        reason = f"interrupted by a crash {CRASHES_TO_ERROR} times"
        result = AttemptResult(verdict=Verdict.ERROR, reason=reason, steps=c.result.steps)
        _report(d, Report(c.attempt, result))
        return
    d.add(ev.Interrupted(at=d.now, phase=s.open.phase, attempt=c.attempt, cause=c.result.cause))
    if s.cancelling:
        _cancelled(d, c.result)
    elif s.status is _RUNNING:
        _enter(d, s.open.phase)


def _cancelled(d: _Draft, result: AttemptResult) -> None:
    survivors = sorted({pid for step in result.steps for pid in step.survivors})
    reason = f"processes that could not be ended: {', '.join(map(str, survivors))}" if survivors else ""
    d.add(ev.Cancelled(at=d.now, by=d.state.by, reason=reason))


def _pause(d: _Draft, c: Pause) -> None:
    s = d.state
    if s.cancelling or s.status not in (_PENDING, _RUNNING, _PAUSED):
        raise _illegal(s, "pause")
    if s.status is not _PAUSED or (c.now and s.running and not s.stop_now):
        d.add(ev.Paused(at=d.now, by=c.by, now=c.now))


def _resume(d: _Draft, c: Resume) -> None:
    s = d.state
    if s.cancelling or s.final:
        raise _illegal(s, "resume", f"/workflow retry {s.workflow_id}" if s.final else "")
    if s.status not in (_PAUSED, _BLOCKED):
        return
    if c.start_from is not None:
        _refuse_jump(s.workflow_id, c.start_from, s.first_unpassed)
        if s.running:
            raise IllegalCommand(
                f"{s.workflow_id} still has a step of {s.phase} under way",
                f"/workflow pause {s.workflow_id} --now",
            )
    if s.status is _BLOCKED:
        d.add(ev.Resumed(at=d.now, by=c.by, phase=c.start_from or _after_block(s), fresh=True))
        return
    d.add(ev.Resumed(at=d.now, by=c.by, phase=c.start_from))
    if d.state.ended is not None:
        _conclude(d, holds_slot=False)


def _after_block(s: State) -> WorkflowPhase:
    if s.feedback and not s.gate(WorkflowPhase.IMPLEMENT).skip:
        return WorkflowPhase.IMPLEMENT
    return s.phase


def _cancel(d: _Draft, c: Cancel) -> None:
    s = d.state
    if s.status is WorkflowStatus.CANCELLED or s.cancelling:
        return
    if s.final:
        raise _illegal(s, "cancel")
    if s.running:
        d.add(ev.CancelRequested(at=d.now, by=c.by))
    else:
        d.add(ev.Cancelled(at=d.now, by=c.by))


def _supersede(d: _Draft, c: Supersede) -> None:
    if d.state.status is _BLOCKED:
        d.add(ev.Cancelled(at=d.now, by=c.by, reason="replaced by a retry"))


def _feedback(d: _Draft, c: Feedback) -> None:
    s = d.state
    if s.status not in ACTIVE or s.cancelling:
        raise _illegal(s, "take feedback", f"/workflow retry {s.workflow_id}")
    if not c.advice.text.strip():
        raise IllegalCommand("the feedback is empty", f'/workflow feedback {s.workflow_id} "what to do differently"')
    d.add(ev.FeedbackQueued(at=d.now, advice=c.advice))


def _approve(d: _Draft, c: Approve) -> None:
    s = d.state
    if s.status is not _BLOCKED:
        raise _illegal(s, "approve")
    if not s.unverified:
        raise IllegalCommand(
            f"{s.workflow_id} is BLOCKED at {s.phase}, which failed: only what nothing could check can be approved",
            s.advice,
        )
    if not c.by.strip():
        raise IllegalCommand("an approval needs the name of a person", f"/workflow approve {s.workflow_id} --by NAME")
    _pass(d, s.phase, c.tree, c.changed, holds_slot=False, by=c.by, note=c.note)


# --- consequences ---------------------------------------------------------------------------------------------------


def _enter(d: _Draft, phase: WorkflowPhase) -> None:
    """Begin an attempt of `phase`, or of the first gate from there that is not skipped. Needs a slot."""
    phase = _past_skipped(d, phase)
    if phase is WorkflowPhase.DONE:
        return
    s = d.state
    if s.open is not None and s.open.phase is phase:
        d.add(ev.AttemptStarted(at=d.now, phase=phase, attempt=s.open.number, again=True))
        return
    advice = tuple(a.id for a in s.feedback) if phase is WorkflowPhase.IMPLEMENT else ()
    d.add(ev.AttemptStarted(at=d.now, phase=phase, attempt=s.attempt + 1, delivered=advice))


def _past_skipped(d: _Draft, phase: WorkflowPhase) -> WorkflowPhase:
    while phase is not WorkflowPhase.DONE and d.state.gate(phase).skip:
        d.add(ev.Skipped(at=d.now, phase=phase))
        phase = NEXT[phase]
    if phase is WorkflowPhase.DONE:
        d.add(ev.Completed(at=d.now))
    return phase


def _conclude(d: _Draft, *, holds_slot: bool) -> None:
    """Draw the consequence of the attempt that ended."""
    ended = d.state.ended
    assert ended is not None
    result, phase = ended.result, ended.phase
    if result.impossible:
        d.add(ev.Failed(at=d.now, reason=f"{phase}: {result.reason}"))
    elif result.missing:
        d.add(ev.Blocked(at=d.now, reason=f"{phase}: {result.reason}", advice=result.missing))
    elif result.verdict is Verdict.PASSED:
        _pass(d, phase, result.tree, result.changed, holds_slot=holds_slot)
    elif is_failure(d.state, phase, result):
        _fail(d, phase, result, holds_slot=holds_slot)
    else:
        _block_unverified(d, phase, result)


def _pass(
    d: _Draft,
    phase: WorkflowPhase,
    tree: str,
    changed: tuple[str, ...],
    *,
    holds_slot: bool,
    by: str = "",
    note: str = "",
) -> None:
    went_stale = d.state.stale
    d.add(ev.Passed(at=d.now, phase=phase, tree=tree, by=by, note=note))
    following = NEXT[phase]
    if phase is WorkflowPhase.VERIFY and _tree_changed(d.state, tree):
        if went_stale:
            _block_stale(d, changed)
            return
        d.add(ev.WentStale(at=d.now, changed=changed))
        following = WorkflowPhase.TEST
    if holds_slot:
        _enter(d, following)
    else:
        _past_skipped(d, following)


def _tree_changed(state: State, tree: str) -> bool:
    tested = state.pass_of(WorkflowPhase.TEST)
    return tested is not None and bool(tested.tree and tree) and tested.tree != tree


def _fail(d: _Draft, phase: WorkflowPhase, result: AttemptResult, *, holds_slot: bool) -> None:
    s = d.state
    retry = s.definition.retry
    count = s.failures.get(phase, 0)
    if count >= retry.max_attempts:
        times = "once" if count == 1 else f"{count} times"
        _block(d, f"{phase} came to {result.verdict}, tried {times}: {result.reason}")
        return
    delay = retry.delay_after(count)
    following = _on_failure(s, phase)
    d.add(ev.BackedOff(at=d.now, failed=phase, phase=following, until=d.now + delay))
    if holds_slot and not delay:
        _enter(d, following)


def _on_failure(s: State, phase: WorkflowPhase) -> WorkflowPhase:
    gate = s.gate(phase)
    implement = s.gate(WorkflowPhase.IMPLEMENT)
    if gate.on_failure is not None:
        return gate.on_failure
    return WorkflowPhase.IMPLEMENT if implement.agent is not None else phase


def _block(d: _Draft, reason: str) -> None:
    workflow = d.state.workflow_id
    advice = f"/workflow feedback {workflow} TEXT, then /workflow resume {workflow}"
    d.add(ev.Blocked(at=d.now, reason=reason, advice=advice))


def _block_unverified(d: _Draft, phase: WorkflowPhase, result: AttemptResult) -> None:
    d.add(
        ev.Blocked(
            at=d.now,
            reason=f"{phase} is UNVERIFIED: {result.reason}",
            advice=f"/workflow approve {d.state.workflow_id} --by NAME",
            unverified=True,
        )
    )


def _block_stale(d: _Draft, changed: tuple[str, ...]) -> None:
    files = ", ".join(changed) or "files"
    _block(d, f"the tree changed again after TEST had passed: {files}")


def _refuse_jump(workflow_id: str, phase: WorkflowPhase, latest: WorkflowPhase) -> None:
    if phase not in GATES:
        raise IllegalCommand(f"{phase} is no phase to start from", f"one of {', '.join(GATES)}")
    if latest in GATES and GATES.index(phase) > GATES.index(latest):
        raise IllegalCommand(
            f"{workflow_id} can't go on from {phase}: {latest} was not passed on the tree as it is",
            f"--from {latest}",
        )


def _illegal(s: State, what: str, hint: str = "") -> IllegalCommand:
    status = f"{s.status}, and being cancelled" if s.cancelling else str(s.status)
    return IllegalCommand(f"can't {what} {s.workflow_id}: it is {status}", hint or f"/workflow status {s.workflow_id}")


HANDLERS: dict[type[Any], Callable[[_Draft, Any], None]] = {
    Start: _start,
    Claim: _claim,
    Dispatch: _dispatch,
    Report: _report,
    Pause: _pause,
    Resume: _resume,
    Cancel: _cancel,
    Supersede: _supersede,
    Feedback: _feedback,
    Approve: _approve,
}

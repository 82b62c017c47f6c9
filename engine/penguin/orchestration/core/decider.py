"""The ITUV contract as a pure state machine: the events and effects that follow from a command.

`decide(state, command, now)` returns the events of a decision and the effects that follow; `evolve(state, event)` (in
`core/evolve.py`) applies one event. `core/rules/gates.py` decides what follows an attempt, such as the next phase. Both
backends host this package, and no rule of the product is outside of it. It does no IO, reads no clock and uses no
randomness, so a history can be replayed anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.command_errors import check_no_jump, illegal_command
from penguin.orchestration.core.commands import (
    Approve,
    Await,
    Cancel,
    Claim,
    Command,
    Dispatch,
    Effect,
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
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.core.evolve import evolve, rebuild
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.rules.gates import (
    Draft,
    apply_result,
    begin_landing,
    pass_gate,
    skip_gates,
    start_attempt,
)
from penguin.orchestration.core.rules.landing import report_landing
from penguin.orchestration.core.rules.retry import retry_start
from penguin.orchestration.core.state import State, first_unpassed

__all__ = [
    "Decision",
    "State",
    "decide",
    "decide_together",
    "effects",
    "evolve",
    "rebuild",
    "retry_start",
    "workflow_settled",
]

CRASHES_TO_ERROR = 3
"""After this many crashes an attempt is an ERROR instead of running again."""

_PENDING, _RUNNING, _PAUSED, _BLOCKED = (
    WorkflowStatus.PENDING,
    WorkflowStatus.RUNNING,
    WorkflowStatus.PAUSED,
    WorkflowStatus.BLOCKED,
)


class Decision(Record, frozen=True):
    """The outcome of a command. No events: the state already is as the command asks."""

    events: tuple[ev.Event, ...]
    state: State


def effects(state: State) -> tuple[Effect, ...]:
    """Return what should be running in this state. It depends on the state alone, so a restart gives the same
    result."""
    if state.open is not None and state.open.running:
        return (Run(state.open.phase, state.open.number, _stop(state)),)
    if (landing := state.landing) is not None and landing.running:
        return (Land(landing.number, landing.commit, landing.base, landing.merged, _stop(state)),)
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
    """Return the decision for `command` on a workflow in `state` at `now` (seconds since the epoch).

    Raises IllegalCommand if the contract does not allow it.
    """
    draft = Draft(state, now)
    HANDLERS[type(command)](draft, command)
    return Decision(tuple(draft.events), draft.state)


def decide_together(state: State | None, commands: Sequence[Command], now: float) -> Decision:
    """Return one decision for several commands, each applied to the state after the previous one.

    Raises IllegalCommand if the contract does not allow one of them.
    """
    decision = decide(state, commands[0], now)
    for command in commands[1:]:
        following = decide(decision.state, command, now)
        decision = Decision(decision.events + following.events, following.state)
    return decision


def workflow_settled(status: WorkflowStatus, waits_on_settled: bool, others_settled: bool) -> bool:
    """Return whether a wait for the workflow should end because the workflow will not move by itself.

    `waits_on_settled`: it waits for a dependency that settled without completing, or for the working tree that a
    settled workflow holds.
    `others_settled`: all other workflows of the wait are settled (until then, a PAUSED one may be resumed).
    """
    if status in (_PENDING, _RUNNING):
        return waits_on_settled
    if status is _PAUSED:
        return others_settled
    return True


def _start(d: Draft, c: Start) -> None:
    if not d.is_new:
        raise IllegalCommand(f"{c.workflow_id} was started already", f"/workflow status {c.workflow_id}")
    for phase, gate in c.definition.gates.items():
        if gate.on_failure not in (None, phase, WorkflowPhase.IMPLEMENT):
            raise IllegalCommand(
                f"{c.workflow_id} can't continue with {gate.on_failure} when {phase} fails",
                f"on_failure of {phase}: the same phase or implement",
            )
    check_no_jump("start", c.workflow_id, c.phase, first_unpassed(c.definition, c.passes))
    d.add(
        ev.Started(
            at=d.now,
            workflow_id=c.workflow_id,
            number=c.number,
            definition=c.definition,
            phase=c.phase,
            passes=c.passes,
            feedback=c.feedback,
            usage=c.usage,
            snapshot=c.snapshot,
            retry_of=c.retry_of,
            by=c.by,
        )
    )
    if c.done_outside:
        d.add(ev.Completed(at=d.now, by=c.by))


def _claim(d: Draft, c: Claim) -> None:
    if not d.state.is_final and d.state.owner != c.owner:
        d.add(ev.Claimed(at=d.now, owner=c.owner, host=c.host))


def _dispatch(d: Draft, c: Dispatch) -> None:
    s = d.state
    if s.is_running or s.status not in (_PENDING, _RUNNING):
        return
    if d.now < s.due_at and s.due_at != c.waited_until:
        return
    if s.can_land:
        begin_landing(d)
        return
    start_attempt(d, s.first if s.status is _PENDING else s.phase, c.left_changes if s.needs_tree else ())


def _report(d: Draft, c: Report) -> None:
    s = d.state
    if s.open is None or not s.open.running or s.open.number != c.attempt:
        return  # a late report of an attempt that has ended
    if c.result.verdict is Verdict.INTERRUPTED:
        _interrupt(d, c)
        return
    d.add(ev.AttemptEnded(at=d.now, phase=s.open.phase, attempt=c.attempt, result=c.result))
    if s.cancelling:
        _cancelled(d, c.result)
    elif s.status is _RUNNING:
        apply_result(d, holds_slot=True)


def _interrupt(d: Draft, c: Report) -> None:
    s = d.state
    assert s.open is not None
    if c.result.cause == "crash" and s.open.crashes + 1 >= CRASHES_TO_ERROR and not s.cancelling:
        last = f": {c.result.reason}" if c.result.reason else ""
        reason = f"interrupted by a crash {CRASHES_TO_ERROR} times{last}"
        _report(d, Report(c.attempt, replace(c.result, verdict=Verdict.ERROR, reason=reason, cause="")))
        return
    d.add(
        ev.Interrupted(
            at=d.now,
            phase=s.open.phase,
            attempt=c.attempt,
            cause=c.result.cause,
            usage=c.result.usage,
            snapshot=c.result.snapshot,
        )
    )
    if s.cancelling:
        _cancelled(d, c.result)
    elif s.status is _RUNNING:
        start_attempt(d, s.open.phase)


def _cancelled(d: Draft, result: AttemptResult) -> None:
    survivors = sorted({pid for step in result.steps for pid in step.survivors})
    reason = f"processes that could not be ended: {', '.join(map(str, survivors))}" if survivors else ""
    d.add(ev.Cancelled(at=d.now, by=d.state.by, reason=reason))


def _pause(d: Draft, c: Pause) -> None:
    s = d.state
    if s.cancelling or s.status not in (_PENDING, _RUNNING, _PAUSED):
        raise illegal_command(s, "pause")
    if s.status is not _PAUSED or (c.now and s.is_running and not s.stop_now):
        d.add(ev.Paused(at=d.now, by=c.by, now=c.now))


def _resume(d: Draft, c: Resume) -> None:
    s = d.state
    if s.cancelling or s.is_final:
        raise illegal_command(s, "resume", f"/workflow retry {s.workflow_id}" if s.is_final else "")
    if c.start_from is not None and (s.is_running or not s.status.rests):
        raise illegal_command(s, "choose the phase of", f"/workflow pause {s.workflow_id} --now")
    if s.status is _BLOCKED:
        if s.landing is not None and s.landing.needs_approval and c.start_from is None and not s.feedback:
            raise illegal_command(s, "resume", s.advice)
        _continue(d, c, c.start_from or _phase_after_block(s))
    elif s.status is _PAUSED:
        _unpause(d, c)


def _unpause(d: Draft, c: Resume) -> None:
    if d.state.ended is None:
        _continue(d, c, c.start_from)
        return
    # Apply the attempt's result first: choosing a phase must not bypass a limit that was reached.
    d.add(ev.Resumed(at=d.now, by=c.by, budget=c.budget))
    apply_result(d, holds_slot=False)
    if c.start_from is not None and d.state.status is _RUNNING:
        _continue(d, replace(c, budget=Budget()), c.start_from)


def _continue(d: Draft, c: Resume, phase: WorkflowPhase | None) -> None:
    s = d.state
    if c.start_from is not None:
        check_no_jump("resume", s.workflow_id, c.start_from, s.first_unpassed)
    d.add(ev.Resumed(at=d.now, by=c.by, phase=phase, fresh=s.status is _BLOCKED, budget=c.budget))
    if phase is not None and d.state.status is _RUNNING:
        skip_gates(d, phase)


def _phase_after_block(s: State) -> WorkflowPhase | None:
    """Return the phase that follows a resume; None: the landing."""
    if s.feedback and not s.gate(WorkflowPhase.IMPLEMENT).skip:
        return WorkflowPhase.IMPLEMENT
    return None if s.can_land else s.phase


def _cancel(d: Draft, c: Cancel) -> None:
    s = d.state
    if s.status is WorkflowStatus.CANCELLED or s.cancelling:
        return
    if s.is_final:
        raise illegal_command(s, "cancel")
    if s.is_running:
        d.add(ev.CancelRequested(at=d.now, by=c.by))
    else:
        d.add(ev.Cancelled(at=d.now, by=c.by))


def _supersede(d: Draft, c: Supersede) -> None:
    s = d.state
    if s.status is _BLOCKED:
        d.add(ev.Cancelled(at=d.now, by=c.by, reason="replaced by a retry"))
    elif not s.is_final:
        raise illegal_command(s, "retry", f"/workflow cancel {s.workflow_id}")


def _feedback(d: Draft, c: Feedback) -> None:
    s = d.state
    if s.is_final:
        raise illegal_command(s, "give feedback to", f"/workflow retry {s.workflow_id}")
    if not c.advice.text.strip():
        raise IllegalCommand("the feedback is empty", f'/workflow feedback {s.workflow_id} "what to do differently"')
    d.add(ev.FeedbackQueued(at=d.now, advice=c.advice))


def _approve(d: Draft, c: Approve) -> None:
    s = d.state
    if s.status is not _BLOCKED:
        raise illegal_command(s, "approve")
    if not s.unverified:
        raise IllegalCommand(
            f"{s.workflow_id} is BLOCKED at {s.phase}, which failed: only an UNVERIFIED phase can be approved",
            s.advice,
        )
    if not c.by.strip():
        raise IllegalCommand("an approval needs a person's name", f"/workflow approve {s.workflow_id} --by NAME")
    if s.can_land:
        d.add(ev.LandingApproved(at=d.now, by=c.by, note=c.note, process=c.process))
        return
    pass_gate(d, s.phase, c.tree, c.changed, holds_slot=False, by=c.by, note=c.note, process=c.process)


HANDLERS: dict[type[Any], Callable[[Draft, Any], None]] = {
    Start: _start,
    Claim: _claim,
    Dispatch: _dispatch,
    Report: _report,
    ReportLanding: report_landing,
    Pause: _pause,
    Resume: _resume,
    Cancel: _cancel,
    Supersede: _supersede,
    Feedback: _feedback,
    Approve: _approve,
}

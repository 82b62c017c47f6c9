"""How each event changes the state of a workflow. Pure: no IO, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.budget import add_budgets
from penguin.orchestration.core.results import Usage, failure_text
from penguin.orchestration.core.state import BEFORE, NEXT, LandingState, OpenAttempt, State, is_failure
from penguin.orchestration.core.tree_isolation import IN_PLACE


def evolve(state: State | None, event: ev.Event) -> State:
    """Return the state after an event. The first event of a workflow is Started."""
    if state is None:
        if not isinstance(event, ev.Started):
            raise TypeError(f"the first event of a workflow is Started, not {type(event).__name__}")
        return _started(event)
    change = CHANGES[type(event)](state, event)
    return replace(state, updated_at=event.at, **change)


def rebuild(history: list[ev.AnyEvent]) -> State:
    """Return the state after a whole history."""
    state: State | None = None
    for event in history:
        state = evolve(state, event)
    if state is None:
        raise ValueError("the history is empty")
    return state


def _started(e: ev.Started) -> State:
    return State(
        workflow_id=e.workflow_id,
        number=e.number,
        definition=e.definition,
        first=e.phase,
        passes=e.passes,
        feedback=e.feedback,
        used_before=e.usage,
        snapshot=e.snapshot,
        retry_of=e.retry_of,
        created_at=e.at,
        updated_at=e.at,
    )


Change = dict[str, Any]


def _claimed(s: State, e: ev.Claimed) -> Change:
    return {"owner": e.owner, "host": e.host}


def _attempt_started(s: State, e: ev.AttemptStarted) -> Change:
    change: Change = {
        "status": WorkflowStatus.RUNNING,
        "phase": e.phase,
        "attempt": e.attempt,
        "due_at": 0.0,
        "reason": "",
        "advice": "",
        "holds_tree": s.definition.isolation == IN_PLACE,
    }
    if s.needs_tree:
        change["left_changes"] = e.left_changes
    if e.phase is WorkflowPhase.IMPLEMENT:
        change["landing"] = None
    delivered = tuple(a for a in s.feedback if a.id in e.delivered) if e.delivered else ()
    if delivered:
        change["feedback"] = tuple(a for a in s.feedback if a.id not in e.delivered)
    if e.again and s.open is not None:
        # Feedback that arrived during the interruption is delivered too: it is why people interrupt.
        return change | {"open": replace(s.open, running=True, feedback=s.open.feedback + delivered)}
    return change | {
        "open": OpenAttempt(e.phase, e.attempt, e.at, feedback=delivered),
        "passes": tuple([p for p in s.passes if p.phase in BEFORE[e.phase]]),
        "stale": s.stale and e.phase is not WorkflowPhase.IMPLEMENT,
    }


def _attempt_ended(s: State, e: ev.AttemptEnded) -> Change:
    change: Change = {"open": None, "ended": e, "artifacts": _merged(s.artifacts, e.result.artifacts)}
    change |= {"tree": e.result.tree, "checkpoint": e.result.checkpoint}
    change |= _agent_results(s, e.result.usage, e.result.snapshot)
    if is_failure(s, e.phase, e.result):
        change["failures"] = s.failures | {e.phase: s.failures.get(e.phase, 0) + 1}
        change["reason"] = f"{e.phase} {e.result.verdict}: {e.result.reason}"
    if e.result.verdict is not Verdict.PASSED:
        change["findings"] = s.findings | {e.phase: _merged_tree_text(s) + failure_text(e.phase, e.result)}
    return change


def _merged_tree_text(s: State) -> str:
    """Return which tree an attempt saw, if that is not the workflow's own."""
    if s.landing is None or not s.landing.merged:
        return ""
    return f"On the tree merged with what landed meanwhile ({'; '.join(s.landing.others)}):\n"


def _agent_results(s: State, usage: Usage, snapshot: str) -> Change:
    """Return the changes that an agent's run leaves, however it ended."""
    return {"usage": s.usage + usage, "snapshot": snapshot or s.snapshot}


def _merged(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return known + tuple(path for path in new if path not in known) if new else known


def _interrupted(s: State, e: ev.Interrupted) -> Change:
    if s.open is None:
        return {}
    interrupted = replace(s.open, running=False, crashes=s.open.crashes + (e.cause == "crash"))
    return {"open": interrupted, **_agent_results(s, e.usage, e.snapshot)}


def _passed(s: State, e: ev.Passed) -> Change:
    following = NEXT[e.phase]
    implemented = e.phase is WorkflowPhase.IMPLEMENT
    return {
        "findings": {} if implemented else {p: text for p, text in s.findings.items() if p is not e.phase},
        "passes": (*(p for p in s.passes if p.phase is not e.phase), ev.Pass(e.phase, e.tree, e.by)),
        "ended": None,
        "status": WorkflowStatus.RUNNING,
        "phase": e.phase if following is WorkflowPhase.DONE else following,
        "unverified": False,
        "reason": "",
        "advice": "",
    }


def _skipped(s: State, e: ev.Skipped) -> Change:
    following = NEXT[e.phase]
    return {"status": WorkflowStatus.RUNNING, "phase": e.phase if following is WorkflowPhase.DONE else following}


def _backed_off(s: State, e: ev.BackedOff) -> Change:
    # After a failure on the merged tree, IMPLEMENT follows: others may land meanwhile.
    return {"phase": e.phase, "due_at": e.until, "ended": None, "landing": None}


def _went_stale(s: State, e: ev.WentStale) -> Change:
    return {"phase": WorkflowPhase.TEST, "passes": _kept_for_test(s), "stale": True}


def _paused(s: State, e: ev.Paused) -> Change:
    left = max(0.0, s.due_at - e.at) if s.due_at else s.remaining
    change: Change = {"status": WorkflowStatus.PAUSED, "due_at": 0.0, "remaining": left, "stop_now": e.now, "by": e.by}
    if s.landing is not None and not s.landing.running:
        # Others may land meanwhile: this one merges again when it continues.
        change["landing"] = replace(s.landing, holds_branch=False)
    return change


def _resumed(s: State, e: ev.Resumed) -> Change:
    begun = s.phase is not WorkflowPhase.PENDING
    change: Change = {
        "status": WorkflowStatus.RUNNING if begun else WorkflowStatus.PENDING,
        "due_at": e.at + s.remaining if s.remaining else 0.0,
        "remaining": 0.0,
        "stop_now": False,
        "by": "",
        "unverified": False,
        "advice": "",
        "granted": add_budgets(s.granted, e.budget),
    }
    if e.fresh:
        change |= {"failures": {}, "stale": False, "reason": ""}
        if s.landing is not None:
            change["landing"] = replace(s.landing, moves=0)
    if e.phase is not None:
        # An interrupted attempt of this phase continues: it keeps its number and its feedback.
        goes_on = s.open if s.open is not None and s.open.phase is e.phase else None
        change |= {"open": goes_on, "due_at": 0.0, "landing": None}
        change |= {"phase": e.phase} if begun else {"first": e.phase}
    return change


def _blocked(s: State, e: ev.Blocked) -> Change:
    return {
        "status": WorkflowStatus.BLOCKED,
        "phase": e.phase or s.phase,
        "reason": e.reason,
        "advice": e.advice,
        "unverified": e.unverified,
        "ended": None,
        "due_at": 0.0,
        "holds_tree": False,
        "landing": _landing_after_block(s, e),
    }


def _landing_after_block(s: State, e: ev.Blocked) -> LandingState | None:
    # A gate that failed on the merged tree is tried again on the workflow's own tree.
    if s.landing is None or not (s.can_land or e.unverified):
        return None
    return replace(s.landing, running=False, holds_branch=False)


def _landing_queued(s: State, e: ev.LandingQueued) -> Change:
    return {
        "status": WorkflowStatus.RUNNING,
        "landing": LandingState(commit=e.commit, queued_at=e.at, needs_approval=e.needs_approval),
    }


def _landing_approved(s: State, e: ev.LandingApproved) -> Change:
    assert s.landing is not None
    approved = replace(s.landing, needs_approval=False)
    return {"status": WorkflowStatus.RUNNING, "landing": approved, "unverified": False, "reason": "", "advice": ""}


def _landing_began(s: State, e: ev.LandingBegan) -> Change:
    assert s.landing is not None
    began = replace(s.landing, number=e.number, running=True, holds_branch=True)
    return {"landing": began, "landings": e.number, "due_at": 0.0, "reason": "", "advice": ""}


def _landing_interrupted(s: State, e: ev.LandingInterrupted) -> Change:
    assert s.landing is not None
    return {"landing": replace(s.landing, running=False, holds_branch=False)}


def _landing_conflicted(s: State, e: ev.LandingConflicted) -> Change:
    verify = WorkflowPhase.VERIFY
    return {
        "landing": None,
        "phase": e.next,
        "passes": _kept_for_test(s),
        "failures": s.failures | {verify: s.failures.get(verify, 0) + 1},
        "findings": s.findings | {verify: e.report},
        "reason": f"landing: conflict in {', '.join(e.files)}",
    }


def _kept_for_test(s: State) -> tuple[ev.Pass, ...]:
    return tuple(p for p in s.passes if p.phase is WorkflowPhase.IMPLEMENT)


def _gates_again(s: State, e: ev.GatesAgain) -> Change:
    assert s.landing is not None
    merged = replace(s.landing, running=False, base=e.base, merged=e.merged, others=e.others)
    return {"landing": merged, "phase": WorkflowPhase.TEST, "passes": _kept_for_test(s), "stale": False}


def _target_branch_moved(s: State, e: ev.TargetBranchMoved) -> Change:
    assert s.landing is not None
    return {"landing": replace(s.landing, running=False, moves=s.landing.moves + 1)}


def _landing_done(s: State, e: ev.LandingDone) -> Change:
    return {"landed": e.commit}


def _feedback_queued(s: State, e: ev.FeedbackQueued) -> Change:
    change: Change = {"feedback": (*s.feedback, e.advice)}
    resume = f"/workflow resume {s.workflow_id}"
    if s.status is WorkflowStatus.BLOCKED and not s.advice.startswith(resume):
        # If it waited for feedback or a decision, it only needs a resume now.
        change["advice"] = resume
    return change


def _cancel_requested(s: State, e: ev.CancelRequested) -> Change:
    return {"cancelling": True, "by": e.by}


def _refused(s: State, e: ev.Refused) -> Change:
    return {}


def _cancelled(s: State, e: ev.Cancelled) -> Change:
    return _final_changes(WorkflowStatus.CANCELLED) | {"reason": e.reason, "by": e.by}


def _failed(s: State, e: ev.Failed) -> Change:
    return _final_changes(WorkflowStatus.FAILED) | {"reason": e.reason}


def _completed(s: State, e: ev.Completed) -> Change:
    return _final_changes(WorkflowStatus.COMPLETED) | {"phase": WorkflowPhase.DONE, "reason": "", "by": e.by}


def _final_changes(status: WorkflowStatus) -> Change:
    return {
        "status": status,
        "holds_tree": False,
        "landing": None,
        "open": None,
        "ended": None,
        "due_at": 0.0,
        "remaining": 0.0,
        "stop_now": False,
        "cancelling": False,
        "unverified": False,
        "advice": "",
    }


CHANGES: dict[type[ev.Event], Callable[[State, Any], Change]] = {
    ev.Claimed: _claimed,
    ev.AttemptStarted: _attempt_started,
    ev.AttemptEnded: _attempt_ended,
    ev.Interrupted: _interrupted,
    ev.Passed: _passed,
    ev.Skipped: _skipped,
    ev.BackedOff: _backed_off,
    ev.WentStale: _went_stale,
    ev.LandingQueued: _landing_queued,
    ev.LandingApproved: _landing_approved,
    ev.LandingBegan: _landing_began,
    ev.LandingInterrupted: _landing_interrupted,
    ev.LandingConflicted: _landing_conflicted,
    ev.GatesAgain: _gates_again,
    ev.TargetBranchMoved: _target_branch_moved,
    ev.LandingDone: _landing_done,
    ev.Paused: _paused,
    ev.Resumed: _resumed,
    ev.Blocked: _blocked,
    ev.FeedbackQueued: _feedback_queued,
    ev.CancelRequested: _cancel_requested,
    ev.Refused: _refused,
    ev.Cancelled: _cancelled,
    ev.Failed: _failed,
    ev.Completed: _completed,
}

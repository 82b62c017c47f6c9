"""The state of a workflow, and how each event changes it. Pure: no IO, no clock, no randomness.

The statuses themselves are in workflow_status.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import field
from msgspec.structs import replace

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.budget import add_budgets
from penguin.orchestration.core.definition import Budget, Definition, Gate
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.results import AttemptResult, LeftChanges, Usage, failure_text
from penguin.orchestration.core.tree_isolation import IN_PLACE, needs_tree
from penguin.orchestration.workflow_status import GATES

BEFORE = {gate: frozenset(GATES[:index]) for index, gate in enumerate(GATES)}
"""By gate: the gates before it."""
NEXT = dict(zip(GATES, (*GATES[1:], WorkflowPhase.DONE), strict=True))


class OpenAttempt(Record, frozen=True):
    """An attempt without a verdict."""

    phase: WorkflowPhase
    number: int
    started_at: float
    running: bool = True
    """False: it was interrupted and runs again."""
    crashes: int = 0
    feedback: tuple[ev.FeedbackItem, ...] = ()
    """Texts of the feedback delivered with it."""


class State(Record, frozen=True, kw_only=True):
    """A workflow, rebuilt from its events alone."""

    workflow_id: str
    number: int
    definition: Definition
    status: WorkflowStatus = WorkflowStatus.PENDING
    phase: WorkflowPhase = WorkflowPhase.PENDING
    first: WorkflowPhase = WorkflowPhase.IMPLEMENT
    """The gate that it begins at."""
    attempt: int = 0
    """Number of the last attempt; numbers are never reused."""
    open: OpenAttempt | None = None
    ended: ev.AttemptEnded | None = None
    """A result that was not applied because the workflow was paused."""
    failures: dict[WorkflowPhase, int] = field(default_factory=dict)
    """Failed attempts by phase, since the start or the last resume from BLOCKED."""
    passes: tuple[ev.Pass, ...] = ()
    due_at: float = 0.0
    """End of the back-off, in seconds since the epoch; 0: none."""
    remaining: float = 0.0
    """While PAUSED: seconds of the back-off that were left."""
    holds_tree: bool = False
    """It holds the working tree until it is BLOCKED or final."""
    left_changes: tuple[LeftChanges, ...] = ()
    """Changes of other workflows in the working tree when it took the tree last."""
    stop_now: bool = False
    """While PAUSED: the running step is ended, too."""
    cancelling: bool = False
    stale: bool = False
    """It went back to TEST for a changed tree, and neither IMPLEMENT nor a resume from BLOCKED followed."""
    unverified: bool = False
    """While BLOCKED: a person may approve the phase."""
    by: str = ""
    """The person who paused or cancelled it."""
    feedback: tuple[ev.FeedbackItem, ...] = ()
    """Queued feedback that was not delivered yet."""
    findings: dict[WorkflowPhase, str] = field(default_factory=dict)
    """By phase: the report of its last attempt that did not pass. Removed when it, or IMPLEMENT, passes."""
    reason: str = ""
    advice: str = ""
    """The next command, or another hint."""
    artifacts: tuple[str, ...] = ()
    tree: str = ""
    """Digest of the last attempt's tree; empty if unknown."""
    checkpoint: str = ""
    """The commit that keeps the files of that attempt's end; empty if there is none."""
    usage: Usage = Usage()
    """What agents spent in this workflow."""
    used_before: Usage = Usage()
    """What agents spent on the task before."""
    granted: Budget = Budget()
    """What agents were granted in addition to their budgets."""
    snapshot: str = ""
    """The newest conversation of an agent; the next attempt continues it."""
    retry_of: str = ""
    owner: str = ""
    host: str = ""
    """Name of the machine whose engine runs it, or ran it last."""
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def is_final(self) -> bool:
        return self.status.final

    @property
    def is_running(self) -> bool:
        """Whether an attempt is running, even if it was asked to stop."""
        return self.open is not None and self.open.running

    @property
    def needs_tree(self) -> bool:
        """Whether it must take the working tree before its next attempt begins."""
        return needs_tree(self.definition.isolation, self.holds_tree)

    @property
    def stops_at_once(self) -> bool:
        """Whether the running step was asked to end, by a cancellation or by `pause --now`."""
        return self.cancelling or (self.is_running and self.stop_now)

    @property
    def evidence(self) -> str:
        """Return what has failed so far, for the next IMPLEMENT."""
        return "\n\n".join(self.findings.values())

    def gate(self, phase: WorkflowPhase) -> Gate:
        return self.definition.gates[phase]

    def pass_of(self, phase: WorkflowPhase) -> ev.Pass | None:
        return next((p for p in self.passes if p.phase is phase), None)

    @property
    def first_unpassed(self) -> WorkflowPhase:
        """The first gate without a pass; skipped gates count as passed."""
        return first_unpassed(self.definition, self.passes)


def first_unpassed(definition: Definition, passes: tuple[ev.Pass, ...]) -> WorkflowPhase:
    """Return the first gate that is neither in `passes` nor skipped, or DONE."""
    passed = {p.phase for p in passes}
    return next((g for g in GATES if g not in passed and not definition.gates[g].skip), WorkflowPhase.DONE)


def is_failure(state: State, phase: WorkflowPhase, result: AttemptResult) -> bool:
    """Return whether a verdict counts as a failure of the phase."""
    if result.impossible or result.missing or result.overspent:
        return False
    if result.verdict is Verdict.UNVERIFIED:
        # An agent can be told to write missing tests; a command can't.
        return result.executed_nothing and state.gate(WorkflowPhase.IMPLEMENT).agent is not None
    return result.verdict.counts_as_failure


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
        change["findings"] = s.findings | {e.phase: failure_text(e.phase, e.result)}
    return change


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
    return {"phase": e.phase, "due_at": e.until, "ended": None}


def _went_stale(s: State, e: ev.WentStale) -> Change:
    kept = tuple(p for p in s.passes if p.phase is WorkflowPhase.IMPLEMENT)
    return {"phase": WorkflowPhase.TEST, "passes": kept, "stale": True}


def _paused(s: State, e: ev.Paused) -> Change:
    left = max(0.0, s.due_at - e.at) if s.due_at else s.remaining
    return {"status": WorkflowStatus.PAUSED, "due_at": 0.0, "remaining": left, "stop_now": e.now, "by": e.by}


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
    if e.phase is not None:
        # An interrupted attempt of this phase continues: it keeps its number and its feedback.
        goes_on = s.open if s.open is not None and s.open.phase is e.phase else None
        change |= {"open": goes_on, "due_at": 0.0}
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
    }


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

"""The events of a workflow: append-only facts from which its state is rebuilt."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Budget, Definition
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.results import AttemptResult, LeftChanges, Usage


class FeedbackItem(Record, frozen=True):
    """A person's feedback."""

    id: str
    text: str
    by: str = ""
    at: float = 0.0


class Pass(Record, frozen=True):
    """A gate that was passed, and the tree that it was passed on."""

    phase: WorkflowPhase
    tree: str = ""
    """Digest of the tree; empty if unknown."""
    by: str = ""
    """The person who approved it; empty if Penguin's own checks passed it."""


class Event(Record, frozen=True, kw_only=True, tag=True):
    """One fact. `at`: seconds since the epoch, UTC."""

    at: float


class Started(Event, frozen=True, kw_only=True):
    """The workflow exists; it is PENDING."""

    workflow_id: str
    number: int
    """Number of earlier workflows of the task."""
    definition: Definition
    phase: WorkflowPhase = WorkflowPhase.IMPLEMENT
    """The gate that it begins at."""
    passes: tuple[Pass, ...] = ()
    """Passes kept from the workflow that this one retries."""
    feedback: tuple[FeedbackItem, ...] = ()
    """Undelivered feedback taken over from that workflow."""
    usage: Usage = Usage()
    """What agents spent on the task before."""
    snapshot: str = ""
    """The conversation to continue."""
    retry_of: str = ""
    by: str = ""


class Claimed(Event, frozen=True, kw_only=True):
    """An engine owns the workflow from now on."""

    owner: str
    host: str = ""
    """Name of the engine's machine."""


class AttemptStarted(Event, frozen=True, kw_only=True):
    """An attempt is about to run, or to continue after an interruption."""

    phase: WorkflowPhase
    attempt: int
    delivered: tuple[str, ...] = ()
    """Ids of the feedback delivered with it."""
    again: bool = False
    left_changes: tuple[LeftChanges, ...] = ()
    """Changes of other workflows in the working tree; empty if the workflow held the tree already."""


class AttemptEnded(Event, frozen=True, kw_only=True):
    """An attempt ended with a verdict."""

    phase: WorkflowPhase
    attempt: int
    result: AttemptResult


class Interrupted(Event, frozen=True, kw_only=True):
    """An attempt stopped without a verdict. It runs again and does not count as a failure."""

    phase: WorkflowPhase
    attempt: int
    cause: str
    """pause, now, cancel or crash."""
    usage: Usage = Usage()
    """What its agent had spent by then."""
    snapshot: str = ""
    """Its agent's conversation by then."""


class Passed(Event, frozen=True, kw_only=True):
    """A gate was passed."""

    phase: WorkflowPhase
    tree: str = ""
    by: str = ""
    note: str = ""
    process: str = ""
    """For an approval: the process that requested it, as id and program; empty if unknown."""


class Skipped(Event, frozen=True, kw_only=True):
    """The configuration skips this gate."""

    phase: WorkflowPhase


class BackedOff(Event, frozen=True, kw_only=True):
    """A phase failed; after a delay, the phase named here follows."""

    failed: WorkflowPhase
    phase: WorkflowPhase
    until: float


class WentStale(Event, frozen=True, kw_only=True):
    """VERIFY passed on another tree than TEST: back to TEST."""

    changed: tuple[str, ...] = ()


class LandingQueued(Event, frozen=True, kw_only=True):
    """All gates passed: the workflow waits for its target branch."""

    commit: str
    """The verified commit."""
    needs_approval: bool = False
    """A person approves before the branch moves."""


class LandingApproved(Event, frozen=True, kw_only=True):
    """A person approved that the branch moves."""

    by: str
    note: str = ""
    process: str = ""
    """The process that requested it, as id and program; empty if unknown."""


class LandingBegan(Event, frozen=True, kw_only=True):
    """The workflow holds its target branch, and merges and lands."""

    number: int
    """Counts the tries of this workflow, from 1."""


class LandingInterrupted(Event, frozen=True, kw_only=True):
    """The landing stopped before the branch moved. It begins again."""


class LandingConflicted(Event, frozen=True, kw_only=True):
    """The work and the target branch change the same lines."""

    base: str
    files: tuple[str, ...]
    report: str
    next: WorkflowPhase
    """The phase that follows."""


class GatesAgain(Event, frozen=True, kw_only=True):
    """The target branch moved: TEST, USE and VERIFY run again on the merged tree."""

    base: str
    merged: str
    """The commit that holds the merged tree."""
    others: tuple[str, ...] = ()
    """Subjects of the commits that landed meanwhile."""


class TargetBranchMoved(Event, frozen=True, kw_only=True):
    """The target branch moved before the workflow could land."""

    base: str
    """Its new tip; empty: it does not exist any more."""


class LandingDone(Event, frozen=True, kw_only=True):
    """The target branch holds the work."""

    branch: str
    base: str
    commit: str
    """Empty: nothing had to land."""


class Paused(Event, frozen=True, kw_only=True):
    """The workflow is paused: no new step starts."""

    by: str = ""
    now: bool = False


class Resumed(Event, frozen=True, kw_only=True):
    """The workflow continues. `phase` is set if a person chose it, or if the phase had to be chosen."""

    by: str = ""
    phase: WorkflowPhase | None = None
    fresh: bool = False
    """It was BLOCKED: failures count from zero again."""
    budget: Budget = Budget()
    """What agents may spend in addition."""


class Blocked(Event, frozen=True, kw_only=True):
    """The workflow waits for a person."""

    reason: str
    advice: str
    phase: WorkflowPhase | None = None
    """The phase that it stops before, if that is not the current one."""
    unverified: bool = False
    """A person may approve the phase."""


class FeedbackQueued(Event, frozen=True, kw_only=True):
    """Feedback is queued for the next IMPLEMENT attempt."""

    advice: FeedbackItem


class CancelRequested(Event, frozen=True, kw_only=True):
    """A person cancelled the workflow; its running step is being ended."""

    by: str = ""


class Refused(Event, frozen=True, kw_only=True):
    """A command that was queued while no worker ran, and was no longer allowed when a worker handled it."""

    command: str
    by: str = ""
    reason: str = ""


class Cancelled(Event, frozen=True, kw_only=True):
    """The workflow ended because a person cancelled it."""

    by: str = ""
    reason: str = ""


class Failed(Event, frozen=True, kw_only=True):
    """The workflow ended: its phase can't run anywhere."""

    reason: str


class Completed(Event, frozen=True, kw_only=True):
    """The workflow ended: all four gates passed, or a person recorded that the task was done outside of Penguin."""

    by: str = ""
    """That person; empty: all four gates passed."""


AnyEvent = (
    Started
    | Claimed
    | AttemptStarted
    | AttemptEnded
    | Interrupted
    | Passed
    | Skipped
    | BackedOff
    | WentStale
    | LandingQueued
    | LandingApproved
    | LandingBegan
    | LandingInterrupted
    | LandingConflicted
    | GatesAgain
    | TargetBranchMoved
    | LandingDone
    | Paused
    | Resumed
    | Blocked
    | FeedbackQueued
    | CancelRequested
    | Refused
    | Cancelled
    | Failed
    | Completed
)

"""What can happen to a workflow: the append-only facts from which its state is rebuilt."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.definition import Budget, Definition
from penguin.orchestration.core.results import AttemptResult, Usage
from penguin.orchestration.core.struct import Record


class FeedbackItem(Record, frozen=True):
    """A person's feedback."""

    id: str
    text: str
    by: str = ""
    at: float = 0.0


class Pass(Record, frozen=True):
    """That a gate was passed, and on which tree."""

    phase: WorkflowPhase
    tree: str = ""
    """Digest of the tree; empty where it is not known."""
    by: str = ""
    """The person who approved; empty where Penguin's own checks passed it."""


class Event(Record, frozen=True, kw_only=True, tag=True):
    """One fact. `at`: seconds since the epoch, UTC."""

    at: float


class Started(Event, frozen=True, kw_only=True):
    """A workflow exists, PENDING."""

    workflow_id: str
    number: int
    """How many workflows the task had before."""
    definition: Definition
    phase: WorkflowPhase = WorkflowPhase.IMPLEMENT
    """The gate it will begin at."""
    passes: tuple[Pass, ...] = ()
    """Kept from the workflow that this one retries."""
    feedback: tuple[FeedbackItem, ...] = ()
    """Undelivered advice taken over from it."""
    usage: Usage = Usage()
    """What agents spent on the task before."""
    snapshot: str = ""
    """The conversation to go on from."""
    retry_of: str = ""
    by: str = ""


class Claimed(Event, frozen=True, kw_only=True):
    """An engine owns the workflow from now on."""

    owner: str
    host: str = ""
    """Name of the machine that the engine runs on."""


class AttemptStarted(Event, frozen=True, kw_only=True):
    """An attempt is about to run, or to go on after an interruption."""

    phase: WorkflowPhase
    attempt: int
    delivered: tuple[str, ...] = ()
    """Ids of the feedback that it got."""
    again: bool = False


class AttemptEnded(Event, frozen=True, kw_only=True):
    """An attempt came to a verdict."""

    phase: WorkflowPhase
    attempt: int
    result: AttemptResult


class Interrupted(Event, frozen=True, kw_only=True):
    """An attempt stopped without a verdict; it will run again, nothing spent."""

    phase: WorkflowPhase
    attempt: int
    cause: str
    """pause, now, cancel or crash."""
    usage: Usage = Usage()
    """What its agent spent until then."""
    snapshot: str = ""
    """Its agent's conversation until then."""


class Passed(Event, frozen=True, kw_only=True):
    """A gate lets the workflow on."""

    phase: WorkflowPhase
    tree: str = ""
    by: str = ""
    note: str = ""
    process: str = ""
    """Where a person approved: the process in which they did, its id and program; empty where it is not known."""


class Skipped(Event, frozen=True, kw_only=True):
    """The configuration says `skip` for this gate."""

    phase: WorkflowPhase


class BackedOff(Event, frozen=True, kw_only=True):
    """A phase failed and will be followed, after a delay, by the phase named here."""

    failed: WorkflowPhase
    phase: WorkflowPhase
    until: float


class WentStale(Event, frozen=True, kw_only=True):
    """VERIFY passed on another tree than TEST: back to TEST."""

    changed: tuple[str, ...] = ()


class Paused(Event, frozen=True, kw_only=True):
    """No new step starts."""

    by: str = ""
    now: bool = False


class Resumed(Event, frozen=True, kw_only=True):
    """It goes on; `phase` where it was told, or had to choose, where."""

    by: str = ""
    phase: WorkflowPhase | None = None
    fresh: bool = False
    """Out of BLOCKED: failures count from zero again."""
    budget: Budget = Budget()
    """What agents may spend beyond what they were given before."""


class Blocked(Event, frozen=True, kw_only=True):
    """It waits for a person."""

    reason: str
    advice: str
    phase: WorkflowPhase | None = None
    """The phase that it stops before, where that is not the one it was in."""
    unverified: bool = False
    """A person may approve the phase."""


class FeedbackQueued(Event, frozen=True, kw_only=True):
    """Advice waits for the next IMPLEMENT attempt."""

    advice: FeedbackItem


class CancelRequested(Event, frozen=True, kw_only=True):
    """What runs is being ended."""

    by: str = ""


class Refused(Event, frozen=True, kw_only=True):
    """A command that came when nobody was there to hear it, and was no longer allowed when somebody was."""

    command: str
    by: str = ""
    reason: str = ""


class Cancelled(Event, frozen=True, kw_only=True):
    """Over, by a person's wish."""

    by: str = ""
    reason: str = ""


class Failed(Event, frozen=True, kw_only=True):
    """Over: nothing could run it anywhere."""

    reason: str


class Completed(Event, frozen=True, kw_only=True):
    """All four gates let it through."""


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

"""The state of a workflow. `core/evolve.py` says how each event changes it.

The statuses themselves are in workflow_status.py.
"""

from __future__ import annotations

from msgspec import field

from penguin.orchestration.backend import Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.definition import Budget, Definition, Gate
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.landing_stage import LandingStage, progress_of
from penguin.orchestration.core.results import AttemptResult, LeftChanges, Usage
from penguin.orchestration.core.tree_isolation import needs_tree
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


class LandingState(Record, frozen=True, kw_only=True):
    """The landing of a workflow whose gates passed."""

    commit: str
    """The verified commit."""
    queued_at: float = 0.0
    """When its gates had passed, in seconds since the epoch."""
    number: int = 0
    """The number of the newest try; 0: none began."""
    running: bool = False
    """A try is under way."""
    holds_branch: bool = False
    """No other workflow lands on the target branch meanwhile."""
    base: str = ""
    """The tip of the target branch that `merged` contains."""
    merged: str = ""
    """The commit with the merged tree, for which the gates run again; empty: none."""
    others: tuple[str, ...] = ()
    """Subjects of the commits that landed meanwhile."""
    needs_approval: bool = False
    """A person approves before the branch moves."""
    moves: int = 0
    """How many times in a row the target branch moved first."""


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
    landing: LandingState | None = None
    landings: int = 0
    """How many tries to land began; their numbers are never reused."""
    landed: str = ""
    """The commit that landed; empty: none."""
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
        """Whether an attempt or a landing is running, even if it was asked to stop."""
        return (self.open is not None and self.open.running) or (self.landing is not None and self.landing.running)

    @property
    def can_land(self) -> bool:
        """Whether a landing is all that is left to do."""
        return self.landing is not None and self.first_unpassed is WorkflowPhase.DONE

    @property
    def landing_stage(self) -> LandingStage:
        """How far its landing is."""
        if self.landing is None or self.is_final:
            return LandingStage.NONE
        if not self.can_land:
            return LandingStage.GATES_AGAIN if self.landing.holds_branch else LandingStage.NONE
        return LandingStage.LANDING if self.landing.holds_branch else LandingStage.QUEUED

    @property
    def target_branch(self) -> str:
        """The branch on which it lands; empty: none."""
        return self.definition.land.branch if self.definition.land is not None else ""

    @property
    def progress(self) -> int:
        """Percent done, 0 to 100."""
        return progress_of(self.phase, self.landing_stage)

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

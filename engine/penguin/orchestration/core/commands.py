"""Commands to a workflow, and the effects that follow from them."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.results import AttemptResult, LandingOutcome, LeftChanges, Usage
from penguin.orchestration.core.signals import Approve, Cancel, Feedback, Pause, Resume, Signal

__all__ = [
    "Approve",
    "Await",
    "Cancel",
    "Claim",
    "Command",
    "Dispatch",
    "Effect",
    "Feedback",
    "Land",
    "Pause",
    "Report",
    "ReportLanding",
    "Resume",
    "Run",
    "Start",
    "Supersede",
]


class Start(Record, frozen=True, kw_only=True):
    """Start a workflow. The fields are those of the event."""

    workflow_id: str
    number: int
    definition: Definition
    phase: WorkflowPhase = WorkflowPhase.IMPLEMENT
    passes: tuple[ev.Pass, ...] = ()
    feedback: tuple[ev.FeedbackItem, ...] = ()
    usage: Usage = Usage()
    snapshot: str = ""
    retry_of: str = ""
    by: str = ""
    done_outside: bool = False
    """Not a field of the event: the task was done outside of Penguin, and the workflow is COMPLETED at once."""


class Claim(Record, frozen=True):
    """Make an engine the owner of the workflow."""

    owner: str
    host: str = ""
    """Name of the engine's machine."""


class Dispatch(Record, frozen=True):
    """Begin the attempt that is due: its dependencies are met and a slot is free."""

    left_changes: tuple[LeftChanges, ...] = ()
    """For a workflow that takes the working tree: the changes of others in it."""
    waited_until: float = 0.0
    """The end of the back-off that is over by a clock that can't be set; 0: compare its end with the wall clock."""


class Report(Record, frozen=True):
    """Report that an attempt ended or was interrupted."""

    attempt: int
    result: AttemptResult


class ReportLanding(Record, frozen=True):
    """Report the outcome of a landing."""

    number: int
    """The number of the landing, as its effect names it."""
    outcome: LandingOutcome


class Supersede(Record, frozen=True):
    """Replace a BLOCKED workflow by its retry."""

    by: str = ""


Command = Start | Claim | Dispatch | Report | ReportLanding | Supersede | Signal


class Await(Record, frozen=True):
    """An attempt is due: dispatch it when its time has come and a slot is free."""

    until: float
    """Seconds since the epoch; 0: now."""
    dependencies: bool
    """The task's dependencies must be met first."""


class Run(Record, frozen=True):
    """This attempt should be running. `stop` (pause, now, cancel) is how it should be asked to end."""

    phase: WorkflowPhase
    attempt: int
    stop: str = ""


class Land(Record, frozen=True):
    """The landing of this commit should be running. `stop` is how it should be asked to end, if the branch has not
    moved."""

    number: int
    commit: str
    """The commit that the workflow made."""
    base: str
    """The tip of the target branch that `merged` contains; empty: none yet."""
    merged: str
    """The merged commit that the gates passed on; empty: they passed on `commit` alone."""
    stop: str = ""


Effect = Await | Run | Land

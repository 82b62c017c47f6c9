"""What people and engines ask of a workflow, and what should be under way because of the answer."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.results import AttemptResult, Usage
from penguin.orchestration.core.signals import Approve, Cancel, Feedback, Pause, Resume, Signal
from penguin.orchestration.core.struct import Record

__all__ = [
    "Approve",
    "Await",
    "Cancel",
    "Claim",
    "Command",
    "Dispatch",
    "Effect",
    "Feedback",
    "Pause",
    "Report",
    "Resume",
    "Run",
    "Start",
    "Supersede",
]


class Start(Record, frozen=True, kw_only=True):
    """A new workflow; the fields are those of the event."""

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


class Claim(Record, frozen=True):
    """An engine takes the workflow over."""

    owner: str
    host: str = ""
    """Name of the machine that the engine runs on."""


class Dispatch(Record, frozen=True):
    """Dependencies are met and a slot is free: begin the attempt that is due."""


class Report(Record, frozen=True):
    """An attempt came to its end, or was interrupted."""

    attempt: int
    result: AttemptResult


class Supersede(Record, frozen=True):
    """A retry replaces a BLOCKED workflow."""

    by: str = ""


Command = Start | Claim | Dispatch | Report | Supersede | Signal


class Await(Record, frozen=True):
    """An attempt is due: dispatch it once the time has come and a slot is free."""

    until: float
    """Seconds since the epoch; 0: at once."""
    dependencies: bool
    """The task's dependencies must be met first."""


class Run(Record, frozen=True):
    """This attempt should be under way; `stop` (pause, now, cancel) is how it should be asked to end."""

    phase: WorkflowPhase
    attempt: int
    stop: str = ""


Effect = Await | Run

"""What people and engines ask of a workflow, and what should be under way because of the answer."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.definition import Budget, Definition
from penguin.orchestration.core.results import AttemptResult, Usage
from penguin.orchestration.core.struct import Data


class Start(Data, frozen=True, kw_only=True):
    """A new workflow; the fields are those of the event."""

    workflow_id: str
    number: int
    definition: Definition
    phase: WorkflowPhase = WorkflowPhase.IMPLEMENT
    passes: tuple[ev.Pass, ...] = ()
    feedback: tuple[ev.Advice, ...] = ()
    usage: Usage = Usage()
    snapshot: str = ""
    retry_of: str = ""
    by: str = ""


class Claim(Data, frozen=True):
    """An engine takes the workflow over."""

    owner: str
    host: str = ""
    """Name of the machine that the engine runs on."""


class Dispatch(Data, frozen=True):
    """Dependencies are met and a slot is free: begin the attempt that is due."""


class Report(Data, frozen=True):
    """An attempt came to its end, or was interrupted."""

    attempt: int
    result: AttemptResult


class Pause(Data, frozen=True):
    """Start no new step; `now` ends the step under way too."""

    by: str = ""
    now: bool = False


class Resume(Data, frozen=True):
    """Go on; `start_from` names a phase no later than the first one not passed."""

    by: str = ""
    start_from: WorkflowPhase | None = None
    budget: Budget = Budget()
    """What agents may spend beyond what they were given before."""


class Cancel(Data, frozen=True):
    """End what runs, and the workflow with it."""

    by: str = ""


class Supersede(Data, frozen=True):
    """A retry replaces a BLOCKED workflow."""

    by: str = ""


class Feedback(Data, frozen=True):
    """Queue advice for the next IMPLEMENT attempt."""

    advice: ev.Advice


class Approve(Data, frozen=True):
    """A person passes an UNVERIFIED phase, for the tree of this moment."""

    by: str
    note: str = ""
    tree: str = ""
    changed: tuple[str, ...] = ()
    """Files in which that tree differs from the one that TEST passed on."""


Command = Start | Claim | Dispatch | Report | Pause | Resume | Cancel | Supersede | Feedback | Approve


class Await(Data, frozen=True):
    """An attempt is due: dispatch it once the time has come and a slot is free."""

    until: float
    """Seconds since the epoch; 0: at once."""
    dependencies: bool
    """The task's dependencies must be met first."""


class Run(Data, frozen=True):
    """This attempt should be under way; `stop` (pause, now, cancel) is how it should be asked to end."""

    phase: WorkflowPhase
    attempt: int
    stop: str = ""


Effect = Await | Run

"""What workflow, driver and client say to one another: plain data, as JSON."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.attempt_input import AttemptInput
from penguin.orchestration.core.commands import Start
from penguin.orchestration.core.state import State

T = TypeVar("T")

WORKFLOW = "penguin-ituv"
"""The workflow's type."""
DRIVE = "penguin-drive"
"""The activity's type."""
PLACE = "penguin-place"
"""The activity that says where a workflow's attempts are to be run."""
HOME = "penguin-home"
"""The type of the workflow that knows which working tree holds a blueprint's files."""
HOLD = "penguin-hold"
"""The activity by which a working tree shows that it is there."""
LOST = "lost"
"""The answer to a drive that another one has replaced."""


def phases_queue(task_queue: str, project_id: str) -> str:
    """The queue that only workers of the project poll: attempts never come into another project's folder."""
    return f"{task_queue}/{project_id}"


def tree_queue(task_queue: str, project_id: str, tree: str) -> str:
    """The queue that only workers of one working tree poll."""
    return f"{phases_queue(task_queue, project_id)}/{tree}"


class WorktreeSite(msgspec.Struct, frozen=True, kw_only=True):
    """A working tree, as a place where attempts can be run."""

    tree: str
    host: str
    """The machine's name."""
    queue: str
    shares: bool
    """Its work can go on elsewhere: it is pushed to a git remote."""


class WorktreeOwner(msgspec.Struct, frozen=True, kw_only=True):
    """The place that holds a blueprint's files."""

    site: WorktreeSite | None = None
    """None: nobody ever asked for it."""
    vacant: bool = True
    """No worker of it is there."""


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a workflow's attempts are to be run."""

    queue: str = ""
    """'': nowhere for now."""


class CarriedState(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a workflow hands to the next, when its history has become long."""

    state: State
    seq: int
    ticket: int
    term: int
    begun: int
    heard: tuple[str, ...]
    """Ids of commands that were obeyed."""
    previous: str
    """The run that holds the events before."""


class WorkflowInput(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of a workflow: its start, or what the run before carried over."""

    start: Start | None = None
    at: float = 0.0
    """When `start` was accepted, seconds since the epoch."""
    carried: CarriedState | None = None


class AttemptsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of a drive: the workflow's attempts are to be run, one after the other."""

    workflow_id: str
    ticket: int
    """Number of the drive: the workflow answers the newest only."""


class AttemptCommand(AttemptInput, frozen=True, kw_only=True):
    """An attempt to run."""

    phase: WorkflowPhase
    attempt: int
    begun: int
    """How many attempts were begun so far: a result is taken once."""
    stop: str = ""
    """How it should be asked to end: pause, now, cancel."""


class BeginReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the workflow says to a drive."""

    term: int = 0
    """Which word of the drive counts: a newer drive of the same ticket gets a higher one."""
    go: AttemptCommand | None = None
    """None: nothing is to be run now."""
    summary: str = ""
    """The state, as in the memo."""


class RunEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The history of one run, as rows of the store."""

    rows: tuple[tuple[int, str], ...]
    previous: str = ""


def encode(value: object) -> str:
    """As JSON."""
    return msgspec.json.encode(value).decode()


def decode(text: str, kind: type[T]) -> T:
    """From JSON. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=kind)

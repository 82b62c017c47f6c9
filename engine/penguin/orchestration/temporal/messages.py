"""The messages between workflow, activity and client: plain data, as JSON."""

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
"""The activity that decides where a workflow's attempts run."""
HOME = "penguin-home"
"""The type of the workflow that records which working tree owns a blueprint's files."""
HOLD = "penguin-hold"
"""The activity by which a working tree shows that it is alive."""
DRAINING, MOVED, NOT_STARTED_HERE = "Draining", "Moved", "NotMine"
"""The types of the errors with which an activity leaves its work to another worker. Histories on servers have them."""
LOST = "lost"
"""The answer to an activity that another one has replaced."""


def phases_queue(task_queue: str, project_id: str) -> str:
    """Return the queue that only workers of the project poll, so attempts never run in another project's folder."""
    return f"{task_queue}/{project_id}"


def tree_queue(task_queue: str, project_id: str, tree: str) -> str:
    """Return the queue that only workers of one working tree poll."""
    return f"{phases_queue(task_queue, project_id)}/{tree}"


class WorktreeSite(msgspec.Struct, frozen=True, kw_only=True):
    """A working tree in which attempts can run."""

    tree: str
    host: str
    """The machine's name."""
    queue: str
    shares: bool
    """Its work can continue elsewhere: it is pushed to a git remote."""


class WorktreeOwner(msgspec.Struct, frozen=True, kw_only=True):
    """The working tree that owns a blueprint's files."""

    site: WorktreeSite | None = None
    """None: no tree has claimed them."""
    vacant: bool = True
    """No worker of it is running."""


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a workflow's attempts run."""

    queue: str = ""
    """'': nowhere at the moment."""


class CarriedState(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a workflow passes to the next when its history has become long."""

    state: State
    seq: int
    ticket: int
    term: int
    begun: int
    heard: tuple[str, ...]
    """Ids of commands that were applied."""
    previous: str
    """The run that holds the earlier events."""


class WorkflowInput(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of a workflow: its start, or the state of the previous run."""

    start: Start | None = None
    at: float = 0.0
    """When `start` was accepted, seconds since the epoch."""
    carried: CarriedState | None = None


class AttemptsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of an attempt activity, which runs the workflow's attempts one after the other."""

    workflow_id: str
    ticket: int
    """Number of the activity: the workflow answers only the newest."""


class AttemptCommand(AttemptInput, frozen=True, kw_only=True):
    """An attempt to run."""

    phase: WorkflowPhase
    attempt: int
    begun: int
    """How many attempts were started: a result is accepted once."""
    stop: str = ""
    """How it should be stopped: pause, now, cancel."""


class BeginReply(msgspec.Struct, frozen=True, kw_only=True):
    """The workflow's answer to an attempt activity."""

    term: int = 0
    """The term of the activity: a newer execution with the same ticket gets a higher one."""
    go: AttemptCommand | None = None
    """None: there is nothing to run now."""
    summary: str = ""
    """The state, as in the memo."""


class RunEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The history of one run, as rows of the store."""

    rows: tuple[tuple[int, str], ...]
    previous: str = ""


def encode(value: object) -> str:
    """Encode a value as JSON."""
    return msgspec.json.encode(value).decode()


def decode(text: str, kind: type[T]) -> T:
    """Decode a value from JSON. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=kind)

"""The interface every backend has, and the words that all of Penguin shares.

Nothing here imports a backend, a store or a library: listing workflows must stay cheap.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


class WorkflowStatus(StrEnum):
    """Where a workflow stands. COMPLETED, FAILED and CANCELLED are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BLOCKED = "BLOCKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return self in FINAL


class WorkflowPhase(StrEnum):
    """The four gates, with a beginning and an end."""

    PENDING = "PENDING"
    IMPLEMENT = "IMPLEMENT"
    TEST = "TEST"
    USE = "USE"
    VERIFY = "VERIFY"
    DONE = "DONE"

    @property
    def progress(self) -> int:
        """Percent done, 0 to 100."""
        return PROGRESS[self]


class Verdict(StrEnum):
    """What a step, an attempt or a phase came to."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    UNVERIFIED = "UNVERIFIED"
    INTERRUPTED = "INTERRUPTED"
    SKIPPED = "SKIPPED"


FINAL = frozenset({WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})
ACTIVE = frozenset(WorkflowStatus) - FINAL
GATES = (WorkflowPhase.IMPLEMENT, WorkflowPhase.TEST, WorkflowPhase.USE, WorkflowPhase.VERIFY)
PROGRESS = dict(zip(WorkflowPhase, (0, 25, 50, 75, 90, 100), strict=True))


class WorkflowError(Exception):
    """Something went wrong that a person can act on: `str()` says what and why, `hint` what to type next."""

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WorkflowNotFound(WorkflowError):
    """No workflow has this id."""

    code = "workflow_not_found"


class TaskNotFound(WorkflowError):
    """No blueprint of the workspace has this task."""

    code = "task_not_found"


class IllegalCommand(WorkflowError):
    """The workflow's status does not allow this command."""

    code = "illegal_command"


class AlreadyActive(WorkflowError):
    """The task has an active workflow already."""

    code = "already_active"


class ConfigError(WorkflowError):
    """The configuration was not understood; names file, line and key."""

    code = "config"


class BlueprintError(WorkflowError):
    """A blueprint was not understood; names file and line."""

    code = "blueprint"


class StoreError(WorkflowError):
    """The database can't be used."""

    code = "store"


class BackendUnavailable(WorkflowError):
    """The backend is out of reach."""

    code = "backend_unavailable"


class WaitTimeout(WorkflowError):
    """Waiting took longer than it was given."""

    code = "timeout"


@dataclass(frozen=True, slots=True)
class WorkflowInfo:
    """A workflow as it stood when it was read."""

    workflow_id: str
    task_id: str
    blueprint_id: str
    project_id: str
    status: WorkflowStatus
    phase: WorkflowPhase
    progress: int
    """Percent, 0 to 100."""
    started_at: datetime
    """Aware, UTC: when `start` was accepted."""
    updated_at: datetime
    """Aware, UTC: the newest event."""
    error_message: str | None = None
    """Why it is BLOCKED, FAILED or CANCELLED, or what the last failed attempt said."""
    artifacts: tuple[str, ...] = ()
    """Paths of files that steps left behind."""


class OrchestrationBackend(ABC):
    """Starts, steers and reads workflows. All methods are coroutines.

    A backend implements six methods; the others work over these unless it knows better.
    """

    @abstractmethod
    async def start_workflow(
        self, task_id: str, blueprint_id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> str:
        """Start a task's workflow and return its id.

        `config` may hold `phase_timeouts` (seconds by phase), `retry` and `phases`.
        Raises TaskNotFound, AlreadyActive, BlueprintError or ConfigError.
        """

    @abstractmethod
    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        """The workflow as it stands, or None where the id is unknown."""

    @abstractmethod
    async def pause_workflow(self, workflow_id: str) -> bool:
        """Start no new step. True: done, or so already. False: unknown, or not allowed now."""

    @abstractmethod
    async def resume_workflow(self, workflow_id: str) -> bool:
        """Go on from PAUSED or BLOCKED. True: done, or so already. False: unknown, or not allowed now."""

    @abstractmethod
    async def cancel_workflow(self, workflow_id: str) -> bool:
        """Stop what runs and end as CANCELLED. True: accepted, or so already. False: unknown, or not allowed now."""

    @abstractmethod
    async def list_workflows(
        self,
        project_id: str | None = None,
        status_filter: WorkflowStatus | Iterable[WorkflowStatus] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        """The newest workflows first, at most `limit` of them."""

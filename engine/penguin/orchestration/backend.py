"""The interface every backend has, and the words that all of Penguin shares.

Nothing here imports a backend, a store or a library: listing workflows must stay cheap.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class WorkflowStatus(StrEnum):
    """Where a workflow stands. Each status is in exactly one of MOVING, RESTING and FINAL."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BLOCKED = "BLOCKED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """The workflow has ended. Its status never changes again."""
        return self in FINAL

    @property
    def moving(self) -> bool:
        """An engine works on the workflow, or starts it as soon as it can."""
        return self in MOVING

    @property
    def rests(self) -> bool:
        """The workflow has not ended, but does nothing until a person resumes it."""
        return self in RESTING

    @property
    def stopped(self) -> bool:
        """The workflow ended, or a gate blocks it: it can be retried."""
        return self in STOPPED

    @classmethod
    def active(cls) -> tuple[WorkflowStatus, ...]:
        """Return all statuses but the final ones."""
        return tuple(status for status in cls if not status.final)


class WorkflowPhase(StrEnum):
    """The four gates, with a beginning and an end."""

    PENDING = "PENDING"
    IMPLEMENT = "IMPLEMENT"
    TEST = "TEST"
    USE = "USE"
    VERIFY = "VERIFY"
    DONE = "DONE"

    @property
    def is_gate(self) -> bool:
        """It is one of the four gates, not the beginning or the end."""
        return self in GATES

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

    @property
    def opens_gate(self) -> bool:
        """The next phase may start."""
        return self in (Verdict.PASSED, Verdict.SKIPPED)

    @property
    def counts_as_failure(self) -> bool:
        """It uses up one of the attempts that the settings allow."""
        return self in (Verdict.FAILED, Verdict.ERROR)


class Delivery(StrEnum):
    """What became of a signal."""

    TAKEN = "TAKEN"
    """The workflow took it in."""
    QUEUED = "QUEUED"
    """It is kept for the workflow until a worker runs, and discarded if it is not allowed then."""


MOVING = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING})
RESTING = frozenset({WorkflowStatus.PAUSED, WorkflowStatus.BLOCKED})
FINAL = frozenset({WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})
ACTIVE = frozenset(WorkflowStatus) - FINAL
STOPPED = FINAL | {WorkflowStatus.BLOCKED}
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


def unknown_workflow(workflow_id: str) -> WorkflowNotFound:
    """The error for an id that no workflow has."""
    return WorkflowNotFound(f"no workflow has the id {workflow_id}", "/workflow list")


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


class WorkflowInfo(NamedTuple):
    """A workflow as it stood when it was read.

    No dataclass: their machinery takes longer to import than a list of workflows takes to read and to print.
    """

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
        status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        """The newest workflows first, at most `limit` of them."""

    # --- what works over these six, unless a backend knows better ---

    async def start_tasks(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None = None,
        with_dependencies: bool = False,
        config: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> list[str]:
        """Start several tasks together and return their workflows' ids, those of dependencies last.

        Raises what `start_workflow` raises; then none is started.
        """
        if with_dependencies or len(task_ids) != 1:
            raise WorkflowError("this backend starts one task at a time")
        return [await self.start_workflow(task_ids[0], blueprint_id, config)]

    async def signal_workflow(self, workflow_id: str, name: str, payload: Mapping[str, Any] | None = None) -> Delivery:
        """Send pause, resume, cancel, approve or inject_feedback, with any JSON object as payload; what became of it.

        Raises IllegalCommand where the status does not allow it, WorkflowNotFound for an unknown id.
        """
        methods = {"pause": self.pause_workflow, "resume": self.resume_workflow, "cancel": self.cancel_workflow}
        if name not in methods:
            raise IllegalCommand(f"this backend knows no signal {name!r}", f"one of {', '.join(methods)}")
        info = await self._existing(workflow_id)
        if not await methods[name](workflow_id):
            raise IllegalCommand(f"can't {name} {workflow_id}: it is {info.status}", f"/workflow status {workflow_id}")
        return Delivery.TAKEN

    async def query_workflow(self, workflow_id: str, name: str) -> Any:
        """Ask for get_status (a dict), get_progress (percent), get_artifacts (paths) or get_phase_results (a list).

        Raises WorkflowNotFound for an unknown id, WorkflowError for an unknown query.
        """
        info = await self._existing(workflow_id)
        match name:
            case "get_status":
                return info._asdict()
            case "get_progress":
                return info.progress
            case "get_artifacts":
                return list(info.artifacts)
        known = "get_status, get_progress, get_artifacts, get_phase_results"
        raise WorkflowError(f"no query is called {name!r}", f"one of {known}")

    async def retry_workflow(
        self, workflow_id: str, start_from: WorkflowPhase | str | None = None, *, restore: bool = False
    ) -> str:
        """Start a new workflow that keeps what the old one passed, and return its id.

        With `restore` the working tree is first brought back to the one that the last kept pass was given for, or
        where none is, to the one that the old workflow began with. Raises IllegalCommand where the status does not
        allow it, or `start_from` would jump a gate; WorkflowError where files can't be brought back without loss.
        """
        info = await self._existing(workflow_id)
        if not info.status.final or start_from is not None or restore:
            raise IllegalCommand(f"this backend can't retry {workflow_id} that way: it is {info.status}")
        return await self.start_workflow(info.task_id, info.blueprint_id)

    async def retry_differences(self, workflow_id: str) -> list[str]:
        """Where the definition that a retry would use differs from the workflow's own, a line each."""
        return []

    async def wait_workflow(
        self, workflow_id: str, timeout: float | None = None, status: WorkflowStatus | str | None = None
    ) -> WorkflowInfo:
        """Wait until the workflow has this status, or is settled; `timeout` in seconds.

        Raises WaitTimeout, or WorkflowNotFound for an unknown id.
        """
        return (await self.wait_workflows([workflow_id], timeout, status))[0]

    async def wait_workflows(
        self,
        workflow_ids: Sequence[str],
        timeout: float | None = None,
        status: WorkflowStatus | str | None = None,
        *,
        at_rest: bool = False,
    ) -> list[WorkflowInfo]:
        """Wait until all of them have this status, or all are settled; `timeout` in seconds.

        `at_rest`: a PAUSED one is settled only once its step has ended, as far as the backend can tell.
        Raises WaitTimeout, or WorkflowNotFound for an unknown id.
        """
        import asyncio

        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            infos = [await self._existing(workflow_id) for workflow_id in workflow_ids]
            if all(info.status == status for info in infos) or all(info.status.stopped for info in infos):
                return infos
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeout(f"still not settled after {timeout:g} s: {', '.join(workflow_ids)}")
            await asyncio.sleep(POLL)

    def listen(self, listener: Callable[[WorkflowInfo], None]) -> Callable[[], None]:
        """Call `listener` on the event loop after every durable change of a status or phase; returns what ends it."""
        raise WorkflowError("this backend tells nobody of changes")

    def serve_terminal(  # noqa: B027 - a backend may have nothing to tell
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        """Work for a terminal. Not `claims`: what is started, resumed or retried is left to other engines.

        `on_trouble` is called with a sentence when something is in the way, and with "" when it is over; `narrate`
        with what a person may want to know.
        """

    @property
    def works_here(self) -> bool:
        """Whether a shell runs workflows in its own process, without being told to."""
        return True

    def serve_metrics(self, address: str) -> None:
        """Serve metrics for Prometheus at http://ADDRESS/metrics until the backend is closed; ADDRESS is IP:PORT.

        To be called before anything else. Raises ConfigError or WorkflowError where they can't be served there.
        """
        raise WorkflowError("this backend has no metrics")

    def owned(self) -> list[WorkflowInfo]:
        """The active workflows that this process has charge of: without it they wait for another engine."""
        return []

    async def run_engine(self) -> None:  # noqa: B027 - a backend with workers elsewhere has nothing to do here
        """Take over every workflow of the workspace that no living engine owns, now and later."""

    async def drain(self, grace: float) -> None:  # noqa: B027 - as above
        """Begin no attempt any more, give those under way `grace` seconds, then end them; they are run again later."""

    async def health_check(self) -> dict[str, Any]:
        """How the backend is: the fields of Health, of which backend, connected and active_count are always there.

        A backend out of reach is told as `connected: False`, with the reason as `warning`.
        """
        active = await self.list_workflows(status_filter=WorkflowStatus.active(), limit=1_000_000)
        return {"backend": type(self).__name__, "connected": True, "active_count": len(active)}

    async def aclose(self) -> None:  # noqa: B027 - nor need every backend hold something open
        """Let go of everything, leaving running steps to be taken over."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _existing(self, workflow_id: str) -> WorkflowInfo:
        info = await self.get_workflow_status(workflow_id)
        if info is None:
            raise unknown_workflow(workflow_id)
        return info


POLL = 0.1
"""Seconds between two looks of a backend that can't tell of changes."""

"""The interface of every backend, with the public types and errors.

Nothing here imports a backend, a store or a library, so that listing workflows stays cheap.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penguin.orchestration.errors import (
    AlreadyActive,
    BackendUnavailable,
    BlueprintError,
    ConfigError,
    IllegalCommand,
    StoreError,
    TaskNotFound,
    WaitTimeout,
    WorkflowError,
    WorkflowNotFound,
    unknown_workflow,
)
from penguin.orchestration.workflow_status import Delivery, Verdict, WorkflowInfo, WorkflowPhase, WorkflowStatus

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = [
    "AlreadyActive",
    "BackendUnavailable",
    "BlueprintError",
    "ConfigError",
    "Delivery",
    "IllegalCommand",
    "OrchestrationBackend",
    "StoreError",
    "TaskNotFound",
    "Verdict",
    "WaitTimeout",
    "WorkflowError",
    "WorkflowInfo",
    "WorkflowNotFound",
    "WorkflowPhase",
    "WorkflowStatus",
]

CANCEL_TIMEOUT = 30.0
"""Seconds that a cancel is waited for: stopping a step takes at most 20, and a worker may have to come first."""


class OrchestrationBackend(ABC):
    """Starts, controls and reads workflows.

    Six methods are abstract. The others have a default implementation over these six, which a backend may override.
    """

    @abstractmethod
    async def start_workflow(
        self, task_id: str, blueprint_id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> str:
        """Start a task's workflow.

        Args:
            task_id: Id of the task.
            blueprint_id: Id of its blueprint. Needed if the id of the task is in several blueprints.
            config: Overrides for this start: `phase_timeouts` (seconds by phase), `retry` and `phases`.

        Returns:
            The id of the workflow.

        Raises:
            TaskNotFound: No blueprint has the task.
            AlreadyActive: The task already has an active workflow.
            BlueprintError: The blueprint is not valid, or does not say which task is meant.
            ConfigError: The configuration, or `config`, is not valid.
        """

    @abstractmethod
    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        """Return the workflow as it is now.

        Args:
            workflow_id: Id of the workflow.

        Returns:
            The workflow, or None if the id is unknown.
        """

    @abstractmethod
    async def pause_workflow(self, workflow_id: str) -> bool:
        """Start no new step of the workflow. The running step ends by itself.

        Args:
            workflow_id: Id of the workflow.

        Returns:
            True if the workflow is PAUSED or will be; False if it is unknown or its status does not allow a pause.
        """

    @abstractmethod
    async def resume_workflow(self, workflow_id: str) -> bool:
        """Continue a PAUSED or BLOCKED workflow.

        Args:
            workflow_id: Id of the workflow.

        Returns:
            True if the workflow continues, or did so already; False if it is unknown or its status does not allow it.
        """

    @abstractmethod
    async def cancel_workflow(self, workflow_id: str) -> bool:
        """End the running step and the workflow, and wait for that, at most 30 seconds.

        Args:
            workflow_id: Id of the workflow.

        Returns:
            True once the status is CANCELLED. False if the workflow is unknown, if its status does not allow it, or if
            no process could stop it in time, as on Temporal with no worker alive: then the request is kept.
        """

    @abstractmethod
    async def list_workflows(
        self,
        project_id: str | None = None,
        status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        """Return workflows, the newest first.

        Args:
            project_id: Only workflows of this project.
            status_filter: Only workflows with this status, or with one of these.
            limit: Maximum number of workflows.

        Returns:
            The workflows.
        """

    # --- default implementations over these six ---

    async def start_tasks(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None = None,
        with_dependencies: bool = False,
        config: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> list[str]:
        """Start several tasks together.

        Args:
            task_ids: Ids of the tasks.
            blueprint_id: Id of their blueprint. Needed if the id of a task is in several blueprints.
            with_dependencies: Also start the dependencies that are neither completed nor active.
            config: Overrides for these starts, as in `start_workflow`.
            by: The person who starts them. Default: the user of this process.

        Returns:
            The ids of the workflows, those of dependencies last.

        Raises:
            WorkflowError: As `start_workflow` does. Then no task is started.
        """
        if with_dependencies or len(task_ids) != 1:
            raise WorkflowError("this backend can start only one task at a time")
        return [await self.start_workflow(task_ids[0], blueprint_id, config)]

    async def signal_workflow(self, workflow_id: str, name: str, payload: Mapping[str, Any] | None = None) -> Delivery:
        """Send a signal to a workflow.

        Args:
            workflow_id: Id of the workflow.
            name: pause, resume, cancel, approve or inject_feedback.
            payload: Any JSON object.

        Returns:
            What happened to the signal.

        Raises:
            IllegalCommand: The status does not allow it, or the name or payload is not valid.
            WorkflowNotFound: The id is unknown.
        """
        methods = {"pause": self.pause_workflow, "resume": self.resume_workflow, "cancel": self.cancel_workflow}
        if name not in methods:
            raise IllegalCommand(f"unknown signal {name!r}", f"one of {', '.join(methods)}")
        info = await self._existing(workflow_id)
        if not await methods[name](workflow_id):
            raise IllegalCommand(f"can't {name} {workflow_id}: it is {info.status}", f"/workflow status {workflow_id}")
        return Delivery.TAKEN

    async def query_workflow(self, workflow_id: str, name: str) -> Any:
        """Return one part of a workflow's state.

        Args:
            workflow_id: Id of the workflow.
            name: get_status (a dict), get_progress (percent), get_artifacts (paths) or get_phase_results (a list).

        Returns:
            The answer, as plain data.

        Raises:
            WorkflowNotFound: The id is unknown.
            WorkflowError: The query is unknown.
        """
        info = await self._existing(workflow_id)
        match name:
            case "get_status":
                return info._asdict()
            case "get_progress":
                return info.progress
            case "get_artifacts":
                return list(info.artifacts)
        queries = "get_status, get_progress, get_artifacts, get_phase_results"
        raise WorkflowError(f"unknown query {name!r}", f"one of {queries}")

    async def retry_workflow(
        self, workflow_id: str, start_from: WorkflowPhase | str | None = None, *, restore: bool = False
    ) -> str:
        """Start a new workflow that keeps the passes of an old one.

        Args:
            workflow_id: Id of the workflow to retry.
            start_from: The phase to begin at. Default: the first gate without a pass that still holds.
            restore: First restore the working tree of the last kept pass; if there is none, the one that the old
                workflow began with.

        Returns:
            The id of the new workflow.

        Raises:
            IllegalCommand: The status does not allow it, or `start_from` would jump a gate.
            WorkflowNotFound: The id is unknown.
            WorkflowError: Files can't be brought back without loss.
        """
        info = await self._existing(workflow_id)
        if not info.status.final or start_from is not None or restore:
            raise IllegalCommand(f"this backend can't retry {workflow_id} that way: it is {info.status}")
        return await self.start_workflow(info.task_id, info.blueprint_id)

    async def retry_differences(self, workflow_id: str) -> list[str]:
        """Return how the definition that a retry would use differs from the workflow's own.

        Args:
            workflow_id: Id of the workflow.

        Returns:
            One line for each difference.
        """
        return []

    async def wait_workflow(
        self, workflow_id: str, timeout: float | None = None, status: WorkflowStatus | str | None = None
    ) -> WorkflowInfo:
        """Wait until the workflow has a status, or is settled.

        Args:
            workflow_id: Id of the workflow.
            timeout: Seconds to wait at most. None: no limit.
            status: The status to wait for. None: wait until the workflow is settled.

        Returns:
            The workflow as it is then.

        Raises:
            WaitTimeout: The time-out is over.
            WorkflowNotFound: The id is unknown.
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
        """Wait until all of these workflows have a status, or all are settled.

        Args:
            workflow_ids: Ids of the workflows.
            timeout: Seconds to wait at most. None: no limit.
            status: The status to wait for. None: wait until the workflows are settled.
            at_rest: Do not count a PAUSED workflow as settled before its step has ended, as far as the backend knows.

        Returns:
            The workflows as they are then, in the order of the ids.

        Raises:
            WaitTimeout: The time-out is over.
            WorkflowNotFound: An id is unknown.
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
        """Call a listener on the event loop after every durable change of a status or phase.

        Args:
            listener: Is called with the workflow after the change.

        Returns:
            A function that removes the listener.
        """
        raise WorkflowError("this backend does not report changes")

    def serve_terminal(  # noqa: B027 - a backend may have nothing to tell
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        """Serve a terminal.

        Args:
            claims: Run what is started, resumed or retried in this process. False: leave it to other engines.
            on_trouble: Is called with a sentence when a problem begins, and with "" when it is over.
            narrate: Is called with messages for the person at the terminal.
        """

    @property
    def works_here(self) -> bool:
        """Whether a shell runs workflows in its own process by default."""
        return True

    def serve_metrics(self, address: str) -> None:
        """Serve Prometheus metrics at http://ADDRESS/metrics until the backend is closed. Call it before any other
        method.

        Args:
            address: The address, as IP:PORT.

        Raises:
            ConfigError: The address is not valid.
            WorkflowError: The address can't be served, or the backend has no metrics.
        """
        raise WorkflowError("this backend has no metrics")

    def owned(self) -> list[WorkflowInfo]:
        """Return the active workflows that this process owns. When it ends, they wait for another engine."""
        return []

    async def run_engine(self) -> None:  # noqa: B027 - a backend with workers elsewhere has nothing to do here
        """Take over every workflow of the workspace that no living engine owns, now and later."""

    async def failure(self) -> None:
        """Wait until this process can record nothing any more, then raise the WorkflowError that says why."""
        import asyncio

        await asyncio.Event().wait()

    async def drain(self, grace: float) -> None:  # noqa: B027 - a backend with workers elsewhere has nothing to do here
        """Start no more attempts, and end those that run. They run again later.

        Args:
            grace: Seconds that running attempts get to end by themselves.
        """

    async def health_check(self) -> dict[str, Any]:
        """Check the backend.

        Returns:
            The fields of Health. `backend`, `connected` and `active_count` are always there. If the backend can't be
            reached, `connected` is False and `warning` is the reason.
        """
        active = await self.list_workflows(status_filter=WorkflowStatus.active(), limit=1_000_000)
        return {"backend": type(self).__name__, "connected": True, "active_count": len(active)}

    async def aclose(self) -> None:  # noqa: B027 - a backend may hold nothing open
        """Close the backend. Running steps continue, and another engine takes them over."""

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
"""Seconds between two polls by a backend that does not report changes."""

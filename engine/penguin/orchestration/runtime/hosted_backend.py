"""The common base of the backends that host the core: the part of the public interface that is the same on both."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from penguin.orchestration.backend import (
    CANCEL_TIMEOUT,
    IllegalCommand,
    OrchestrationBackend,
    WaitTimeout,
    WorkflowError,
    WorkflowInfo,
    WorkflowNotFound,
    WorkflowPhase,
    WorkflowStatus,
)
from penguin.orchestration.core.signals import parse_phase, parse_status, parse_statuses
from penguin.orchestration.execution.runner_api import RUNNER, PhaseRunner
from penguin.orchestration.execution.tree_tracking import TreeTrackingRunner
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.command_planner import Planner
from penguin.orchestration.runtime.engine_socket import ask_to_change
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.runtime.task_catalog import CatalogLoader
from penguin.orchestration.store.workspace_databases import count_active_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from penguin.orchestration.config import OrchestrationConfig
    from penguin.orchestration.runtime.health import Health
    from penguin.orchestration.store.queries import WorkflowReader

POLL = 0.2
"""Seconds between two checks of a settled workflow whose cancellation waits for a worker."""
STOP_PATIENCE = 25.0
"""Seconds that closing waits for a step to end: SIGTERM 5 s, SIGKILL 15 s, and a margin."""


class HostedBackend(OrchestrationBackend):
    """A backend that hosts the core. Subclasses decide where states are kept, and who runs attempts."""

    name: ClassVar[str]
    """Its name as `backend` of penguin.yaml."""

    def __init__(self, config: OrchestrationConfig | None, root: Path) -> None:
        self.workspace = Workspace(root)
        self._backlog = CatalogLoader(self.workspace.root, config)
        self._planner = Planner(self.workspace, self._backlog)

    # --- implemented by each backend ---

    @abstractmethod
    async def _retry(self, workflow_id: str, start_from: WorkflowPhase | None, *, restore: bool) -> str:
        """See `retry_workflow`."""

    @abstractmethod
    async def _current_reader(self) -> WorkflowReader:
        """Return a reader that knows the current state of all workflows."""

    @abstractmethod
    async def _reader_of_events(self, workflow_id: str) -> WorkflowReader:
        """Return a reader that knows all events of this workflow."""

    @abstractmethod
    async def _wait(
        self, workflow_ids: Sequence[str], timeout: float | None, status: WorkflowStatus | None, *, at_rest: bool
    ) -> list[WorkflowInfo]:
        """See `wait_workflows`."""

    @abstractmethod
    async def _health(self) -> Health:
        """See `health_check`."""

    @abstractmethod
    async def record_done(self, task_ids: Sequence[str], *, blueprint_id: str | None = None, by: str = "") -> list[str]:
        """Record tasks as done outside of Penguin, so that the tasks that depend on them can start.

        Each gets a workflow that is COMPLETED at once, without a pass of any gate. The history names the person. Tasks
        that have a completed or an active workflow are left out.

        Args:
            task_ids: Ids of the tasks. Their dependencies don't matter.
            blueprint_id: Id of their blueprint. Needed if the id of a task is in several blueprints.
            by: The person who says so. Default: the user of this process.

        Returns:
            The ids of the tasks that were recorded.

        Raises:
            TaskNotFound: There is no such task.
            BlueprintError: Its blueprint has errors.
        """

    # --- the public interface ---

    async def start_workflow(
        self, task_id: str, blueprint_id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> str:
        return (await self.start_tasks([task_id], blueprint_id=blueprint_id, config=config))[0]

    async def retry_workflow(
        self, workflow_id: str, start_from: WorkflowPhase | str | None = None, *, restore: bool = False
    ) -> str:
        return await self._retry(workflow_id, parse_phase(start_from), restore=restore)

    async def pause_workflow(self, workflow_id: str) -> bool:
        return await self._is_allowed(workflow_id, "pause")

    async def resume_workflow(self, workflow_id: str) -> bool:
        return await self._is_allowed(workflow_id, "resume")

    async def cancel_workflow(self, workflow_id: str) -> bool:
        begun = time.monotonic()
        if not await self._is_allowed(workflow_id, "cancel"):
            return False
        return await wait_until_cancelled(self, workflow_id, CANCEL_TIMEOUT - (time.monotonic() - begun))

    async def _is_allowed(self, workflow_id: str, name: str) -> bool:
        try:
            await self.signal_workflow(workflow_id, name)
        except (IllegalCommand, WorkflowNotFound):
            return False
        return True

    async def list_workflows(
        self,
        project_id: str | None = None,
        status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        statuses = parse_statuses(status_filter)
        reader = await self._current_reader()
        return reader.list(project_id=project_id, statuses=statuses, limit=limit)

    async def query_workflow(self, workflow_id: str, name: str) -> Any:
        if name != "get_phase_results":
            return await super().query_workflow(workflow_id, name)
        await self._existing(workflow_id)
        reader = await self._reader_of_events(workflow_id)
        return [result._asdict() for result in reader.results(workflow_id)]

    async def wait_workflows(
        self,
        workflow_ids: Sequence[str],
        timeout: float | None = None,
        status: WorkflowStatus | str | None = None,
        *,
        at_rest: bool = False,
    ) -> list[WorkflowInfo]:
        wanted = None if status is None else parse_status(status)
        return await self._wait(workflow_ids, timeout, wanted, at_rest=at_rest)

    async def health_check(self) -> dict[str, Any]:
        found = await self._health()
        return replace(found, unfinished_elsewhere=count_active_elsewhere(self.workspace, self.name)).as_dict()


async def wait_until_cancelled(backend: OrchestrationBackend, workflow_id: str, limit: float) -> bool:
    """Return whether a workflow for which a cancellation is requested is CANCELLED within `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            (info,) = await backend.wait_workflows([workflow_id], left, WorkflowStatus.CANCELLED)
        except WaitTimeout:
            return False
        if info.status.final or not left:
            return info.status is WorkflowStatus.CANCELLED
        # It is settled, such as a BLOCKED one, and no worker has received the request yet.
        await asyncio.sleep(min(POLL, left))


def wait_timeout(infos: Sequence[WorkflowInfo], timeout: float) -> WaitTimeout:
    """Return the error of a wait that took `timeout` seconds."""
    waited = ", ".join(f"{info.workflow_id} is still {info.status}" for info in infos if not info.status.final)
    return WaitTimeout(f"{waited} after {timeout:g} s")


def require_same_loop(opened_on: asyncio.AbstractEventLoop | None) -> None:
    """Raise WorkflowError if a backend is used on another event loop than the one that opened it."""
    if opened_on is not asyncio.get_running_loop():
        raise WorkflowError("the backend was opened on another event loop", "use one backend for each loop")


async def refuse_steps(root: Path, engines: Path, own: str, what: str) -> None:
    """Raise InsideStep if this process runs inside a step of the workspace at `root`.

    This process checks first, then the living engines do, which may see more. `engines`: the folder of the backend's
    engines. `own`: the engine of this process, or "". `what`: what the process wants to do, for the error.
    """
    refuse_inside_step(root, what)
    await ask_to_change(engines, own, what)


def scripted_runner() -> PhaseRunner | None:
    """Return the scripted runner that replaces real steps, if the program that created the backend set one."""
    return RUNNER.get()


def step_runner(folder: Path, on_trouble: Callable[[str], None], lease: Path | None = None) -> PhaseRunner:
    """Return the runner of real steps. `folder` is the engine's own; under a `lease` other hosts may continue the
    work."""
    from penguin.orchestration.execution.local_runner import LocalRunner

    local = LocalRunner(folder, on_trouble=on_trouble, lease=lease)
    return TreeTrackingRunner(local, shared=lease is not None)

"""Results of commands that change workflows or wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.results import workflow_data

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo


class StartResult(NamedTuple):
    """The workflows that a command started."""

    workflows: tuple[tuple[str, str], ...]
    """(task id, workflow id), the requested one first."""
    retry_of: str = ""
    differences: tuple[str, ...] = ()
    """The differences between the definition of a retry and that of the older workflow."""

    def data(self) -> dict[str, Any]:
        rows = [{"task_id": task, "workflow_id": workflow} for task, workflow in self.workflows]
        retry = {"retry_of": self.retry_of, "differences": list(self.differences)} if self.retry_of else {}
        return {**(rows[0] if rows else {}), **retry, "workflows": rows}


class ChangeResult(NamedTuple):
    """A workflow after a command that changed it."""

    text: str
    info: WorkflowInfo
    explanation: str = ""
    """Why it does not run now; '' if it runs or is over."""
    next_command: str = ""
    """What to type next, if anything."""
    queued: bool = False
    """No worker is running: the change waits for one, and is discarded if it is not allowed then."""

    def data(self) -> dict[str, Any]:
        details = {"explain": self.explanation, "advice": self.next_command, "queued": self.queued}
        return {"message": self.text, **workflow_data(self.info), **details}


class WaitResult(NamedTuple):
    """The workflows that a command waited for."""

    workflows: tuple[WorkflowInfo, ...]

    def data(self) -> dict[str, Any]:
        return {"workflows": [workflow_data(info) for info in self.workflows]}


class WaitProgress(NamedTuple):
    """The progress of the workflows that a command waits for. Not a result: reported while the command runs."""

    workflows: tuple[WorkflowInfo, ...]
    elapsed: float
    """Seconds."""
    timeout: float | None = None
    """Seconds."""

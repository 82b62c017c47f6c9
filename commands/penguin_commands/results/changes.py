"""What commands give back that change workflows, or wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.results import info_data

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo


class Started(NamedTuple):
    """Workflows that were started by this command."""

    workflows: tuple[tuple[str, str], ...]
    """(task id, workflow id), the one that was asked for first."""
    retry_of: str = ""
    differences: tuple[str, ...] = ()
    """Where the definition of a retry differs from the one that the older workflow carried."""

    def data(self) -> dict[str, Any]:
        rows = [{"task_id": task, "workflow_id": workflow} for task, workflow in self.workflows]
        retry = {"retry_of": self.retry_of, "differences": list(self.differences)} if self.retry_of else {}
        return {**(rows[0] if rows else {}), **retry, "workflows": rows}


class Changed(NamedTuple):
    """A workflow after a command that changed it."""

    text: str
    info: WorkflowInfo
    explain: str = ""
    """Why it does not run now; '' where it runs or is over."""
    advice: str = ""
    """What to type next, if anything."""
    queued: bool = False
    """No worker is running: it waits for one, and is discarded if it is not allowed then."""

    def data(self) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice, "queued": self.queued}
        return {"message": self.text, **info_data(self.info), **told}


class Waited(NamedTuple):
    """Workflows that were waited for."""

    workflows: tuple[WorkflowInfo, ...]

    def data(self) -> dict[str, Any]:
        return {"workflows": [info_data(info) for info in self.workflows]}


class Waiting(NamedTuple):
    """How far those are that are being waited for. No result: it is told while the command goes on."""

    workflows: tuple[WorkflowInfo, ...]
    elapsed: float
    """Seconds."""
    timeout: float | None = None
    """Seconds."""

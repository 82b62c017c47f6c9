"""Results of commands: plain data, which a renderer shows as a table, lines or JSON.

Each group of similar commands has its own module, so that a command loads only the results it needs.
`penguin_repl.render` has a renderer module of the same name for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from penguin.orchestration.backend import WorkflowInfo

SPECIAL_MODULES = ("agent_snapshots", "output", "report", "ui_actions")
"""The modules with results that are streamed, followed, written to files, or ask the terminal to do something."""


class Result(Protocol):
    """Base class of the results of commands."""

    def data(self) -> dict[str, Any]:
        """Return the result as plain data, ready for JSON."""


def has_failed(result: Result) -> bool:
    """Return whether a result reports a failure, such as a lint with errors."""
    return bool(getattr(result, "failed", False))


def remark(result: Result) -> str:
    """Return the remark to show beside a result, such as that a limit cut it off."""
    return str(getattr(result, "remark", ""))


def is_plain(result: Result) -> bool:
    """Return whether a result only needs its data shown. Loads no module to decide this."""
    return module_of(type(result)) not in SPECIAL_MODULES


def module_of(kind: type) -> str:
    """Return the name of the module in this package that defines a result class."""
    return kind.__module__.rpartition(".")[2]


def iso_time(when: datetime | None) -> str | None:
    """Return a time in ISO 8601 with its offset, as used in JSON."""
    return when.isoformat() if when else None


def workflow_data(info: WorkflowInfo) -> dict[str, Any]:
    """Return the fields of a WorkflowInfo as plain data."""
    return {
        "workflow_id": info.workflow_id,
        "task_id": info.task_id,
        "blueprint_id": info.blueprint_id,
        "project_id": info.project_id,
        "status": info.status.value,
        "phase": info.phase.value,
        "progress": info.progress,
        "started_at": iso_time(info.started_at),
        "updated_at": iso_time(info.updated_at),
        "error_message": info.error_message,
        "artifacts": list(info.artifacts),
    }

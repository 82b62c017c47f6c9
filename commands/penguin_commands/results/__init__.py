"""What commands give back: plain data, which a renderer makes a table, lines or JSON of.

One module for the results of similar commands, so that a command loads its own alone; `penguin_repl.render` has one of
the same name for each, which shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from penguin.orchestration.backend import WorkflowInfo

SPECIAL_MODULES = ("output", "snapshots", "ui_actions")
"""The modules with results that are streamed, or followed, or tell the terminal what to do."""


class Result(Protocol):
    """What every command gives back."""

    def data(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""


def has_failed(result: Result) -> bool:
    """Whether a result tells of a failure, as that of a lint with errors does."""
    return bool(getattr(result, "failed", False))


def remark(result: Result) -> str:
    """What to tell beside a result: that a limit cut it off, say."""
    return str(getattr(result, "remark", ""))


def is_plain(result: Result) -> bool:
    """Whether there is nothing to do with a result but to show its data. Loads no module to tell."""
    return module_of(type(result)) not in SPECIAL_MODULES


def module_of(kind: type) -> str:
    """Return the name of the module of this package that a class of results is from."""
    return kind.__module__.rpartition(".")[2]


def iso_time(when: datetime | None) -> str | None:
    """A time as JSON has it: ISO 8601 with its offset."""
    return when.isoformat() if when else None


def workflow_data(info: WorkflowInfo) -> dict[str, Any]:
    """The fields of a WorkflowInfo as plain data."""
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

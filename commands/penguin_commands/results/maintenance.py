"""Results of commands that maintain the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.results import iso_time

if TYPE_CHECKING:
    from penguin.orchestration.runtime.command_preview import ActiveWorkflow
    from penguin.orchestration.store.maintenance.workflow_deletion import PrunableWorkflow

Leftovers = tuple[tuple[str, str], ...]
"""(path, why it is reported); paths are relative to the workspace."""


def _leftover_rows(left: Leftovers) -> list[dict[str, str]]:
    return [{"path": path, "why": why} for path, why in left]


class BackupResult(NamedTuple):
    """The copies of the databases."""

    copies: tuple[tuple[str, str, int], ...]
    """(the database, relative to the workspace; its copy; bytes); the backend in use comes first."""

    def data(self) -> dict[str, Any]:
        rows = [{"database": database, "path": path, "bytes": size} for database, path, size in self.copies]
        _, path, size = self.copies[0]
        return {"message": f"Backed up to {path}", "path": path, "bytes": size, "copies": rows}


class PruneResult(NamedTuple):
    """The records and files that were removed, or with `dry_run` would be removed."""

    workflows: tuple[PrunableWorkflow, ...]
    leftovers: Leftovers
    not_removed: Leftovers
    """(what could not be removed, why)."""
    dry_run: bool

    @property
    def failed(self) -> bool:
        """Return whether something could not be removed."""
        return bool(self.not_removed)

    @property
    def bytes(self) -> int:
        """Return the size in bytes of the files that the steps of these workflows left behind."""
        return sum(old.bytes for old in self.workflows)

    def data(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "workflows": [self._row(old) for old in self.workflows],
            "leftovers": _leftover_rows(self.leftovers),
            "not_removed": _leftover_rows(self.not_removed),
            "bytes": self.bytes,
        }

    @staticmethod
    def _row(old: PrunableWorkflow) -> dict[str, Any]:
        return {
            "workflow_id": old.workflow_id,
            "task_id": old.task_id,
            "project_id": old.project_id,
            "status": old.status.value,
            "updated_at": iso_time(datetime.fromtimestamp(old.updated_at, UTC)),
            "bytes": old.bytes,
        }


class CheckResult(NamedTuple):
    """The findings of `penguin check`."""

    workflows: int
    events: int
    problems: tuple[tuple[str, str], ...]
    """(subject, problem)."""
    leftovers: Leftovers
    backups: tuple[tuple[str, str, int], ...] = ()
    """After a loss: (path, what it is, how many of the lost workflows it holds)."""

    @property
    def failed(self) -> bool:
        """Return whether the store contradicts itself. Leftover files are harmless and don't count."""
        return bool(self.problems)

    def data(self) -> dict[str, Any]:
        return {
            "workflows": self.workflows,
            "events": self.events,
            "problems": [{"subject": subject, "message": message} for subject, message in self.problems],
            "leftovers": _leftover_rows(self.leftovers),
            "backups": [{"path": path, "lost_workflows": count} for path, _, count in self.backups],
        }


class TrustResult(NamedTuple):
    """A workspace, and the parts of it that Penguin would run."""

    path: str
    """Its `.penguin` folder."""
    standing: str
    reason: str
    """Why it is not trusted, after the path; empty if it is."""
    workflows: tuple[ActiveWorkflow, ...]
    """The active workflows; empty for a trusted workspace, where they are not looked up."""
    server: str = ""
    """The Temporal server in penguin.yaml, if the user has not accepted it."""

    @property
    def trusted(self) -> bool:
        """Return whether Penguin runs and writes to the workspace, and connects to its server."""
        return not self.reason and not self.server

    def data(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "trusted": self.trusted,
            "standing": self.standing,
            "reason": self.reason,
            "server": self.server,
            "workflows": [
                {
                    "workflow_id": workflow.workflow_id,
                    "task_id": workflow.task_id,
                    "status": workflow.status,
                    "commands": [
                        {"phase": command.phase.value, "kind": command.kind, "text": command.text}
                        for command in workflow.commands
                    ],
                }
                for workflow in self.workflows
            ],
        }

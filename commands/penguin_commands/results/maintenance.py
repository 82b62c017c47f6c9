"""What commands that look after the store give back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.results import iso_time

if TYPE_CHECKING:
    from penguin.orchestration.runtime.command_preview import ActiveWorkflow
    from penguin.orchestration.store.prune import PrunableWorkflow

Leftovers = tuple[tuple[str, str], ...]
"""(path, why it is told of); paths are relative to the workspace."""


def _leftover_rows(left: Leftovers) -> list[dict[str, str]]:
    return [{"path": path, "why": why} for path, why in left]


class BackupResult(NamedTuple):
    """Copies of the databases."""

    copies: tuple[tuple[str, str, int], ...]
    """(the database, relative to the workspace; its copy; bytes), that of the backend in use first."""

    def data(self) -> dict[str, Any]:
        rows = [{"database": database, "path": path, "bytes": size} for database, path, size in self.copies]
        _, path, size = self.copies[0]
        return {"message": f"Backed up to {path}", "path": path, "bytes": size, "copies": rows}


class PruneResult(NamedTuple):
    """What was removed, or with `dry_run` would be."""

    workflows: tuple[PrunableWorkflow, ...]
    leftovers: Leftovers
    not_removed: Leftovers
    """What could not be removed, and why."""
    dry_run: bool

    @property
    def failed(self) -> bool:
        """Whether something could not be removed."""
        return bool(self.not_removed)

    @property
    def bytes(self) -> int:
        """What the steps of these workflows left in files."""
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
    """What `penguin check` found."""

    workflows: int
    events: int
    problems: tuple[tuple[str, str], ...]
    """(what it is about, what is wrong)."""
    leftovers: Leftovers

    @property
    def failed(self) -> bool:
        """Whether the store contradicts itself; leftovers are harmless."""
        return bool(self.problems)

    def data(self) -> dict[str, Any]:
        return {
            "workflows": self.workflows,
            "events": self.events,
            "problems": [{"subject": subject, "message": message} for subject, message in self.problems],
            "leftovers": _leftover_rows(self.leftovers),
        }


class TrustResult(NamedTuple):
    """A workspace, and what of it would run."""

    path: str
    """Its `.penguin` folder."""
    standing: str
    reason: str
    """Why it is not trusted, after the path; empty: it is."""
    workflows: tuple[ActiveWorkflow, ...]
    """The active ones; none are looked for in a workspace that is trusted."""

    @property
    def trusted(self) -> bool:
        """Whether it is run and written to."""
        return not self.reason

    def data(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "trusted": self.trusted,
            "standing": self.standing,
            "reason": self.reason,
            "workflows": [
                {
                    "workflow_id": it.workflow_id,
                    "task_id": it.task_id,
                    "status": it.status,
                    "commands": [
                        {"phase": command.phase.value, "kind": command.kind, "text": command.text}
                        for command in it.commands
                    ],
                }
                for it in self.workflows
            ],
        }

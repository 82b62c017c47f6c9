"""Results of imports."""

from __future__ import annotations

from typing import Any, NamedTuple


class ImportedFile(NamedTuple):
    """What became of one backlog."""

    source: str
    format: str
    path: str
    """The blueprint, relative to the workspace."""
    state: str
    """new, changed or unchanged."""
    tasks: int
    dependencies: int
    criteria: int
    done: tuple[str, ...]
    """Ids of the tasks that the source calls done."""
    changes: tuple[str, ...]
    conflicts: tuple[str, ...]
    notes: tuple[tuple[int, str], ...]
    """(line of the source or 0, remark)."""
    metadata: dict[str, int]
    """Names of what is kept as metadata, and of how many tasks."""
    prose: int
    """Lines that are kept as prose."""

    def data(self) -> dict[str, Any]:
        return {
            **self._asdict(),
            "done": list(self.done),
            "changes": list(self.changes),
            "conflicts": list(self.conflicts),
            "notes": [{"line": line, "message": message} for line, message in self.notes],
        }


class ImportResult(NamedTuple):
    """What an import wrote, or with `dry_run` would write."""

    files: tuple[ImportedFile, ...]
    config: str
    """new, changed or unchanged: penguin.yaml."""
    agent: str
    """The agent that a new penguin.yaml names; empty: it names none, or is not new."""
    recorded: tuple[str, ...]
    """Ids of the tasks that were recorded as done outside of Penguin."""
    next_command: str
    dry_run: bool

    def data(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "files": [file.data() for file in self.files],
            "config": self.config,
            "agent": self.agent,
            "recorded": list(self.recorded),
            "next": self.next_command,
        }

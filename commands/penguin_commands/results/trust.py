"""What `penguin trust` gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from penguin.orchestration.store.contents import ActiveWorkflow


class Examined(NamedTuple):
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

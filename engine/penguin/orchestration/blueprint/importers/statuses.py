"""The words of other tools for the state of a task."""

from __future__ import annotations

from penguin.orchestration.blueprint.importers.backlog import ImportedItem

_DONE = frozenset({"done", "completed", "complete", "closed", "finished", "resolved", "passed", "merged"})
_CANCELLED = frozenset({"cancelled", "canceled", "tombstone", "wontfix", "wont-do", "deleted", "rejected"})
_NEW = frozenset({"", "pending", "open", "todo", "to-do", "new", "backlog", "ready"})


def _word(status: str) -> str:
    return status.strip().lower().replace(" ", "-").replace("_", "-").replace("'", "")


def is_done(status: str) -> bool:
    """Return whether a status says that the work is done."""
    return _word(status) in _DONE


def is_cancelled(status: str) -> bool:
    """Return whether a status says that the work will not be done."""
    return _word(status) in _CANCELLED


def keep_status(item: ImportedItem, status: str) -> None:
    """Keep a status as metadata, unless the task is done or not begun."""
    if _word(status) not in _NEW and not is_done(status):
        item.metadata["status"] = status

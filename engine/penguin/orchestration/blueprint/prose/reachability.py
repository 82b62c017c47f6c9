"""Reachability: which task waits for which, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class DependentTask(Protocol):
    """A task with the ids of the tasks that it depends on."""

    @property
    def id(self) -> str: ...
    @property
    def dependencies(self) -> Sequence[str]: ...


class Reachability:
    """Which task waits for which, directly or not."""

    def __init__(self, items: Iterable[DependentTask]) -> None:
        self._needs = {item.id: item.dependencies for item in items}

    def has(self, task: str, needed: str) -> bool:
        """Return whether a task waits for another one. A task waits for itself."""
        seen, todo = {task}, [task]
        while todo:
            one = todo.pop()
            if one == needed:
                return True
            new = [name for name in self._needs.get(one, ()) if name not in seen]
            seen.update(new)
            todo += new
        return False

"""Reachability: which task waits for which, directly or through others."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property

_NEAR = 100
"""Tasks among which an indirect dependency is searched first."""
_MOST_STEPS = 2_000_000
"""Steps from task to task in search of indirect dependencies."""


class Reachability:
    """The dependencies of tasks. They must not change while it is used."""

    def __init__(self, needed: Mapping[str, Sequence[str]]) -> None:
        """Take the ids of the tasks that each task depends on, by its id."""
        self.needed = needed
        self._dependents: dict[str, set[str]] = {}
        """All tasks that depend on a task, for those that were asked for."""
        self._steps = 0

    def has(self, task_id: str, needed: str) -> bool:
        """Return whether a task waits for another one. A task waits for itself."""
        if task_id == needed or needed in self.needed.get(task_id, ()):
            return True
        near = _reached(task_id, self.needed, _NEAR)
        if len(near) < _NEAR or needed in near:
            return needed in near
        if needed not in self._dependents and self._steps < _MOST_STEPS:
            self._dependents[needed] = _reached(needed, self._dependents_of, len(self.needed))
            self._steps += len(self._dependents[needed])
        return task_id in self._dependents.get(needed, ())

    @cached_property
    def _dependents_of(self) -> dict[str, list[str]]:
        """The tasks that depend directly on each task."""
        found: dict[str, list[str]] = {}
        for task_id, needed in self.needed.items():
            for name in needed:
                found.setdefault(name, []).append(task_id)
        return found


def _reached(start: str, edges: Mapping[str, Sequence[str]], most: int) -> set[str]:
    """Return the tasks on the ways from a task, the near ones first, up to about a number of them."""
    seen: set[str] = set()
    waiting = deque([start])
    while waiting and len(seen) < most:
        for name in edges.get(waiting.popleft(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen

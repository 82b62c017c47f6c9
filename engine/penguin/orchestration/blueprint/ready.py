"""Which tasks can be started now, and in what order."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from penguin.orchestration.core.definition import Task


def ready_tasks(tasks: Iterable[Task], completed: Collection[str], active: Collection[str] = ()) -> list[Task]:
    """The tasks of a project that are neither completed nor active and whose dependencies are all completed.

    First come those of higher priority, then of more value for the effort, of higher risk, and by place in the file.
    """
    done, busy = frozenset(completed), frozenset(active)
    found = (
        task for task in tasks if task.id not in done and task.id not in busy and done.issuperset(task.dependencies)
    )
    return sorted(found, key=precedence)


def precedence(task: Task) -> tuple[tuple[int, float, int, int], str]:
    """A sort key: the task's rank, and its file where that leaves it open."""
    return task.rank, task.path

"""The tasks that can be started now, and their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from penguin.orchestration.core.definition import Task


def ready_tasks(tasks: Iterable[Task], completed: Collection[str], active: Collection[str] = ()) -> list[Task]:
    """Return the tasks of a project that are neither completed nor active and whose dependencies are all completed.

    Sorted by priority, then value per effort, then risk (higher first), then position in the file.
    """
    done, busy = frozenset(completed), frozenset(active)
    found = (
        task for task in tasks if task.id not in done and task.id not in busy and done.issuperset(task.dependencies)
    )
    return sorted(found, key=precedence)


def precedence(task: Task) -> tuple[tuple[int, float, int, int], str]:
    """Return a sort key: the task's rank, then its file."""
    return task.rank, task.path

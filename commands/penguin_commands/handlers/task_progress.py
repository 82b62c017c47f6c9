"""The progress of tasks: blueprints combined with the records of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.tasks import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.backend import WorkflowStatus
    from penguin.orchestration.core.definition import Task
    from penguin_commands.session import Session


class TaskProgress:
    """The progress of tasks. Looks up each project once."""

    def __init__(self, session: Session) -> None:
        session.warn_of_lost_workflows()
        self._session = session
        self._cache: dict[str, tuple[set[str], dict[str, WorkflowStatus]]] = {}

    def completed_tasks(self, project_id: str) -> set[str]:
        """Return the tasks that satisfy a dependency."""
        return self._project(project_id)[0]

    def active_tasks(self, project_id: str) -> dict[str, WorkflowStatus]:
        """Return the tasks with an active workflow."""
        return self._project(project_id)[1]

    def state(self, task: Task) -> TaskState:
        """Return the progress of a task."""
        completed, active = self._project(task.project_id)
        unmet = tuple(name for name in task.dependencies if name not in completed)
        if task.id in active:
            return TaskState(task, active[task.id].value, unmet)
        if task.id in completed:
            return TaskState(task, "COMPLETED", unmet)
        return TaskState(task, "waiting" if unmet else "ready", unmet)

    def states(self, tasks: Iterable[Task]) -> tuple[TaskState, ...]:
        """Return the progress of several tasks."""
        return tuple(self.state(task) for task in tasks)

    def _project(self, project_id: str) -> tuple[set[str], dict[str, WorkflowStatus]]:
        if project_id not in self._cache:
            reader = self._session.reader
            self._cache[project_id] = (reader.completed_tasks(project_id), reader.active_tasks(project_id))
        return self._cache[project_id]

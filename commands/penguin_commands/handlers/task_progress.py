"""How far tasks are: what blueprints say, beside what the store knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.tasks import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penguin.orchestration.backend import WorkflowStatus
    from penguin.orchestration.core.definition import Task
    from penguin_commands.session import Session


class TaskProgress:
    """Looks each project up once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cache: dict[str, tuple[set[str], dict[str, WorkflowStatus]]] = {}

    def completed_tasks(self, project_id: str) -> set[str]:
        """The tasks on which a dependency is met."""
        return self._project(project_id)[0]

    def active_tasks(self, project_id: str) -> dict[str, WorkflowStatus]:
        """The tasks that are under way."""
        return self._project(project_id)[1]

    def state(self, task: Task) -> TaskState:
        """How far a task is."""
        completed, active = self._project(task.project_id)
        unmet = tuple(name for name in task.dependencies if name not in completed)
        if task.id in active:
            return TaskState(task, active[task.id].value, unmet)
        if task.id in completed:
            return TaskState(task, "COMPLETED", unmet)
        return TaskState(task, "waiting" if unmet else "ready", unmet)

    def states(self, tasks: Iterable[Task]) -> tuple[TaskState, ...]:
        """How far tasks are."""
        return tuple(self.state(task) for task in tasks)

    def _project(self, project_id: str) -> tuple[set[str], dict[str, WorkflowStatus]]:
        if project_id not in self._cache:
            reader = self._session.reader
            self._cache[project_id] = (reader.completed_tasks(project_id), reader.active_tasks(project_id))
        return self._cache[project_id]

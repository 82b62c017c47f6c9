"""What completion knows of a workspace. Asked from a thread, so that a big backlog never stops the keys."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from penguin.orchestration.backend import WorkflowInfo, WorkflowStatus
    from penguin.orchestration.blueprint import Blueprint
    from penguin.orchestration.definition import Task
    from penguin.orchestration.hosting.backlog import Backlog
    from penguin_commands.session import Session

LIMIT = 300
"""Of so many newest workflows the ids are offered."""


class Known:
    """Where something can't be read, there is nothing to offer: whoever types the command is told why."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._workspace = session.workspace
        self._reader = session.local_reader()
        self._backlog: Backlog | None = None
        self._lock = Lock()

    @property
    def last(self) -> str | None:
        """The newest workflow started in this session."""
        return self._session.last

    def workflows(self, statuses: Collection[WorkflowStatus]) -> Sequence[WorkflowInfo]:
        """The newest workflows with one of these statuses."""
        with self._lock:
            try:
                return self._reader.list(statuses=statuses, limit=LIMIT)
            except WorkflowError:
                return ()

    def tasks(self, *, startable: bool = False) -> Sequence[Task]:
        """All tasks, or those that have no active workflow."""
        tasks = [task for blueprint in self.blueprints() for task in blueprint.tasks]
        if not startable:
            return tasks
        with self._lock:
            try:
                active = {
                    project: self._reader.active_tasks(project) for project in {task.project_id for task in tasks}
                }
            except WorkflowError:
                return tasks
        return [task for task in tasks if task.id not in active[task.project_id]]

    def blueprints(self) -> Sequence[Blueprint]:
        """All blueprints; their files are read again when they changed."""
        from penguin.orchestration.hosting.backlog import Backlog

        with self._lock:
            if self._backlog is None:
                self._backlog = Backlog(self._workspace.root, self._session.overrides)
            try:
                return self._backlog.blueprints().blueprints
            except (WorkflowError, OSError):
                return ()

    def projects(self) -> Sequence[str]:
        """The projects of the blueprints."""
        return list(dict.fromkeys(blueprint.project_id for blueprint in self.blueprints()))

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._reader.close()

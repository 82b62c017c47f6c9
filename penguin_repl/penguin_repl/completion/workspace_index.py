"""The workspace data that completion uses: its files, and the local records of its workflows.

Read on a thread, so that neither many blueprints nor a large store delays the keys. It never contacts a server.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError, WorkflowNotFound
from penguin_commands.session import LAST_STARTED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from penguin.orchestration.backend import WorkflowStatus
    from penguin.orchestration.blueprint import Blueprint
    from penguin.orchestration.core.definition import Task
    from penguin.orchestration.runtime.task_catalog import CatalogLoader
    from penguin.orchestration.store.agent_snapshots import SnapshotRow
    from penguin.orchestration.store.completion_names import CompletionItem, CompletionReader
    from penguin_commands.session import Session

MAX_NEWEST = 2_000
"""The number of newest workflows that match by any part of their name; older ones match by prefix only."""
MAX_CANDIDATES = 300
"""The maximum number of completions."""


class WorkspaceIndex:
    """The workspace data for completion. Data that can't be read is empty: the command itself reports the error."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: CompletionReader | None = None
        self._backlog: CatalogLoader | None = None
        self._lock = Lock()

    def workflows(self, typed: str, statuses: Collection[WorkflowStatus]) -> Sequence[CompletionItem]:
        """Return the workflows with one of these statuses that the typed text may mean.

        The newest come first, whatever their names are, then all others that begin with the typed text.
        """
        from penguin.orchestration.store.completion_names import PREFIX

        with self._lock:
            try:
                names = self._reader()
                newest = names.newest(statuses, MAX_NEWEST)
                if len(newest) < MAX_NEWEST or PREFIX.startswith(typed):
                    return newest
                older = names.with_prefix(typed, statuses, MAX_CANDIDATES)
            except WorkflowError:
                return ()
        listed = {item.workflow_id for item in newest}
        return [*newest, *(item for item in older if item.workflow_id not in listed)]

    def snapshots(self) -> Sequence[SnapshotRow]:
        """Return the newest saved conversations."""
        from contextlib import closing

        from penguin.orchestration.store.agent_snapshots import SnapshotReader

        try:
            with closing(SnapshotReader(self._session.workspace.db)) as reader:
                return reader.snapshots(limit=MAX_CANDIDATES)
        except WorkflowError:
            return ()

    def attempts(self, workflow: str) -> Mapping[int, str]:
        """Return the attempts of the workflow that a word names, by number, newest first."""
        with self._lock:
            try:
                names = self._reader()
                return names.attempts(self._find(names, workflow))
            except WorkflowError:
                return {}

    def people(self, workflow: str) -> Sequence[str]:
        """Return the names in the history of the workflow that a word names, then those in others."""
        with self._lock:
            try:
                names = self._reader()
                return names.people(self._find(names, workflow))
            except WorkflowError:
                return ()

    def unique_lengths(self, workflow_ids: Iterable[str]) -> Mapping[str, int]:
        """Return for each id the length of its shortest unique prefix."""
        with self._lock:
            try:
                return self._reader().unique_lengths(workflow_ids)
            except WorkflowError:
                return {}

    def last_started(self, statuses: Collection[WorkflowStatus]) -> str | None:
        """Return the newest workflow started in this session, if it has one of these statuses."""
        last = self._session.last_started
        if last is None:
            return None
        with self._lock:
            try:
                info = self._reader().info(last)
            except WorkflowError:
                return None
        return last if info is not None and info.status in statuses else None

    def tasks(self, *, startable: bool = False) -> Sequence[Task]:
        """Return all tasks, or those that have no active workflow."""
        tasks = [task for blueprint in self.blueprints() for task in blueprint.tasks]
        if not startable:
            return tasks
        with self._lock:
            try:
                names = self._reader()
                active = {project: names.active_tasks(project) for project in {task.project_id for task in tasks}}
            except WorkflowError:
                return tasks
        return [task for task in tasks if task.id not in active[task.project_id]]

    def blueprints(self) -> Sequence[Blueprint]:
        """Return all blueprints. Reads their files again after a change."""
        from penguin.orchestration.runtime.task_catalog import CatalogLoader

        with self._lock:
            try:
                if self._backlog is None:
                    self._backlog = CatalogLoader(self._session.workspace.root, self._session.overrides)
                return self._backlog.load().blueprints.blueprints
            except (WorkflowError, OSError):
                return ()

    def projects(self) -> Sequence[str]:
        """Return the projects of the blueprints."""
        return list(dict.fromkeys(blueprint.project_id for blueprint in self.blueprints()))

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            if self._names is not None:
                self._names.close()

    def _find(self, names: CompletionReader, workflow: str) -> str:
        """Return the id of the workflow that a word names; '' if it names none."""
        ref = self._session.last_started if workflow == LAST_STARTED else workflow
        try:
            return names.find(ref, prefix=True) if ref else ""
        except WorkflowNotFound:
            return ""

    def _reader(self) -> CompletionReader:
        """Return the reader, opened on first use, since choosing the store may require reading the settings."""
        from penguin.orchestration.store.completion_names import CompletionReader

        if self._names is None:
            self._names = CompletionReader(self._session.db)
        return self._names

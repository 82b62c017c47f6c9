"""The plan of a start: which workflows, with which ids, and what prevents it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from penguin.orchestration.backend import AlreadyActive, TaskNotFound, WorkflowError, WorkflowStatus
from penguin.orchestration.core.commands import Start
from penguin.orchestration.core.definition import Definition, Task
from penguin.orchestration.runtime.task_catalog import TaskCatalog
from penguin.orchestration.store.dependencies import DEPENDENCIES, dependency_state, unmet_dependencies
from penguin.orchestration.workflow_status import ACTIVE

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import BlueprintItem


_NEXT_NUMBER = """
SELECT coalesce(max(number), -1) + 1 FROM (
    SELECT max(number) AS number FROM run WHERE project_id = ? AND task_id = ?
    UNION ALL SELECT number FROM pruned WHERE project_id = ? AND task_id = ?
)
"""


class UnmetDependency(WorkflowError):
    """A dependency is not met, and no active workflow would meet it."""

    code = "unmet_dependency"


def workflow_id_of(project_id: str, task_id: str, number: int, id_namespace: str = "") -> str:
    """Return the id of a task's workflow. It depends only on the arguments, so two starts at the same time conflict.

    `id_namespace` is "" for the native backend. For a Temporal server it names the database, the same for all processes
    that start workflows there: two databases of a workspace may count the same numbers, but share the folder of run
    files.
    """
    counted = (id_namespace, project_id, task_id, str(number)) if id_namespace else (project_id, task_id, str(number))
    digest = hashlib.sha256("\0".join(counted).encode()).hexdigest()
    return f"ituv-{task_id}-{digest[:6]}"


def next_id(connection: sqlite3.Connection, task: Task, runs: Path, id_namespace: str = "") -> tuple[str, int]:
    """Return id and number of the task's next workflow. Numbers are not reused, even after pruning.

    If the six digits are those of an earlier workflow of the task, the next number is used. The same applies if `runs`
    holds files of a workflow with this id, left by a lost database: the new workflow must not use them.
    """
    key = (task.project_id, task.id)
    number = int(connection.execute(_NEXT_NUMBER, (*key, *key)).fetchone()[0])
    while True:
        workflow_id = workflow_id_of(task.project_id, task.id, number, id_namespace)
        taken = connection.execute("SELECT 1 FROM run WHERE workflow_id = ?", (workflow_id,)).fetchone()
        if taken is None and not (runs / workflow_id).exists():
            return workflow_id, number
        number += 1


def check_not_active(connection: sqlite3.Connection, task: Task) -> None:
    """Raise AlreadyActive if the task has an active workflow."""
    row = connection.execute(
        "SELECT workflow_id, status FROM run WHERE project_id = ? AND task_id = ? ORDER BY number DESC LIMIT 1",
        (task.project_id, task.id),
    ).fetchone()
    if row is not None and not WorkflowStatus(row[1]).final:
        raise AlreadyActive(
            f"task {task.id} has an active workflow already: {row[0]}, {row[1]}", f"/workflow status {row[0]}"
        )


def dependencies_in_progress(connection: sqlite3.Connection, workflow_ids: Iterable[str]) -> set[str]:
    """Return the active workflows that these depend on, directly or not."""
    found: set[str] = set()
    todo = list(workflow_ids)
    while todo:
        project_id, dependencies = connection.execute(DEPENDENCIES, (todo.pop(),)).fetchone()
        for unmet in unmet_dependencies(connection, project_id, json.loads(dependencies)):
            if unmet.workflow_id is not None and unmet.status in ACTIVE and unmet.workflow_id not in found:
                found.add(unmet.workflow_id)
                todo.append(unmet.workflow_id)
    return found


class StartPlan:
    """Collects the workflows of one start."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        runs: Path,
        offer: TaskCatalog,
        config: Mapping[str, Any] | None,
        by: str,
        id_namespace: str = "",
    ) -> None:
        self._connection = connection
        self._runs = runs
        self._id_namespace = id_namespace
        self._offer = offer
        self._config = config
        self._by = by
        self._items: dict[tuple[str, str], BlueprintItem] = {}
        self._done: list[BlueprintItem] = []

    def add_done(self, task_ids: Sequence[str], blueprint_id: str | None) -> None:
        """Add tasks that were done outside of Penguin, except completed and active ones.

        Raises TaskNotFound or BlueprintError.
        """
        for task_id in dict.fromkeys(task_ids):
            item = self._offer.find(task_id, blueprint_id)
            if not self._dependency_is_provided(item.task.project_id, task_id):
                self._done.append(item)

    def add(self, task_ids: Sequence[str], blueprint_id: str | None, *, with_dependencies: bool) -> None:
        """Add tasks and their dependencies. Raises TaskNotFound, AlreadyActive, UnmetDependency or BlueprintError."""
        items = [self._offer.find(task_id, blueprint_id) for task_id in task_ids]
        for item in items:
            check_not_active(self._connection, item.task)
            self._items[_key(item)] = item
        for item in items:
            self._require(item, with_dependencies)
        self._refuse_circles()

    def _refuse_circles(self) -> None:
        """Raise BlueprintError for tasks of this start that depend on each other: they would wait for each other
        forever."""
        tasks = [item.task for item in self._items.values()]
        if any((task.project_id, name) in self._items for task in tasks for name in task.dependencies):
            from penguin.orchestration.blueprint.graph import TaskGraph

            TaskGraph(tasks).order()

    def _require(self, item: BlueprintItem, with_dependencies: bool) -> None:
        todo = [item]
        while todo:
            task = todo.pop().task
            for name in task.dependencies:
                if (task.project_id, name) in self._items or self._dependency_is_provided(task.project_id, name):
                    continue
                needed = self._dependency_to_start(name, task)
                if not with_dependencies:
                    raise UnmetDependency(
                        f"task {task.id} depends on {name}, which was not completed and has no active workflow",
                        f"/workflow start {item.task.id} --with-deps",
                    )
                self._items[_key(needed)] = needed
                todo.append(needed)

    def _dependency_to_start(self, name: str, task: Task) -> BlueprintItem:
        """Return a dependency to start. Raises UnmetDependency if there is no such task."""
        try:
            return self._offer.find(name)
        except TaskNotFound as error:
            message = f"task {task.id} depends on unknown task {name}"
            raise UnmetDependency(message, error.hint) from None

    def _dependency_is_provided(self, project_id: str, task_id: str) -> bool:
        found = dependency_state(self._connection, project_id, task_id)
        return found.met or found.status in ACTIVE

    def starts(self) -> list[Start]:
        """Return the starts, requested tasks first. Raises ConfigError if nothing could run one."""
        started = [self._start(item, self._offer.define(item, self._config)) for item in self._items.values()]
        done = [self._start(item, self._offer.describe(item)) for item in self._done]
        return [*started, *(replace(start, done_outside=True) for start in done)]

    def _start(self, item: BlueprintItem, definition: Definition) -> Start:
        workflow_id, number = next_id(self._connection, item.task, self._runs, self._id_namespace)
        return Start(workflow_id=workflow_id, number=number, definition=definition, by=self._by)


def _key(item: BlueprintItem) -> tuple[str, str]:
    return (item.task.project_id, item.task.id)

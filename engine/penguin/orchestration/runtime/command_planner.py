"""Plans of starts, retries and approvals, made before anything changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from penguin.orchestration.backend import AlreadyActive, WorkflowPhase
from penguin.orchestration.core.rules.retry import retry_start
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.runtime.current_user import current_user
from penguin.orchestration.runtime.definition_diff import differences
from penguin.orchestration.runtime.retry_tree import (
    check_no_active_workflow,
    checkpoint_approved_tree,
    keep_work,
    restore_tree,
    tree_of_passes,
)
from penguin.orchestration.runtime.start_plan import StartPlan, check_not_active, next_id
from penguin.orchestration.store.writer import ConcurrentUpdate
from penguin.orchestration.worktree import WorkingTree

if TYPE_CHECKING:
    import sqlite3

    from penguin.orchestration.core.commands import Start
    from penguin.orchestration.core.definition import Definition
    from penguin.orchestration.core.state import State
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.runtime.task_catalog import CatalogLoader

T = TypeVar("T")

PLANS = 5
"""Maximum number of plans of one start: after a conflict, the next plan usually sees what the other process started."""


class PlanDatabase(NamedTuple):
    """The workflows that a plan takes into account."""

    connection: sqlite3.Connection
    id_namespace: str = ""
    """See `workflow_id_of`."""


class Planner:
    """Makes the plans of one workspace. Changes no workflow; `retry` may change files."""

    def __init__(self, workspace: Workspace, backlog: CatalogLoader) -> None:
        self._workspace = workspace
        self._backlog = backlog

    def start(self, database: PlanDatabase, config: Mapping[str, Any] | None, by: str) -> StartPlan:
        """Return an empty plan over the current blueprints. `by`: who starts; default: the user of this process."""
        return StartPlan(
            database.connection,
            self._workspace.runs,
            self._backlog.load(),
            config,
            by or current_user(),
            database.id_namespace,
        )

    async def retry(
        self, database: PlanDatabase, old: State, start_from: WorkflowPhase | None, *, restore: bool
    ) -> Start:
        """Return the start of the workflow that retries `old`, and restore the files that it continues from if asked
        to.

        Raises AlreadyActive, IllegalCommand, TaskNotFound, ConfigError, or WorkflowError if files can't be brought back
        without loss.
        """
        if old.is_final:
            check_not_active(database.connection, old.definition.task)
        definition = self._definition_now(old)
        new_id, number = next_id(database.connection, definition.task, self._workspace.runs, database.id_namespace)
        in_tree = old.definition.isolation == TREE
        start = retry_start(
            old,
            workflow_id=new_id,
            number=number,
            definition=definition,
            tree=tree_of_passes(old) if restore else await self._current_digest(old),
            start_from=start_from,
            by=current_user(),
        )
        if in_tree:
            if restore:
                keep_work(self._workspace, old, new_id)
            return start
        if restore:
            check_no_active_workflow(database.connection)
            await asyncio.to_thread(restore_tree, self._workspace.root, self._workspace.runs, old, start.passes)
        if start.passes:
            self._tree_of(new_id).inherit(self._workspace.runs / old.workflow_id)
            if restore:
                await asyncio.to_thread(self._tree_of(new_id).adopt, tree_of_passes(old))
        return start

    def differences(self, old: State) -> list[str]:
        """Return how the definition that a retry would use differs from that of `old`, a line each."""
        return differences(old.definition, self._definition_now(old))

    async def approved_tree(self, state: State) -> tuple[str, tuple[str, ...]]:
        """Return the digest of the tree that a person approves now, and the files changed since TEST passed."""
        if state.definition.isolation == TREE:
            # The gate ran on a commit. Later changes of the work are tested when the workflow continues.
            return state.tree, ()
        tested = state.pass_of(WorkflowPhase.TEST)
        tree = self._tree_of(state.workflow_id)
        digest = await asyncio.to_thread(tree.digest)
        await asyncio.to_thread(checkpoint_approved_tree, self._workspace.root, self._workspace.runs, state, digest)
        return digest, tree.changed(tested.tree if tested else "", digest)

    async def _current_digest(self, old: State) -> str:
        """Return the digest of the tree that a retry without `--restore` starts with; '' for a new clone."""
        if old.definition.isolation == TREE:
            return ""
        return await asyncio.to_thread(self._tree_of(old.workflow_id).digest)

    def _tree_of(self, workflow_id: str) -> WorkingTree:
        return WorkingTree(self._workspace.root, self._workspace.runs / workflow_id)

    def _definition_now(self, old: State) -> Definition:
        task = old.definition.task
        offer = self._backlog.load()
        return offer.define(offer.find(task.id, task.blueprint_id), None)


async def replanned(attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the result of `attempt`, which plans and starts. Call it again after a conflict with another process.

    Raises what the last call raises.
    """
    for _ in range(PLANS - 1):
        try:
            # The caller may be cancelled while the start is being stored; the start is not.
            return await asyncio.shield(_task(attempt()))
        except (ConcurrentUpdate, AlreadyActive) as error:
            # An error with a hint comes from the plan: the next plan would fail as well.
            if isinstance(error, AlreadyActive) and error.hint:
                raise
    return await attempt()


def _task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    try:
        return asyncio.ensure_future(work)
    except BaseException:
        # There was no memory for the task. Python would warn that nothing awaited the coroutine.
        work.close()
        raise

"""Pruning: deletes workflows that ended long ago, and leftovers of crashes.

For each workflow, conversations go first, then its rows, its checkpoints, and last its run folder. After a crash in
between, the next run deletes the rest: either the workflow is still listed, or its folder has no workflow, which
`penguin check` reports too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.engine_socket import refuse_steps_of_workspace
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.runtime.workspace_trust import open_workspace
from penguin.orchestration.store.maintenance.crash_leftovers import (
    Leftover,
    ReferencedFiles,
    leftovers,
    old_copies,
    remove,
    size_of,
)
from penguin.orchestration.store.maintenance.loss_messages import refuse_loss
from penguin.orchestration.store.maintenance.workflow_deletion import PrunableWorkflow, StorePruner
from penguin.orchestration.store.workspace_databases import workspace_databases
from penguin.orchestration.worktree.checkpoints import drop_checkpoints
from penguin.orchestration.worktree.git import GitError
from penguin.orchestration.worktree.trees.tree_folder import recorded_tree

PRUNE = "prune workflows"
BATCH = 100
"""Workflows deleted in one transaction. It limits how long an engine waits to write."""


class PruneReport(NamedTuple):
    """What was deleted, or would be."""

    workflows: tuple[PrunableWorkflow, ...]
    leftovers: tuple[Leftover, ...]
    not_removed: tuple[Leftover, ...] = ()
    """What could not be removed, and why."""


async def prune_outside_steps(workspace: Workspace, age: float, *, dry_run: bool = False) -> PruneReport:
    """Prune in a thread, after every living engine has confirmed that this process is not inside a step. See
    `prune`."""
    await refuse_steps_of_workspace(workspace, PRUNE)
    return await asyncio.to_thread(prune, workspace, age, dry_run=dry_run)


def prune(workspace: Workspace, age: float, *, dry_run: bool = False) -> PruneReport:
    """Delete the workflows that ended, and the copies of the database that were saved, more than `age` seconds ago.

    Also removes what nothing needs.

    This applies to both backends, but data on a server stays until its retention period ends. Active workflows are
    kept, and so is the newest COMPLETED workflow of each task. With `dry_run`, nothing is changed. Raises StoreError if
    a database can't be used, or if workflows were lost, whose folders would be removed. What was deleted before an
    error stays deleted.
    """
    refuse_inside_step(workspace.root, PRUNE)
    refuse_loss(workspace)
    if not any(database.db.exists() for database in workspace_databases(workspace)):
        return PruneReport((), ())
    open_workspace(workspace)
    now = time.time()
    with ExitStack() as opened:
        stores = [StorePruner(database, opened) for database in workspace_databases(workspace) if database.db.exists()]
        needed = ReferencedFiles(workspace)
        for store in stores:
            store.survey(needed, now - age)
        pruning = _Pruning(workspace, needed, dry_run)
        # Leftovers first: on a full disk, deleting rows may need that space.
        left = (*leftovers(workspace, needed, now), *old_copies(workspace.db, now - age))
        pruning.clear([entry.path for entry in left])
        pruned = [entry for store in stores for entry in pruning.forget(store, stores[0])]
    stuck = {entry.path for entry in pruning.stuck}
    return PruneReport(tuple(pruned), tuple(entry for entry in left if entry.path not in stuck), tuple(pruning.stuck))


class _Pruning:
    """One run of pruning, over all databases."""

    def __init__(self, workspace: Workspace, needed: ReferencedFiles, dry_run: bool) -> None:
        self._workspace = workspace
        self._known = needed.workflows
        self._dry_run = dry_run
        self.stuck: list[Leftover] = []

    def forget(self, store: StorePruner, first: StorePruner) -> Iterator[PrunableWorkflow]:
        """Delete the old workflows of a database and their folders. Yield what was deleted.

        The first database holds the conversations of agents, whichever backend ran them.
        """
        for start in range(0, len(store.old), BATCH):
            batch = tuple(self._sized(store.old[start : start + BATCH]))
            if not self._dry_run:
                # Ids are short, so two databases may share one: its folder may belong to the other's workflow.
                first.forget_conversations(
                    workflow.workflow_id for workflow in batch if self._known[workflow.workflow_id] == 1
                )
                store.forget(batch)
            for workflow in batch:
                self._known[workflow.workflow_id] -= 1
            runs = self._workspace.runs
            self.clear([runs / workflow.workflow_id for workflow in batch if not self._known[workflow.workflow_id]])
            yield from batch

    def clear(self, paths: Sequence[Path]) -> None:
        """Remove files and folders."""
        if not self._dry_run:
            self.stuck += _clear(self._workspace, paths)

    def _sized(self, old: Iterable[PrunableWorkflow]) -> Iterator[PrunableWorkflow]:
        for workflow in old:
            shared = self._known[workflow.workflow_id] > 1
            yield workflow if shared else workflow._replace(bytes=size_of(self._workspace.runs / workflow.workflow_id))


def _clear(workspace: Workspace, paths: Sequence[Path]) -> list[Leftover]:
    """Remove files and folders, and the git refs of workflows. Return what could not be removed."""
    folders = [path for path in paths if path.parent == workspace.runs]
    trouble = _drop(workspace, folders) or _remove_trees(folders)
    # The folder tells the next run that refs are still to be dropped.
    stuck = [Leftover(folder, trouble) for folder in folders if trouble]
    others = [path for path in paths if not (trouble and path in folders)]
    return [*stuck, *(Leftover(path, why) for path in others if (why := remove(path)))]


def _remove_trees(folders: Sequence[Path]) -> str:
    """Remove the private clones of workflows. Return why that failed, or ''."""
    try:
        for folder in folders:
            if (tree := recorded_tree(folder)) is not None:
                tree.remove()
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return ""


def _drop(workspace: Workspace, folders: Sequence[Path]) -> str:
    """Drop the checkpoints of workflows. Return why that failed, or ''."""
    try:
        if folders:
            drop_checkpoints(workspace.root, *(folder.name for folder in folders))
    except GitError as error:
        return error.message
    return ""

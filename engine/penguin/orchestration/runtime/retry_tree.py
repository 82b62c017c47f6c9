"""Restoration of files: the tree that a retry continues from."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from penguin.orchestration.backend import IllegalCommand, WorkflowError
from penguin.orchestration.core.events import Pass
from penguin.orchestration.core.state import State
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.worktree import GitError, NoRepository
from penguin.orchestration.worktree.checkpoints import START, Checkpoint, Checkpoints, try_save
from penguin.orchestration.worktree.restore import RestoreError, TreeRestore
from penguin.orchestration.worktree.trees.workflow_tree import RESTORED


def tree_of_passes(old: State) -> str:
    """Return the digest that the passes of a workflow share, from the first of them on; '' if there is none."""
    return old.passes[0].tree if old.passes else ""


def restore_tree(workspace: Path, runs: Path, old: State, passes: Sequence[Pass]) -> None:
    """Restore the files of the last of `passes`; without passes, those that `old` began with.

    Raises NotRestored if something would be lost. Blocks while git runs.
    """
    checkpoints = Checkpoints(workspace, runs / old.workflow_id, old.definition.checkpoint_exclude)
    try:
        target = _target(checkpoints, old.workflow_id, passes)
        if target.digest:
            _require_tree(checkpoints, target)
        TreeRestore(checkpoints).restore(target, old.attempt)
    except NoRepository as error:
        raise WorkflowError(
            f"--restore needs a git repository: {error.message}", f"/workflow retry {old.workflow_id}"
        ) from error


def keep_work(workspace: Workspace, old: State, new_id: str) -> None:
    """Record the work with which the private clone of a retry starts: that of the passes that are kept.

    Raises RestoreError if git no longer has it.
    """
    commit = old.landing.commit if old.landing is not None else old.checkpoint
    checkpoints = Checkpoints(workspace.root, workspace.runs / old.workflow_id, old.definition.checkpoint_exclude)
    if not commit or not checkpoints.repository.has(commit):
        hint = f"/workflow retry {old.workflow_id}"
        raise RestoreError(f"no commit of the work of {old.workflow_id} is kept", hint)
    folder = workspace.runs / new_id
    make_private_folder(folder)
    write_private(folder / RESTORED, f"{commit} {old.workflow_id}\n".encode())


def checkpoint_approved_tree(workspace: Path, runs: Path, state: State, digest: str) -> None:
    """Keep the tree that a person is about to approve: it may differ from the one that the attempt left."""
    checkpoints = Checkpoints(workspace, runs / state.workflow_id, state.definition.checkpoint_exclude)
    if state.unverified and checkpoints.has_any:
        try_save(checkpoints, f"{state.attempt}-{state.phase.lower()}-approved", digest)


def check_no_active_workflow(connection: sqlite3.Connection) -> None:
    """Raise IllegalCommand while a workflow uses the files."""
    row = connection.execute("SELECT workflow_id FROM run WHERE slot = 1 ORDER BY workflow_id LIMIT 1").fetchone()
    if row is not None:
        raise IllegalCommand(f"can't restore files while {row[0]} uses them", f"/workflow pause {row[0]} --now")


def _target(checkpoints: Checkpoints, workflow_id: str, passes: Sequence[Pass]) -> Checkpoint:
    kept = checkpoints.all()
    if not passes:
        found = [checkpoint for checkpoint in kept if checkpoint.name == START]
    else:
        held = passes[-1]
        same = [checkpoint for checkpoint in kept if checkpoint.digest == held.tree]
        # Passes kept by a retry were given in another workflow: there, its start holds their tree.
        found = [checkpoint for checkpoint in same if checkpoint.phase is held.phase] or same
    if not found:
        what = f"the tree on which {passes[-1].phase} passed" if passes else "the tree that it began with"
        raise RestoreError(f"no checkpoint of {workflow_id} holds {what}", f"/workflow retry {workflow_id}")
    return found[-1]


def _require_tree(checkpoints: Checkpoints, target: Checkpoint) -> None:
    try:
        checkpoints.repository.run("cat-file", "-e", f"{target.digest}^{{tree}}")
    except NoRepository:
        raise
    except GitError as error:
        raise RestoreError(
            f"git no longer has the tree that was tested at {target.name}", "git gc removes unused trees"
        ) from error

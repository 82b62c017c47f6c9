"""The tree of one workflow: its private clone, the commits of its work, and the conflicts of its landing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import read_key
from penguin.orchestration.worktree.checkpoints import START, commit_tree
from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.trees.private_clone import PrivateClone
from penguin.orchestration.worktree.trees.tree_folder import TreeFolder, WorkspaceTrees
from penguin.orchestration.worktree.trees.users_repository import UsersRepository
from penguin.orchestration.worktree.trees.work_commit import WorkCommit

CONFLICT = "conflict"
"""The name of the ref that keeps the merged files with conflict markers."""
RESTORED = "restored-work"
"""The file in a workflow's folder with the commit from which a retry continues, and the workflow that made it."""
_MERGE = "merge.json"
"""Describes the last merge with conflicts."""
_MARKER = b"<<<<<<< "


class SavedWork(NamedTuple):
    """A commit of the work."""

    commit: str
    tree: str
    left_out: tuple[str, ...] = ()
    """Files that are not ignored and not in it; at most MAX_NAMED."""


class ConflictedMerge(NamedTuple):
    """A merge of the work into the target branch that had conflicts."""

    tip: str
    """The commit of the target branch."""
    files: tuple[str, ...]
    """The files with conflict markers, relative to the clone."""


class WorkflowTree:
    """The tree of a workflow. Methods block while git runs. Raises WorkflowError and OSError."""

    def __init__(self, workspace: Path, workflow_id: str, task_id: str, path: str) -> None:
        """`path` is the folder of all trees; empty: the default."""
        self.users = UsersRepository(workspace)
        state = Workspace(workspace).state
        trees = WorkspaceTrees(read_key(str(state)), Path(path).expanduser() if path else None)
        self.folder: TreeFolder = trees.make(workflow_id, self.users.top)
        self.clone = PrivateClone(self.users, self.folder, task_id)

    @property
    def start(self) -> str:
        """The commit of the target branch that the work contains."""
        return self.users.commit_of(f"{self.users.refs(self.folder.workflow_id)}{START}")

    def make(self, base: str, restored: Path, *, own_objects: bool) -> None:
        """Make the clone, unless it exists. Can be repeated after a crash.

        Args:
            base: The commit to start from.
            restored: A file that names a commit of another workflow's work to continue from; it may not exist.
            own_objects: See `PrivateClone.make`.
        """
        workflow_id = self.folder.workflow_id
        commit, _, other = restored.read_text("ascii").strip().partition(" ") if restored.exists() else ("", "", "")
        if not commit:
            self.clone.make(base, own_objects=own_objects)
            self.users.keep(workflow_id, START, self.clone.base)
            return
        start = self.users.commit_of(f"{self.users.refs(other)}{START}")
        self.clone.make(start, own_objects=own_objects)
        self.clone.rebase(self.users.commit_of(commit))
        self.users.keep(workflow_id, START, start)

    @property
    def is_made(self) -> bool:
        """Whether the clone is complete."""
        refs = self.users.refs(self.folder.workflow_id)
        return self.clone.exists and bool(self.users.repository.run("for-each-ref", f"{refs}{START}"))

    def save(self, name: str, exclude: Sequence[str]) -> SavedWork:
        """Save the work as a commit, `refs/penguin/<workflow>/<name>`."""
        message = f"{self.folder.workflow_id}: {name}"
        made = WorkCommit(self.clone, exclude).save(name, message, (self.start,))
        return SavedWork(made.commit, made.tree, made.left_out[:MAX_NAMED])

    def begin_merge(self, tip: str, work: str, tree: str, files: Sequence[str]) -> None:
        """Replace the work by its merge with the target branch, with conflict markers. Can be repeated after a crash.

        Args:
            tip: The commit of the target branch.
            work: The commit of the work.
            tree: The merged tree.
            files: The files with conflicts.
        """
        merged = commit_tree(self.users.repository, tree, (tip, work), "merge with conflicts")
        self.users.keep(self.folder.workflow_id, CONFLICT, merged)
        write_private(self.folder.path / _MERGE, msgspec.json.encode(ConflictedMerge(tip, tuple(files))))
        self.clone.rebase(merged)
        self.users.keep(self.folder.workflow_id, START, tip)

    def conflicted_files(self) -> list[str]:
        """Return the files of the last merge that still have conflict markers; at most MAX_NAMED."""
        try:
            merge = msgspec.json.decode((self.folder.path / _MERGE).read_bytes(), type=ConflictedMerge)
        except FileNotFoundError:
            return []
        return [name for name in merge.files if _has_marker(self.folder.work / name)][:MAX_NAMED]

    def edit_hint(self) -> str:
        """Return what a person does about conflicts."""
        return f"edit them in {self.folder.work}, then /workflow resume {self.folder.workflow_id}"


def _has_marker(path: Path) -> bool:
    try:
        return path.is_file() and any(line.startswith(_MARKER) for line in path.read_bytes().split(b"\n"))
    except OSError:
        return False

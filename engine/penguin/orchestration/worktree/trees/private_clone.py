"""The clone `work`: the files of the base on a branch of their own, with a `.git` that nobody else uses.

It is made beside its place and renamed, so that it is there whole or not at all. The base is kept alive first, so that
no garbage collection in the user's repository can remove its objects.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.permissions import write_private
from penguin.orchestration.worktree.git import display_path
from penguin.orchestration.worktree.trees.clone_files import CloneFiles, Place
from penguin.orchestration.worktree.trees.clone_git import CloneGit, branch_name
from penguin.orchestration.worktree.trees.content_filters import ContentFilters
from penguin.orchestration.worktree.trees.folder_removal import remove_path
from penguin.orchestration.worktree.trees.set_up_record import load_record
from penguin.orchestration.worktree.trees.tree_folder import TreeFolder
from penguin.orchestration.worktree.trees.users_repository import BASE, UsersRepository

WORK_INDEX = "work.index"
"""The index of the files that were checked out. It is never written again: commits start from a copy."""
FILTERS = "filters.json"
_BASE_FILE = "base"
"""Holds the base commit of a tree that was begun."""


@dataclass(frozen=True, slots=True)
class NewClone:
    """A clone that is ready."""

    base: str
    branch: str
    missing_submodules: tuple[str, ...] = ()
    """Submodules that are empty: the user's repository has no copy of them."""


class PrivateClone:
    """The clone in which a workflow works. Methods block while git runs. Raises GitError, OSError, WorkflowError."""

    def __init__(self, users: UsersRepository, tree: TreeFolder, task_id: str) -> None:
        self.users = users
        self.tree = tree
        self.branch = branch_name(task_id)

    @cached_property
    def workspace(self) -> Path:
        """Return the folder of the workspace in the clone."""
        return self.tree.work / self.users.prefix

    @cached_property
    def filters(self) -> ContentFilters:
        """Return the filters that the user defined when the tree was made."""
        return ContentFilters.load(self.tree.path / FILTERS)

    @property
    def base(self) -> str:
        """Return the commit from which the clone was made; '' if it was not begun."""
        try:
            return (self.tree.path / _BASE_FILE).read_text("ascii").strip()
        except FileNotFoundError:
            return ""

    @property
    def exists(self) -> bool:
        """Return whether the clone was made."""
        return bool(self.base) and self.tree.work.is_dir() and not self.tree.work.is_symlink()

    def base_files(self, top: Path | None = None) -> CloneFiles:
        """Return the files of the base, in the clone or below another folder."""
        place = Place(top or self.tree.work, self.tree.path / WORK_INDEX, self.filters, self.users.prefix)
        return CloneFiles(self.users.git_dir, place, self.base)

    def make(self, base: str = "HEAD", *, own_objects: bool = False) -> NewClone:
        """Make the clone, unless it exists. What an interrupted call left is removed, and made again.

        Args:
            base: The commit to start from. If the clone was begun before, it keeps its base.
            own_objects: Copy the objects of the base; no others of the user's repository are then visible.

        Raises:
            NoCommit, BareRepository, NoRepository: There is nothing to start from.
            UnknownFilter, FilterFailed: The contents of files can't be written as the user sees them.
        """
        if not self.base:
            self._begin(self.users.commit_of(base))
        if not self.exists:
            self._write(own_objects)
        missing = self.base_files().missing_submodules()
        return NewClone(self.base, self.branch, tuple(map(display_path, missing)))

    def rebase(self, commit: str) -> None:
        """Replace the work by the files of a commit, which is the base from now on. Can be repeated after a crash.

        What set-up brought stays. Raises UnknownFilter and FilterFailed.
        """
        self._record_base(commit)
        files = self.base_files()
        files.check_out(load_record(self.tree.work).outermost)
        write_git_folders(files, self.branch)

    def _begin(self, base: str) -> None:
        self.users.keep(self.tree.workflow_id, BASE, base)
        reach("tree.kept")
        ContentFilters.defined_in(self.users.git_dir).save(self.tree.path / FILTERS)
        reach("tree.filters")
        self._record_base(base)

    def _record_base(self, base: str) -> None:
        self.users.keep(self.tree.workflow_id, BASE, base)
        partial = self.tree.path / f"{_BASE_FILE}.new"
        write_private(partial, f"{base}\n".encode())
        partial.rename(self.tree.path / _BASE_FILE)
        reach("tree.begun")

    def _write(self, own_objects: bool) -> None:
        new = self.tree.path / "work.new"
        for lock in self.tree.path.glob(f"{WORK_INDEX}*.held"):
            wait_for_lock(lock)
        remove_path(new)
        # The base may have been kept for a tree that was deleted by hand since.
        self.users.keep(self.tree.workflow_id, BASE, self.base)
        new.mkdir(mode=0o700)
        reach("tree.folder")
        files = self.base_files(new)
        files.check_out()
        reach("tree.files")
        write_git_folders(files, self.branch, own_objects=own_objects)
        reach("tree.git")
        _refuse_existing(self.tree.work)
        new.rename(self.tree.work)
        reach("tree.renamed")


def write_git_folders(files: CloneFiles, branch: str, *, own_objects: bool = False) -> None:
    """Make the `.git` of a clone, and of its submodules, for the files that are checked out."""
    for part in files.all():
        remove_path(part.place.top / ".git")
        git = CloneGit(part.git_dir, part.place.filters.settings(part.git_dir), own_objects=own_objects)
        git.make(part.place.top, branch, part.commit, part.place.index_file)


def wait_for_lock(path: Path) -> None:
    """Wait for a git that has outlived a killed Penguin: it has inherited the lock of its index."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise WorkflowError(
            f"{path} is in the way: it is not a clone that Penguin made", f"move it away: mv {path} ..."
        )

"""The clone `check`, in which TEST, USE and VERIFY run: a clean checkout of one commit.

It has no file in common with `work`, and its `.git` is made anew each time, so nothing that ran in either of them can
change what the next gate sees.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import display_path
from penguin.orchestration.worktree.trees.clone_changes import changed_files
from penguin.orchestration.worktree.trees.clone_files import CloneFiles, Place
from penguin.orchestration.worktree.trees.folder_removal import remove_path
from penguin.orchestration.worktree.trees.private_clone import PrivateClone, write_git_folders
from penguin.orchestration.worktree.trees.set_up_record import forget_record, load_record
from penguin.orchestration.worktree.trees.tree_folder import check_clone_folder

CHECK_INDEX = "check.index"


class CheckClone:
    """The clean clone of a workflow, at a commit. Methods block while git runs. Raises GitError and OSError."""

    def __init__(self, clone: PrivateClone, commit: str) -> None:
        self._clone = clone
        self.commit = commit
        self.path = clone.tree.check

    @cached_property
    def files(self) -> CloneFiles:
        """Return its files."""
        users = self._clone.users
        place = Place(self.path, self._clone.tree.path / CHECK_INDEX, self._clone.filters, users.prefix)
        return CloneFiles(users.git_dir, place, self.commit)

    @property
    def workspace(self) -> Path:
        """Return the folder of the workspace in the clone."""
        return self.path / self._clone.users.prefix

    def clean(self) -> None:
        """Make the clone a clean checkout of the commit. Call this before each gate.

        Only files that differ are written. What set-up brought stays; all else that is not in the commit is removed.
        Whatever state a gate or an interrupted call left is mended. Raises UnknownFilter and FilterFailed.
        """
        if self.path.is_symlink() or not self.path.is_dir():
            remove_path(self.path)
            forget_record(self.path)
            self.path.mkdir(mode=0o700)
        check_clone_folder(self.path)
        reach("check.folder")
        self.files.check_out(load_record(self.path).outermost)
        reach("check.files")
        write_git_folders(self.files, self._clone.branch)
        reach("check.git")

    def changed_files(self) -> tuple[str, ...]:
        """Return the files of the commit that changed since `clean`, and the changed submodules, with a slash."""
        return tuple(map(display_path, changed_files(self.files)))

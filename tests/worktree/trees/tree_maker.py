"""A tree of a repository, and what must not change by it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.support.git_repository import git

from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.worktree.trees.check_clone import CheckClone
from penguin.orchestration.worktree.trees.private_clone import PrivateClone
from penguin.orchestration.worktree.trees.tree_folder import WorkspaceTrees
from penguin.orchestration.worktree.trees.users_repository import UsersRepository
from penguin.orchestration.worktree.trees.work_commit import NewCommit, WorkCommit

KEY = "0123456789abcdef" * 2
WORKFLOW = "ituv-a-000001"


class TreeMaker:
    """The tree of one workflow."""

    def __init__(self, workspace: Path, trees: Path, workflow_id: str = WORKFLOW) -> None:
        self.workspace = workspace
        users = UsersRepository(workspace)
        self.trees = WorkspaceTrees(KEY, trees)
        self.folder = self.trees.make(workflow_id, users.top)
        self.clone = PrivateClone(users, self.folder, "a")
        self.work = self.folder.work

    def save(self, name: str = "1-implement", exclude: tuple[str, ...] = CHECKPOINT_EXCLUDE) -> NewCommit:
        """Commit the work."""
        return WorkCommit(self.clone, exclude).save(name, f"work {name}")

    def check(self, commit: str) -> CheckClone:
        """Return the check clone, clean at a commit."""
        check = CheckClone(self.clone, commit)
        check.clean()
        return check


def make_tree(workspace: Path, trees: Path) -> TreeMaker:
    """Make a tree with its clone."""
    maker = TreeMaker(workspace, trees)
    maker.clone.make()
    return maker


def files_of(repository: Path, commit: str) -> list[str]:
    """Return the files of a commit."""
    return git(repository, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]


def fingerprint(top: Path, *, without_objects: bool = True) -> dict[str, tuple[int, str]]:
    """Return the mode and the digest of every file below a folder, but not what Penguin may add to a repository."""
    found = {}
    for folder, names, files in os.walk(top):
        if without_objects and folder.endswith(".git"):
            names[:] = [name for name in names if name != "objects"]
        if folder.endswith(".git/refs"):
            names[:] = [name for name in names if name != "penguin"]
        for name in (*names, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            content = os.fspath(path.readlink()) if path.is_symlink() else "" if path.is_dir() else _digest(path)
            found[os.fspath(path.relative_to(top))] = (mode, content)
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

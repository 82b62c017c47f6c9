"""The working tree of one workflow, with its checkpoints."""

from __future__ import annotations

from pathlib import Path

from tests.support.git_repository import git

from penguin.orchestration.worktree import WorkingTree
from penguin.orchestration.worktree.checkpoints import Checkpoints, NewCheckpoint


class Workflow:
    """The tree and the checkpoints of one workflow."""

    def __init__(self, workspace: Path, folder: Path, exclude: tuple[str, ...] = (".env*", "*.key")) -> None:
        self.workspace = workspace
        self.folder = folder
        self.tree = WorkingTree(workspace, folder, exclude)
        self.checkpoints = Checkpoints(workspace, folder, exclude)

    def begin(self) -> None:
        self.checkpoints.save_start(self.tree.digest())

    def keep(self, name: str) -> NewCheckpoint:
        return self.checkpoints.save(name, self.tree.digest())

    def files(self, name: str) -> list[str]:
        """Return the files of a checkpoint."""
        ref = f"{self.checkpoints.refs}{name}"
        return git(self.workspace, "ls-tree", "-r", "-z", "--name-only", ref).split("\0")[:-1]

    def names(self) -> list[str]:
        return [checkpoint.name for checkpoint in self.checkpoints.all()]

"""A repository to work in, and git as a user runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from penguin.orchestration.worktree import Tree
from penguin.orchestration.worktree.checkpoints import Checkpoints, Kept


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env=environment)
    return done.stdout.decode("utf-8", "surrogateescape")


def make_repository(folder: Path) -> Path:
    """One with a tracked file, a tracked folder and a rule of what is ignored."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "code.py").write_text("print(1)\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "util.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


class Workflow:
    """The tree and the checkpoints of one workflow."""

    def __init__(self, workspace: Path, folder: Path, exclude: tuple[str, ...] = (".env*", "*.key")) -> None:
        self.workspace = workspace
        self.folder = folder
        self.tree = Tree(workspace, folder, exclude)
        self.checkpoints = Checkpoints(workspace, folder, exclude)

    def begin(self) -> None:
        self.checkpoints.begin(self.tree.now())

    def keep(self, name: str) -> Kept:
        return self.checkpoints.keep(name, self.tree.now())

    def files(self, name: str) -> list[str]:
        """What a checkpoint holds."""
        ref = f"{self.checkpoints.refs}{name}"
        return git(self.workspace, "ls-tree", "-r", "-z", "--name-only", ref).split("\0")[:-1]

    def names(self) -> list[str]:
        return [checkpoint.name for checkpoint in self.checkpoints.all()]

"""Clones of a bare repository, and workflows that move between them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.support.git_repository import git, make_repository

from penguin.orchestration.worktree import WorkingTree
from penguin.orchestration.worktree.checkpoints import Checkpoints, NewCheckpoint
from penguin.orchestration.worktree.sync.sync import TreeSync

EXCLUDE = (".env*", "*.key")
WORKFLOW = "ituv-a-000001"
NEXT = "ituv-b-000001"


class Clone:
    """A working tree on one machine: a workspace, its runs, and its remote."""

    def __init__(self, top: Path, runs: Path, inside: str = "") -> None:
        self.top = top
        self.workspace = top / inside
        self.runs = runs
        self.sharing = TreeSync(self.workspace, runs, "shared")

    def tree(self, workflow_id: str = WORKFLOW) -> WorkingTree:
        return WorkingTree(self.workspace, self.runs / workflow_id, EXCLUDE)

    def checkpoints(self, workflow_id: str = WORKFLOW) -> Checkpoints:
        return Checkpoints(self.workspace, self.runs / workflow_id, EXCLUDE)

    def names(self, workflow_id: str = WORKFLOW) -> list[str]:
        return [checkpoint.name for checkpoint in self.checkpoints(workflow_id).all()]

    def bring(self, attempt: int = 0, *after: str, workflow_id: str = WORKFLOW, passed: str = "") -> None:
        self.sharing.bring(workflow_id, attempt, after, EXCLUDE, passed=passed)

    def attempt(
        self,
        number: int,
        work: Callable[[Path], object] = lambda _: None,
        *,
        workflow_id: str = WORKFLOW,
        phase: str = "implement",
        push: bool = True,
    ) -> str:
        """Do what a worker does around an attempt; return the digest of the tree at its end."""
        tree, checkpoints = self.tree(workflow_id), self.checkpoints(workflow_id)
        if not checkpoints.lineage.shared:
            checkpoints.lineage.note(number - 1)
        if not checkpoints.has_start:
            checkpoints.save_start(tree.digest())
        tree.before_implement(number)
        work(self.workspace)
        digest = tree.after_implement(number) if phase == "implement" else tree.digest()
        kept: NewCheckpoint = checkpoints.save(f"{number}-{phase}", digest)
        assert kept.commit
        checkpoints.lineage.note(number)
        if push:
            self.sharing.push(workflow_id)
        return digest

    def write(self, name: str, text: str) -> None:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.workspace / name).read_text()

    def traces(self) -> tuple[str, bytes, str, str]:
        """Return the user's branch, index, stash and other refs, which must not change."""
        refs = git(
            self.top, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags", "refs/remotes"
        )
        index = (self.top / ".git" / "index").read_bytes()
        return git(self.top, "rev-parse", "--abbrev-ref", "HEAD"), index, git(self.top, "stash", "list"), refs


def writing(**files: str) -> Callable[[Path], None]:
    """Work that writes files; `__` in a name is a dot."""

    def work(workspace: Path) -> None:
        for name, text in files.items():
            (workspace / name.replace("__", ".")).write_text(text)

    return work


def make_clones(folder: Path, inside: str = "") -> tuple[Clone, Clone, Path]:
    """Two clones, and the bare repository that both know as `shared`."""
    origin = make_repository(folder / "origin")
    bare = folder / "bare.git"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    clones = []
    for name in ("one", "two"):
        git(folder, "clone", "-q", os.fspath(origin), name)
        git(folder / name, "remote", "add", "shared", os.fspath(bare))
        clones.append(Clone(folder / name, folder / f"{name}-runs", inside))
    return clones[0], clones[1], bare


def pushed(bare: Path) -> list[str]:
    """Return the refs of a bare repository."""
    return git(bare, "for-each-ref", "--format=%(refname)").split()

"""What is already in a working tree that is shared over a git remote, as git's ancestry tells it.

The newest commit that was made of the tree or brought into it is kept under a ref of this working tree alone; each
checkpoint goes on from it. So whatever it descends from is here, and merges find what both sides began with.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.worktree.git import GitError, Repository

HERE = "checkpoint.here"
"""Holds the number of the last attempt whose work is in this tree; only where the tree is shared."""


class TreeAncestry:
    """The descent of a working tree. `folder` is that of one of its workflows. Blocks; raises GitTrouble."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository = repository
        self._folder = folder

    @property
    def shared(self) -> bool:
        """Whether the tree was shared when the workflow was last here."""
        return (self._folder / HERE).exists()

    def here(self) -> int | None:
        """The last attempt of the workflow whose work is in this tree; None where that was never noted."""
        try:
            return int((self._folder / HERE).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def note(self, attempt: int) -> None:
        """Say that the work of the workflow's attempts up to this one is in this tree. Raises OSError."""
        make_private_folder(self._folder)
        write_private(self._folder / HERE, f"{attempt}\n".encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the other workflows of this tree from going on from the same commit. Not to be nested."""
        make_private_folder(self._folder.parent)
        lock = os.open(self._folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @cached_property
    def _ref(self) -> str:
        # Workspaces in several folders of one working tree bring their own files only.
        inside = os.fsencode(self._repository.prefix)
        return f"refs/worktree/penguin{'-' + hashlib.sha256(inside).hexdigest()[:12] if inside else ''}"

    def _heads(self) -> list[str]:
        """What this tree descends from: the newest commit of it, and the one that is checked out."""
        names = (f"{self._ref}^{{commit}}", "HEAD^{commit}")
        found = (self._repository.run("rev-parse", "-q", "--verify", name, fine=(0, 1)) for name in names)
        return [commit for output in found if (commit := output.decode().strip())]

    def parents(self, previous: str = "") -> list[str]:
        """What a commit of the tree as it is now goes on from. `previous` is one it follows in any case."""
        return self._independent([previous, *self._heads()] if previous else self._heads())

    def lacking(self, commits: Iterable[str]) -> list[str]:
        """Those of the commits that are not in this tree, without those that others of them hold, in their order."""
        heads, wanted = self._heads(), list(dict.fromkeys(commits))
        independent = {*self._independent([*heads, *wanted])} - {*heads}
        return [commit for commit in wanted if commit in independent]

    def holds(self, commit: str) -> bool:
        """Whether what a commit holds is in this tree."""
        with suppress(GitError):  # a commit that git does not have is not here either
            return not self.lacking([commit])
        return False

    def _independent(self, commits: Sequence[str]) -> list[str]:
        distinct = list(dict.fromkeys(commits))
        if len(distinct) < 2:
            return distinct
        return self._repository.run("merge-base", "--independent", *distinct).decode().split()

    def move(self, commit: str) -> None:
        """Say that this commit is the tree as it is now."""
        self._repository.run("update-ref", self._ref, commit)

"""The ancestry of a shared working tree: which work of other hosts it already contains.

A private ref of this working tree holds the newest commit made from it or merged into it, and each checkpoint descends
from that. So everything that it descends from is here, and merges find their common base.
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
"""Holds the number of the last attempt whose work is in this tree. It exists only if the tree is shared."""


class TreeAncestry:
    """The ancestry of a working tree. `folder` is that of one of its workflows. Methods block. Raises GitError."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository = repository
        self._folder = folder

    @property
    def shared(self) -> bool:
        """Return whether the tree was shared when the workflow last ran here."""
        return (self._folder / HERE).exists()

    def here(self) -> int | None:
        """Return the last attempt of the workflow whose work is in this tree; None if it was not recorded."""
        try:
            return int((self._folder / HERE).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def note(self, attempt: int) -> None:
        """Record that the work of the workflow's attempts up to this one is in this tree. Raises OSError."""
        make_private_folder(self._folder)
        write_private(self._folder / HERE, f"{attempt}\n".encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the ancestry, so that no other workflow of this tree continues from the same commit. Not reentrant."""
        make_private_folder(self._folder.parent)
        lock = os.open(self._folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @cached_property
    def _ref(self) -> str:
        # Workspaces in several folders of one working tree merge their own files only.
        inside = os.fsencode(self._repository.prefix)
        return f"refs/worktree/penguin{'-' + hashlib.sha256(inside).hexdigest()[:12] if inside else ''}"

    def _heads(self) -> list[str]:
        """Return the commits that this tree descends from: the newest one of it, and HEAD."""
        names = (f"{self._ref}^{{commit}}", "HEAD^{commit}")
        found = (self._repository.run("rev-parse", "-q", "--verify", name, fine=(0, 1)) for name in names)
        return [commit for output in found if (commit := output.decode().strip())]

    def parents(self, previous: str = "") -> list[str]:
        """Return the parents for a commit of the current tree. `previous` is one of them in any case."""
        return self._independent([previous, *self._heads()] if previous else self._heads())

    def lacking(self, commits: Iterable[str]) -> list[str]:
        """Return the commits that are not in this tree, in order, without those that others of them contain."""
        heads, wanted = self._heads(), list(dict.fromkeys(commits))
        independent = {*self._independent([*heads, *wanted])} - {*heads}
        return [commit for commit in wanted if commit in independent]

    def holds(self, commit: str) -> bool:
        """Return whether the work of a commit is in this tree."""
        with suppress(GitError):  # A commit that git does not have is not here either.
            return not self.lacking([commit])
        return False

    def _independent(self, commits: Sequence[str]) -> list[str]:
        distinct = list(dict.fromkeys(commits))
        if len(distinct) < 2:
            return distinct
        return self._repository.run("merge-base", "--independent", *distinct).decode().split()

    def move(self, commit: str) -> None:
        """Record this commit as the current tree."""
        self._repository.run("update-ref", self._ref, commit)

"""The files that never become git objects in checkpoints: large files, secrets, databases."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from penguin.orchestration.worktree.git import Repository, split_nul

MAX_BYTES = 10_000_000
"""Untracked files larger than this are left out."""


class CheckpointExclude:
    """A filter by name and size. Patterns are shell patterns of file names anywhere in the workspace.

    A pattern with a slash applies to the whole path. One that ends in a slash applies to everything below it.
    """

    def __init__(self, repository: Repository, patterns: Sequence[str]) -> None:
        self._repository = repository
        self._patterns = tuple(f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns)

    def is_excluded(self, path: bytes) -> bool:
        """Return whether an untracked file, or a nested repository (whose path ends in a slash), is left out."""
        return path.endswith(b"/") or self._named(path) or self.too_large(path)

    def _named(self, path: bytes) -> bool:
        whole = os.fsdecode(self._repository.inner(path))
        name = whole.rpartition("/")[2]
        return any(fnmatchcase(whole if "/" in pattern else name, pattern) for pattern in self._patterns)

    def too_large(self, path: bytes) -> bool:
        """Return whether the file is too large now."""
        try:
            return self._repository.file(path).lstat().st_size > MAX_BYTES
        except OSError:
            return False

    def grown(self, changed: Iterable[bytes]) -> list[bytes]:
        """Return the changed files that are too large now and not under version control."""
        large = [path for path in changed if self.too_large(path)]
        if not large:
            return []
        tracked = set(split_nul(self._repository.run("ls-files", "-z", "--cached", *self._repository.within)))
        return [path for path in large if path not in tracked]

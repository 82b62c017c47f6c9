"""The checkout of files of a tree object into the working tree, and its conflicts.

Nested repositories and files outside of the workspace are left as they are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.git import Repository, display_path, split_nul
from penguin.orchestration.worktree.index import PrivateIndex

NONE = "000000"
REPOSITORY = "160000"
"""The mode of a nested repository."""


class FileChange(NamedTuple):
    """A change to make to one file."""

    path: bytes
    now: str
    """Its current mode; NONE: it does not exist."""
    then: str
    """Its mode in the target tree; NONE: it does not exist there."""
    object: str
    """Its object in the target tree."""


class TreeCheckout:
    """A checkout of a tree object. The index is locked, and holds the current tree as checkpoints see it."""

    def __init__(self, index: PrivateIndex) -> None:
        self._index = index
        self._repository = index.repository

    def changes(self, now: str, then: str) -> list[FileChange]:
        """Return the changes that turn the files of tree `now` into those of tree `then`."""
        arguments = ("diff-tree", "-r", "-z", "--raw", "--no-renames", now, then, *self._repository.within)
        parts = split_nul(self._repository.run(*arguments))
        rows = (_change(about.decode(), path) for about, path in zip(parts[::2], parts[1::2], strict=True))
        return [row for row in rows if REPOSITORY not in (row.now, row.then)]

    def conflicts(self, changes: Sequence[FileChange]) -> set[bytes]:
        """Return the paths on disk that the changes would overwrite without knowing their content."""
        going = {change.path for change in changes if change.now != NONE}
        found: set[bytes] = set()
        for change in changes:
            if change.then != NONE and change.now == NONE:
                found |= obstacles(self._repository, change.path, going)
        return found

    def apply(self, changes: Sequence[FileChange]) -> None:
        """Apply the changes."""
        gone = [change.path for change in changes if change.then == NONE]
        for path in gone:
            self._remove(path)
        written = [change for change in changes if change.then != NONE]
        self._index.forget([change.path for change in changes])
        self._index.put((change.path, change.then, change.object) for change in written)
        paths = b"".join(change.path + b"\0" for change in written)
        if paths:
            self._index.git("checkout-index", "-f", "-u", "-q", "-z", "--stdin", stdin=paths)

    def _remove(self, path: bytes) -> None:
        """Remove a file, and the folders that it leaves empty."""
        file = self._repository.file(path)
        with suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()
        with suppress(OSError):
            for folder in file.parents:
                if folder == self._repository.workspace or folder == self._repository.top:
                    return
                folder.rmdir()


def obstacles(repository: Repository, path: bytes, going: set[bytes]) -> set[bytes]:
    """Return what is on disk where a new file will be, apart from files that are about to go."""
    for above in prefixes(path):
        mode = _mode(repository.file(above))
        if mode is not None and not stat.S_ISDIR(mode):
            return {above} - going
    mode = _mode(repository.file(path))
    if mode is None:
        return set()
    if not stat.S_ISDIR(mode):
        return {path}
    root = os.fsencode(repository.top) + b"/"
    below = os.walk(root + path)
    held = {f"{os.fsdecode(folder)}/{os.fsdecode(name)}" for folder, _, names in below for name in names}
    return {os.fsencode(name).removeprefix(root) for name in held} - going


def prefixes(path: bytes) -> Iterable[bytes]:
    """Return the parent folders of a path, the outermost first."""
    parts = path.split(b"/")
    return (b"/".join(parts[:count]) for count in range(1, len(parts)))


def list_paths(paths: Iterable[bytes]) -> str:
    """Return the names of files for a message, at most MAX_NAMED of them."""
    names = [display_path(path) for path in sorted(paths)]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _change(about: str, path: bytes) -> FileChange:
    now, then, _, name, _ = about.removeprefix(":").split(" ")
    return FileChange(path, now, then, name)


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except OSError:
        return None

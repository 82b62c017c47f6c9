"""Placing files of a tree object in the working tree, and what is in their way.

Other repositories within the tree are left as they are, and so is what lies outside of the workspace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.worktree.digest import MAX_NAMED
from penguin.orchestration.worktree.git import display_path, split_nul
from penguin.orchestration.worktree.index import PrivateIndex

NONE = "000000"
REPOSITORY = "160000"
"""The mode of another repository."""


class FileChange(NamedTuple):
    """What has to become of a file."""

    path: bytes
    now: str
    """Its mode as it is now; NONE: it is not there."""
    then: str
    """Its mode in the tree that is wanted; NONE: it is not there."""
    object: str
    """Its object there."""


class TreeCheckout:
    """Makes the files of a working tree others. The index is locked, and holds what checkpoints hold of the tree."""

    def __init__(self, index: PrivateIndex) -> None:
        self._index = index
        self._repository = index.repository

    def changes(self, now: str, then: str) -> list[FileChange]:
        """What makes the tree object `then` of the files, which are those of `now`."""
        arguments = ("diff-tree", "-r", "-z", "--raw", "--no-renames", now, then, *self._repository.within)
        parts = split_nul(self._repository.run(*arguments))
        rows = (_change(about.decode(), path) for about, path in zip(parts[::2], parts[1::2], strict=True))
        return [row for row in rows if REPOSITORY not in (row.now, row.then)]

    def conflicts(self, changes: Sequence[FileChange]) -> set[bytes]:
        """What is on disk where a file has to be, and is neither that file nor about to go."""
        going = {change.path for change in changes if change.now != NONE}
        found: set[bytes] = set()
        for change in changes:
            if change.then != NONE and change.now == NONE:
                found |= self._obstacles(change.path, going)
        return found

    def _obstacles(self, path: bytes, going: set[bytes]) -> set[bytes]:
        for above in prefixes(path):
            mode = _mode(self._repository.file(above))
            if mode is not None and not stat.S_ISDIR(mode):
                return {above} - going
        mode = _mode(self._repository.file(path))
        if mode is None:
            return set()
        if not stat.S_ISDIR(mode):
            return {path}
        root = os.fsencode(self._repository.top) + b"/"
        below = os.walk(root + path)
        held = {f"{os.fsdecode(folder)}/{os.fsdecode(name)}" for folder, _, names in below for name in names}
        return {os.fsencode(name).removeprefix(root) for name in held} - going

    def apply(self, changes: Sequence[FileChange]) -> None:
        """Do it."""
        gone = [change.path for change in changes if change.then == NONE]
        for path in gone:
            self._remove(path)
        written = [change for change in changes if change.then != NONE]
        self._index.forget([change.path for change in changes])
        self._index.put((change.path, change.then, change.object) for change in written)
        paths = b"".join(change.path + b"\0" for change in written)
        if paths:
            self._index.git("checkout-index", "-f", "-u", "-q", "-z", "--stdin", given=paths)

    def _remove(self, path: bytes) -> None:
        """Remove a file, and the folders that are empty without it."""
        file = self._repository.file(path)
        with suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()
        with suppress(OSError):
            for folder in file.parents:
                if folder == self._repository.workspace or folder == self._repository.top:
                    return
                folder.rmdir()


def prefixes(path: bytes) -> Iterable[bytes]:
    """The folders that a path leads through, the outermost first."""
    parts = path.split(b"/")
    return (b"/".join(parts[:count]) for count in range(1, len(parts)))


def list_paths(paths: Iterable[bytes]) -> str:
    """The names of files for a message, at most MAX_NAMED of them."""
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

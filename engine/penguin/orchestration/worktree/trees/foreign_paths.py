"""The paths in a clone that are not part of its commit: untracked and ignored files, and whatever took a file's place.

The folders are read by Penguin itself, so neither `.gitignore` nor any configuration hides a path.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.worktree.checkout import prefixes
from penguin.orchestration.worktree.trees.folder_removal import grant_owner

_GIT = b".git"


class KnownPaths(NamedTuple):
    """The paths of a commit."""

    files: Collection[bytes]
    repositories: Collection[bytes]
    """Folders that are not looked into."""
    folders: Collection[bytes]


def known_paths(files: Collection[bytes], repositories: Collection[bytes] = ()) -> KnownPaths:
    """Return the paths of a commit, with the folders that they need."""
    folders = {path.rpartition(b"/")[0] for path in (*files, *repositories)}
    return KnownPaths(files, repositories, folders | _parents(folders))


def foreign_paths(
    top: Path, known: KnownPaths, kept: Collection[bytes] = (), *, repair: bool = False
) -> Iterator[bytes]:
    """Yield the outermost paths that are not part of a commit, but for those in `kept`. Links are not followed.

    `repair`: give the owner back the rights to folders of the commit. Raises OSError.
    """
    yield from _foreign_in(os.fsencode(top) + b"/", b"", known, kept, _parents(kept), repair)


def _foreign_in(
    top: bytes, inside: bytes, known: KnownPaths, kept: Collection[bytes], above_kept: Collection[bytes], repair: bool
) -> Iterator[bytes]:
    if repair:
        grant_owner(top + inside)
    with os.scandir(top + inside) as entries:
        for entry in list(entries):
            path = inside + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if path in kept or path == _GIT:
                continue
            if is_folder and (path in known.folders or path in above_kept):
                yield from _foreign_in(top, path + b"/", known, kept, above_kept, repair)
            elif path not in (known.repositories if is_folder else known.files):
                yield path


def _parents(paths: Iterable[bytes]) -> set[bytes]:
    return {above for path in paths for above in prefixes(path)}

"""An index of our own: which files belong to a tree, and as what git last saw them.

It begins as a copy of the user's, so that unchanged files are never read again. Only ever used under its lock: git
leaves its lock file behind where it is killed, and a git that outlives us keeps ours.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.state_files import open_state_file, refuse_links
from penguin.orchestration.worktree.git import GitError, Repository, split_nul

CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", "node_modules")
"""Folders that tools fill by themselves; many a repository forgets to ignore them, and Penguin ignores them always."""


class PrivateIndex:
    """An index file below `folder`. Paths are bytes, from the top of the working tree."""

    def __init__(self, repository: Repository, folder: Path, name: str, env: Mapping[str, str] | None = None) -> None:
        self.repository = repository
        self.path = folder / name
        self._folder = folder
        self._env = env
        self._held: int | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the index, made if need be. Not to be nested."""
        make_private_folder(self._folder)
        # git would follow a link, for the index and for its lock.
        refuse_links(self.path, writing=True)
        lock = open_state_file(self._folder / f"{self.path.name}.held", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._held = lock
            Path(f"{self.path}.lock").unlink(missing_ok=True)
            self._prepare()
            yield
        finally:
            self._held = None
            os.close(lock)

    def _prepare(self) -> None:
        if self.path.exists():
            return
        if self.repository.users_index.exists():
            copy_index(self.repository.users_index, self.path)
        else:
            self.git("read-tree", "--empty")

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        """The output of a git command on this index."""
        return self.repository.run(*arguments, index=self.path, given=given, env=self._env, held=self._held)

    def changed(self) -> dict[bytes, bool]:
        """Files of the index that are not what they were; True where one is gone, or behind a link by now."""
        output = self.git("diff-files", "-z", "--raw", "--ignore-submodules=dirty", *self.repository.within)
        parts = split_nul(output)
        return {path: about.endswith(b"D") for about, path in zip(parts[::2], parts[1::2], strict=True)}

    def untracked(self) -> list[bytes]:
        """Files that are neither in the index nor ignored; other repositories end in a slash."""
        return split_nul(self.git(*self._others()))

    def differences(self) -> tuple[dict[bytes, bool], list[bytes]]:
        """What is changed, and what is untracked, looked for side by side."""
        with ThreadPoolExecutor(1) as second:
            untracked = second.submit(self.untracked)
            return self.changed(), untracked.result()

    def _others(self) -> tuple[str, ...]:
        excluded = (f"--exclude={name}/" for name in CACHES)
        return ("ls-files", "-z", "--others", "--exclude-standard", *excluded, *self.repository.within)

    def update(self, paths: Mapping[bytes, bool]) -> list[bytes]:
        """Take files as they are now, or (True) as gone. Those that can't be taken leave the index and are returned."""
        sorted_out: dict[str, list[bytes]] = {"gone": [], "bad": [], "good": []}
        for path, gone in paths.items():
            sorted_out["gone" if gone else _is_indexable(self.repository.file(path))].append(path)
        bad = sorted_out["bad"] + self._take(sorted(sorted_out["good"]))
        self.forget([*sorted_out["gone"], *bad])
        return bad

    def _take(self, paths: list[bytes]) -> list[bytes]:
        if not paths:
            return []
        try:
            self.git("update-index", "--add", "--remove", "--replace", "-z", "--stdin", given=_joined(paths))
        except GitError:
            # One bad file fails them all, so they are halved until it is alone; what was read is not read again.
            if len(paths) == 1:
                return paths
            middle = len(paths) // 2
            return self._take(paths[:middle]) + self._take(paths[middle:])
        return []

    def forget(self, paths: Collection[bytes]) -> None:
        """Take files out of the index."""
        if paths:
            self.git("update-index", "--force-remove", "-z", "--stdin", given=_joined(paths))

    def put(self, rows: Iterable[tuple[bytes, str, str]]) -> None:
        """Set entries: path, mode and object."""
        given = b"".join(f"{mode} {name}\t".encode() + path + b"\0" for path, mode, name in rows)
        if given:
            self.git("update-index", "-z", "--index-info", given=given)

    def write_tree(self) -> str:
        """The tree object of the index."""
        return self.git("write-tree").decode().strip()


def copy_index(source: Path, target: Path) -> None:
    """Copy an index with its time: git distrusts files that changed at the very moment when it was written."""
    partial = target.with_suffix(".new")
    partial.unlink(missing_ok=True)
    shutil.copy2(source, partial)
    partial.chmod(0o600)
    partial.rename(target)


def _is_indexable(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "bad"
    if stat.S_ISREG(mode):
        return "good" if os.access(path, os.R_OK) else "bad"
    return "good" if stat.S_ISLNK(mode) or stat.S_ISDIR(mode) else "bad"


def _joined(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)

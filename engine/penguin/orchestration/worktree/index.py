"""A private git index: the files that belong to a tree, as git last saw them.

It starts as a copy of the user's index, so unchanged files are not read again. The bits with which git takes a file as
unchanged without a look are cleared. It is used only under its own lock, because git leaves its lock file when it is
killed, and a git process that outlives Penguin inherits our lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.safe_open import open_state_file, refuse_links
from penguin.orchestration.worktree.git import GitError, GitTimeout, Repository, split_nul

REPOSITORY = b"160000"
"""The mode of a nested repository."""
CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", "node_modules")
"""Cache folders of tools. Penguin always ignores them, since many repositories do not."""
RECENT = 2.0
"""Seconds. git compares times of files in whole seconds, so a file that changed a moment ago may change unnoticed."""


class PrivateIndex:
    """An index file below `folder`. Paths are bytes, relative to the top of the working tree."""

    def __init__(self, repository: Repository, folder: Path, name: str, env: Mapping[str, str] | None = None) -> None:
        self.repository = repository
        self.path = folder / name
        self._folder = folder
        self._env = env
        self._held: int | None = None
        self.changed_repositories: list[bytes] = []
        """The nested repositories that may have changed, by the last `changed`: git is not asked about their files."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the index, and create it if needed. The lock is not reentrant."""
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
        if not self.repository.users_index.exists():
            self.git("read-tree", "--empty")
            return
        copy_index(self.repository.users_index, self.path)
        if _is_recent(self.path.stat().st_mtime):
            self._reread_recent(split_nul(self.git("ls-files", "-z", *self.repository.within)))

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return the output of a git command on this index."""
        return self.repository.run(*arguments, index=self.path, stdin=stdin, env=self._env, held=self._held)

    def changed(self) -> dict[bytes, bool]:
        """Return the files of the index that may have changed; True for one that is gone, or behind a link now."""
        nested = self._examine_entries()
        # For changes in a nested repository, git would use the index of that repository, with all its bits, and run
        # what its configuration names.
        output = self.git("diff-files", "-z", "--raw", "--ignore-submodules=dirty", *self.repository.within)
        parts = split_nul(output)
        rows = list(zip(parts[::2], parts[1::2], strict=True))
        nested += [path for about, path in rows if REPOSITORY in about.removeprefix(b":").split()[:2]]
        self.changed_repositories = list(dict.fromkeys(nested))
        return {path: about.endswith(b"D") for about, path in rows}

    def _examine_entries(self) -> list[bytes]:
        """Clear the bits that hide changes of files, and return the nested repositories in the index."""
        assumed, skipped, nested = [], [], []
        for row in split_nul(self.git("ls-files", "-v", "--stage", "-z", *self.repository.within)):
            about, _, path = row.partition(b"\t")
            tag, mode = about.split(b" ")[:2]
            if mode == REPOSITORY:
                nested.append(path)
            if tag.islower():
                assumed.append(path)
            if tag in b"Ss":
                skipped.append(path)
        for option, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", self._checked_out(skipped))):
            if paths:
                self.git("update-index", "-z", option, "--stdin", stdin=_joined(paths))
        return nested

    def _checked_out(self, paths: list[bytes]) -> list[bytes]:
        """Return those of the paths that a sparse checkout does not leave out: a file that appeared is checked out."""
        if len(present := [path for path in paths if os.path.lexists(self.repository.file(path))]) == len(paths):
            return paths
        sparse = self.repository.run("config", "--bool", "core.sparseCheckout", fine=(0, 1)).strip() == b"true"
        return present if sparse else paths

    def untracked(self) -> list[bytes]:
        """Return the files that are neither in the index nor ignored.

        A nested repository ends in a slash, unless it is a submodule of the user's index.
        """
        found = split_nul(self.git(*self._others()))
        nested = [os.fsdecode(path[:-1]) for path in found if path.endswith(b"/")]
        if not nested:
            return found
        entries = split_nul(self.repository.run("ls-files", "--stage", "-z", "--", *nested))
        submodules = {entry.partition(b"\t")[2] + b"/" for entry in entries if entry.startswith(REPOSITORY)}
        return [path[:-1] if path in submodules else path for path in found]

    def differences(self) -> tuple[dict[bytes, bool], list[bytes]]:
        """Return the changed and the untracked files, with both commands run in parallel."""
        with ThreadPoolExecutor(1) as second:
            untracked = second.submit(self.untracked)
            return self.changed(), untracked.result()

    def _others(self) -> tuple[str, ...]:
        excluded = (f"--exclude={name}/" for name in CACHES)
        return ("ls-files", "-z", "--others", "--exclude-standard", *excluded, *self.repository.within)

    def update(self, paths: Mapping[bytes, bool]) -> list[bytes]:
        """Update files to their current state, or (True) remove them.

        Files that can't be read leave the index and are returned.
        """
        sorted_out: dict[str, list[bytes]] = {"gone": [], "bad": [], "good": []}
        for path, gone in paths.items():
            sorted_out["gone" if gone else _is_indexable(self.repository.file(path))].append(path)
        bad = sorted_out["bad"] + self._take(sorted(sorted_out["good"]))
        self.forget([*sorted_out["gone"], *bad])
        self._reread_recent(sorted_out["good"])
        return bad

    def _reread_recent(self, paths: Iterable[bytes]) -> None:
        """Make git read files again the next time if they changed a moment ago.

        A change of the same size within the same second, with the time of the file set back, would go unnoticed.
        """
        recent = {path for path in paths if _changed_recently(self.repository.file(path))}
        if recent:
            rows = split_nul(self.git("ls-files", "--stage", "-z", *self.repository.within))
            # Entries that are set without a file have no times.
            again = [row for row in rows if row.partition(b"\t")[2] in recent]
            self.git("update-index", "-z", "--index-info", stdin=_joined(again))

    def _take(self, paths: list[bytes]) -> list[bytes]:
        if not paths:
            return []
        try:
            self.git("update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=_joined(paths))
        except GitTimeout:
            raise
        except GitError:
            # One bad file fails the whole list, so it is halved until that file is alone. Files that were read are not
            # read again.
            if len(paths) == 1:
                return paths
            middle = len(paths) // 2
            return self._take(paths[:middle]) + self._take(paths[middle:])
        return []

    def forget(self, paths: Collection[bytes]) -> None:
        """Remove files from the index."""
        if paths:
            self.git("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(paths))

    def put(self, rows: Iterable[tuple[bytes, str, str]]) -> None:
        """Set entries: path, mode and object."""
        stdin = b"".join(f"{mode} {name}\t".encode() + path + b"\0" for path, mode, name in rows)
        if stdin:
            self.git("update-index", "-z", "--index-info", stdin=stdin)

    def write_tree(self) -> str:
        """Write the tree object of the index."""
        return self.git("write-tree").decode().strip()


def copy_index(source: Path, target: Path) -> None:
    """Copy an index with its time stamp: git re-reads files that changed at the time when the index was written."""
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


def _changed_recently(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return not stat.S_ISDIR(found.st_mode) and _is_recent(found.st_ctime)


def _is_recent(seconds: float) -> bool:
    """Return whether a time is less than RECENT ago, or in the future: the clock may have been set back."""
    return seconds > time.time() - RECENT


def _joined(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)

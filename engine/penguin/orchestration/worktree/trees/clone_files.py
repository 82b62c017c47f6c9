"""The files of a commit in a clone, with its submodules. They are written and compared by indexes of Penguin's own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.git import GitError, GitTimeout
from penguin.orchestration.worktree.index import PrivateIndex
from penguin.orchestration.worktree.trees.content_filters import NO_FILTERS, ContentFilters, named_filters
from penguin.orchestration.worktree.trees.folder_removal import remove_path
from penguin.orchestration.worktree.trees.foreign_paths import KnownPaths, foreign_paths, known_paths
from penguin.orchestration.worktree.trees.submodules import Submodule, find_submodules, split_entries
from penguin.orchestration.worktree.trees.users_repository import GitFolder, RepositoryAt

_FILTER_FAILED = re.compile(r"(?:smudge|clean) filter '?([^\s']+)'? failed")
_NOT_WRITTEN = "unable to write"
_CHECK_OUT = ("read-tree", "--reset", "-u", "--no-recurse-submodules")
_PARALLEL = {"checkout.workers": "0", "checkout.thresholdForParallelism": "1000"}
"""Let git write files with as many processes as there are cores."""


class FilterFailed(WorkflowError):
    """A filter of contents failed, or could not be run."""

    code = "filter_failed"


class FilesNotWritten(WorkflowError):
    """git could not write files of a clone."""

    code = "files_not_written"


class Place(NamedTuple):
    """Where the files of a clone and their index are, and how their contents are filtered."""

    top: Path
    index_file: Path
    """Outside of `top`. The indexes of submodules are beside it."""
    filters: ContentFilters
    prefix: str = ""
    """The path of the workspace below `top`: `sub/folder/`, or ''."""

    def inside(self, path: bytes) -> Place:
        """Return the place of a submodule."""
        name = hashlib.sha256(path).hexdigest()[:16]
        return Place(
            self.top / os.fsdecode(path), self.index_file.with_name(f"{self.index_file.name}.{name}"), self.filters
        )


class CloneFiles:
    """The files of one commit in a place. Methods block while git runs. Raises GitError and OSError.

    `git_dir` is the git folder of the user that has the commit.
    """

    def __init__(self, git_dir: GitFolder, place: Place, commit: str) -> None:
        self.git_dir = git_dir
        self.place = place
        self.commit = commit
        self.repository = self._repository(place.filters)
        self.index = CloneIndex(self, place.index_file.parent, place.index_file.name)

    @cached_property
    def _entries(self) -> tuple[dict[bytes, str], dict[bytes, str]]:
        return split_entries(self.git_dir.repository.run("ls-tree", "-r", "-z", self.commit))

    @property
    def files(self) -> Mapping[bytes, str]:
        """Return the files of the commit, with their modes."""
        return self._entries[0]

    @cached_property
    def submodules(self) -> list[Submodule]:
        """Return the submodules of the commit, but not those inside of them."""
        return find_submodules(self.git_dir, self.commit, self._entries[1])

    @cached_property
    def known(self) -> KnownPaths:
        """Return the paths of the commit."""
        # The folder of a submodule that the user does not have is empty.
        found = {submodule.path for submodule in self.submodules if submodule.git_dir}
        known = known_paths(self.files, found)
        return known._replace(folders={*known.folders, *(path for path in self._entries[1] if path not in found)})

    def inner(self) -> Iterator[CloneFiles]:
        """Yield the files of the submodules that the user has."""
        for submodule in self.submodules:
            if submodule.git_dir:
                yield CloneFiles(submodule.git_dir, self.place.inside(submodule.path), submodule.commit)

    def all(self) -> Iterator[CloneFiles]:
        """Yield these files, and those of all submodules, the outer ones first."""
        yield self
        for inner in self.inner():
            yield from inner.all()

    def missing_submodules(self) -> list[bytes]:
        """Return the submodules that the user's repository does not have, relative to the clone."""
        top = os.fsencode(self.place.top) + b"/"
        missing = []
        for files in self.all():
            inside = (os.fsencode(files.place.top) + b"/").removeprefix(top)
            missing += [inside + submodule.path for submodule in files.submodules if submodule.git_dir is None]
        return missing

    def check_out(self, kept: Collection[bytes] = ()) -> None:
        """Write the files that differ from the commit, and remove all others but those in `kept`.

        Raises UnknownFilter, FilterFailed and FilesNotWritten.
        """
        self.place.top.mkdir(exist_ok=True)
        # The lock waits for a git that has outlived a killed Penguin.
        with self.index.locked(), explained_errors(self.place):
            for path in foreign_paths(self.place.top, self.known, kept, repair=True):
                remove_path(self.repository.file(path))
            self._write_programs()
            self.index.git(*_CHECK_OUT, self.commit)
            self.place.filters.check(named_filters(self.repository, self.files, committed=True))
        for inner in self.inner():
            inner.check_out()

    def _write_programs(self) -> None:
        """Write all files but those with a filter, if a filter runs one of them: a gate may have changed it."""
        filters = self.place.filters
        if not any(filters.programs(name).intersection(self.files) for name in filters.definitions):
            return
        with self.index.without_filters():
            self.index.git(*_CHECK_OUT, self.commit)
        for paths in named_filters(self.repository, self.files, committed=True).values():
            for path in paths:
                self.repository.file(path).unlink(missing_ok=True)

    @cached_property
    def unfiltered(self) -> RepositoryAt:
        """Return git on these files, without filters."""
        return self._repository(NO_FILTERS)

    def _repository(self, filters: ContentFilters) -> RepositoryAt:
        settings = {**filters.settings(self.git_dir), **_PARALLEL}
        return RepositoryAt(self.git_dir, self.place.top, self.place.index_file, self.place.prefix, settings)


class CloneIndex(PrivateIndex):
    """An index of a clone's files."""

    def __init__(self, files: CloneFiles, folder: Path, name: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(files.repository, folder, name, env)
        self._files = files

    @contextmanager
    def without_filters(self) -> Iterator[None]:
        """Run no filter in the block: git may do so for any file whenever it writes the index."""
        self.repository = self._files.unfiltered
        try:
            yield
        finally:
            self.repository = self._files.repository


@contextmanager
def explained_errors(place: Place) -> Iterator[None]:
    """Turn git's errors about filters and full disks into errors with a hint."""
    try:
        yield
    except GitTimeout:
        raise
    except GitError as error:
        if name := _failed_filter(place.filters, error.message):
            hint = "install git-lfs" if "lfs" in name else f"git config --get-regexp filter.{name} shows its commands"
            raise FilterFailed(f"the filter {name} failed: {error.message}", f"{hint}; then try again") from error
        if _NOT_WRITTEN in error.message:
            raise FilesNotWritten(
                f"git can't write the files of {place.top}: {error.message}",
                f"see if the disk is full: df -h {place.top.parent}",
            ) from error
        raise


def _failed_filter(filters: ContentFilters, message: str) -> str:
    """Return the filter that git's message is about, or ''."""
    if found := _FILTER_FAILED.search(message):
        return found[1]
    # If its process ends at once, git says only that the other end hung up, below what the shell says of the command.
    processes = {name: commands.get("process", "") for name, commands in filters.definitions.items()}
    return next((name for name, command in processes.items() if command and command in message), "")

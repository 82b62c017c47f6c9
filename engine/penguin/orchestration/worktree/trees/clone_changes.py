"""The files of a clone that are not those of its commit, found by an index that starts anew from the checkout's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from penguin.orchestration.worktree.git import split_nul
from penguin.orchestration.worktree.index import copy_index
from penguin.orchestration.worktree.trees.clone_files import CloneFiles, CloneIndex
from penguin.orchestration.worktree.trees.content_filters import named_filters


class FreshIndex(CloneIndex):
    """An index that starts as a copy of the checkout's whenever it is locked: the result depends on the files alone."""

    def _prepare(self) -> None:
        # Every entry was written by the checkout, so git itself reads those files again that may have changed in the
        # second in which the index was written.
        copy_index(self.repository.users_index, self.path)

    def differences(self) -> tuple[dict[bytes, bool], list[bytes]]:
        """Return the files that may have changed, and the untracked ones.

        No filter is run: its program, and the attributes that name it, may be among the changed files.
        """
        with self.without_filters():
            return super().differences()


def changed_programs(files: CloneFiles, name: str, paths: Collection[bytes]) -> list[bytes]:
    """Return those of the paths that are programs of a filter with another content than in the commit."""
    return [path for path in sorted(files.place.filters.programs(name).intersection(paths)) if _is_other(files, path)]


def _is_other(files: CloneFiles, path: bytes) -> bool:
    """Return whether a file has another content than in the commit, without git, which could run filters."""
    committed = files.repository.run("ls-tree", "-z", files.commit, "--", os.fsdecode(path))
    try:
        content = files.repository.file(path).read_bytes()
    except OSError:
        return True
    blob = b"blob %d\0%b" % (len(content), content)
    return hashlib.new(files.git_dir.object_format, blob).hexdigest().encode() not in committed


def changed_files(files: CloneFiles) -> list[bytes]:
    """Return the files of the commit that changed or are gone, and the changed submodules, with a slash.

    Stores nothing in the repository. Raises GitError and OSError.
    """
    with _scratch_index(files) as index:
        return sorted([*_changed(files, index), *changed_submodules(files)])


def changed_submodules(files: CloneFiles) -> list[bytes]:
    """Return the submodules that have other files than in the commit, with a slash. Raises GitError and OSError."""
    present = (submodule for submodule in files.submodules if submodule.git_dir)
    return [
        submodule.path + b"/"
        for inner, submodule in zip(files.inner(), present, strict=True)
        if os.path.lexists(inner.place.top) and _has_changed(inner)
    ]


def _has_changed(files: CloneFiles) -> bool:
    if files.place.top.is_symlink() or not files.place.top.is_dir():
        return True
    with _scratch_index(files) as index:
        return bool(index.untracked() or _changed(files, index) or changed_submodules(files))


@contextmanager
def _scratch_index(files: CloneFiles) -> Iterator[FreshIndex]:
    """Give an index whose new objects are thrown away."""
    with TemporaryDirectory(prefix="penguin-changes-", ignore_cleanup_errors=True) as name:
        objects = Path(name, "objects")
        objects.mkdir()
        index = FreshIndex(files, Path(name), "index", files.repository.separate_objects(objects))
        with index.locked():
            yield index


def _changed(files: CloneFiles, index: FreshIndex) -> list[bytes]:
    with index.without_filters():
        maybe = index.changed()
    filters_are_safe = not any(changed_programs(files, name, maybe) for name in files.place.filters.definitions)
    unknown = set() if filters_are_safe else _filtered(files, maybe)
    passed_over = unknown.union(submodule.path for submodule in files.submodules)
    with nullcontext() if filters_are_safe else index.without_filters():
        # Files that can't be read leave the index, so they count as gone.
        index.update({path: gone for path, gone in maybe.items() if gone or path not in passed_over})
    output = index.git("diff-index", "--cached", "-z", "--name-only", "--no-renames", files.commit)
    return [*split_nul(output), *unknown]


def _filtered(files: CloneFiles, paths: Collection[bytes]) -> set[bytes]:
    """Return the files with a filter: without running it, their content is not known."""
    return {path for named in named_filters(files.repository, paths, committed=True).values() for path in named}

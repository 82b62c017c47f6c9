"""What a clone gets beside the files of its commit: copies of ignored files, and links to folders of the workspace.

The commands of `tree.setup` are run by the caller, between `bring` and `record`. What is there then is never part of a
commit, and stays when the clone is cleaned.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.trees.clone_files import CloneFiles
from penguin.orchestration.worktree.trees.file_copy import copy_path
from penguin.orchestration.worktree.trees.folder_removal import remove_path
from penguin.orchestration.worktree.trees.foreign_paths import foreign_paths
from penguin.orchestration.worktree.trees.set_up_record import SetUpRecord, forget_record, load_record, save_record


class SetUpRefused(WorkflowError):
    """A path of `tree.copy` or `tree.link` can't be brought into a clone."""

    code = "set_up_refused"


class Brought(NamedTuple):
    """The paths that set-up copied and linked, and those that the workspace does not have."""

    copied: tuple[str, ...]
    linked: tuple[str, ...]
    missing: tuple[str, ...]


class TreeSetUp:
    """The set-up of clones of a workspace. Paths are relative to the workspace. Raises OSError.

    Args:
        workspace: The user's own folder.
        when: The files on which the commands of set-up depend.
        copy: Files and folders to copy.
        link: Folders to link to. They should be read-only for what runs in the clone.
    """

    def __init__(
        self, workspace: Path, when: Sequence[str] = (), copy: Sequence[str] = (), link: Sequence[str] = ()
    ) -> None:
        self._workspace = workspace
        self._when = tuple(map(_checked, when))
        self._copy = tuple(map(_checked, copy))
        self._link = tuple(map(_checked, link))

    def is_due(self, files: CloneFiles) -> bool:
        """Return whether a clone was not set up, or a file on which set-up depends changed since."""
        return load_record(files.place.top).digest != self._digest(files)

    def bring(self, files: CloneFiles) -> Brought:
        """Copy and link into a clone. What is there from an earlier set-up is replaced.

        Raises SetUpRefused if a path is part of the commit, or behind a link.
        """
        forget_record(files.place.top)
        missing = [name for name in (*self._copy, *self._link) if not os.path.lexists(self._workspace / name)]
        copied = [name for name in self._copy if name not in missing]
        linked = [name for name in self._link if name not in missing]
        for name in copied:
            self._place(files, name, link=False)
        for name in linked:
            self._place(files, name, link=True)
        return Brought(tuple(copied), tuple(linked), tuple(missing))

    def record(self, files: CloneFiles) -> SetUpRecord:
        """Record all that is in a clone beside its commit as brought by set-up. Raises GitError."""
        outermost = list(foreign_paths(files.place.top, files.known))
        with files.index.locked():
            not_ignored = files.index.untracked()
        save_record(files.place.top, self._digest(files), outermost, not_ignored)
        return load_record(files.place.top)

    def _place(self, files: CloneFiles, name: str, *, link: bool) -> None:
        verb = "link" if link else "copy"
        path = os.fsencode(files.place.prefix + name)
        if path in files.files or path in files.known.folders:
            raise SetUpRefused(
                f"can't {verb} {name} into a tree: git tracks {'files in ' if link else ''}it",
                f"remove {name} from tree.{verb}: the tree has the committed version",
            )
        target = files.repository.file(path)
        _make_parents(files.place.top, target)
        # Beside the clone, so that an interrupted copy is not in it.
        new = files.place.index_file.with_name(f"{files.place.top.name}.set-up")
        try:
            remove_path(new)
            if link:
                new.symlink_to(self._workspace / name)
            else:
                copy_path((self._workspace / name).resolve(), new)
            reach("setup.copied")
            remove_path(target)
            new.rename(target)
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or name}"
            raise SetUpRefused(
                f"can't {verb} {name} into a tree: {reason}", f"ls -l {self._workspace / name}"
            ) from error
        reach("setup.placed")

    def _digest(self, files: CloneFiles) -> str:
        folder = files.place.top / files.place.prefix
        found = hashlib.sha256()
        for name in (*self._when, *self._copy, *self._link):
            found.update(os.fsencode(name) + b"\0")
        for name in self._when:
            content = _content(folder / name)
            found.update(f"{len(content)}\0".encode() + content)
        return found.hexdigest()


def _content(path: Path) -> bytes:
    """Return the content of a file, without following a link; b'' for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def _make_parents(top: Path, target: Path) -> None:
    """Make the folders above a path. A link among them could lead out of the clone."""
    for folder in reversed(target.relative_to(top).parents[:-1]):
        above = top / folder
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            raise SetUpRefused(
                f"can't set up {target}: {above} is a link or a file", "correct tree.copy and tree.link, or the commit"
            )
        above.mkdir(exist_ok=True)


def _checked(name: str) -> str:
    """Return a path in its shortest form. Raises SetUpRefused unless it is in the workspace."""
    path = os.path.normpath(name)
    if path.startswith("/") or path.split("/")[0] in ("..", ".", ".git", ".penguin"):
        raise SetUpRefused(f"{name} is no path of files in the workspace", "write it relative to the workspace")
    return path

"""The folders of trees: `<trees>/<workspace key>/<workflow id>/`, with the clones and Penguin's own files beside them.

They are outside of the workspace, so that no program in them finds the user's configuration, modules or tests by
looking upwards.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.permissions import OTHERS, write_private
from penguin.orchestration.files.workspace_key import records_folder
from penguin.orchestration.worktree.trees.folder_removal import remove_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RECORD = "tree-folder"
_REMOVED = ".removed-"
"""Prefix of the folders whose removal has begun."""
_BLOCK = 512
"""Bytes of a block in the results of `stat`."""


class UnsafeTree(WorkflowError):
    """A folder of trees is a link, belongs to another user, or is inside of the repository."""

    code = "unsafe_tree"


class TreeFolder:
    """The folder of one workflow's tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        """The clone in which IMPLEMENT works."""
        self.check = path / "check"
        """The clone in which TEST, USE and VERIFY run."""

    @property
    def workflow_id(self) -> str:
        return self.path.name

    def disk_use(self) -> int:
        """Return the bytes that it takes on the disk. Files with several names count once."""
        return _disk_use(self.path)

    def remove(self) -> None:
        """Remove it with both clones. A removal that was interrupted is completed by the next one. Raises OSError."""
        removed = self.path.with_name(f"{_REMOVED}{self.path.name}")
        remove_path(removed)
        try:
            # A tree that is half removed must not look like one.
            self.path.rename(removed)
        except FileNotFoundError:
            return
        remove_path(removed)


class WorkspaceTrees:
    """The trees of one workspace.

    Args:
        key: The key of the workspace: see `files.workspace_key`.
        folder: The folder of all trees; default: `$XDG_STATE_HOME/penguin/trees`.
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self._trees = default_folder() if folder is None else folder
        self.path = self._trees / _checked_name(key)

    def of(self, workflow_id: str) -> TreeFolder:
        """Return the folder of a workflow. It may not exist."""
        return TreeFolder(self.path / _checked_name(workflow_id))

    def make(self, workflow_id: str, repository: Path) -> TreeFolder:
        """Make the folder of a workflow for its owner only, or check the one that exists.

        `repository` is the top of the user's working tree. Raises UnsafeTree, and WorkflowError if it can't be made.
        """
        tree = self.of(workflow_id)
        real, top = os.path.realpath(self._trees), os.path.realpath(repository)
        if os.path.commonpath((real, top)) == top:
            raise UnsafeTree(
                f"the folder of trees, {self._trees}, is in the repository {repository}",
                "set tree.path to a folder outside of it",
            )
        try:
            self._trees.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_own(self._trees)
            for folder in (self.path, tree.path):
                folder.mkdir(mode=0o700, exist_ok=True)
                found = _check_own(folder)
                if found.st_mode & OTHERS:
                    folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        except OSError as error:
            reason = error.strerror or str(error)
            raise WorkflowError(
                f"can't make the folder of trees {tree.path}: {reason}", "set tree.path to a folder that you can write"
            ) from error
        return tree

    def all(self) -> list[TreeFolder]:
        """Return the folders of all workflows that have one, by name."""
        try:
            found = [entry.name for entry in os.scandir(self.path) if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [TreeFolder(self.path / name) for name in sorted(found) if _NAME.fullmatch(name)]

    def disk_use(self) -> int:
        """Return the bytes that all trees of the workspace take on the disk."""
        return _disk_use(self.path)

    def remove_leftovers(self) -> None:
        """Complete the removals that were interrupted. Raises OSError."""
        for path in self.path.glob(f"{_REMOVED}*"):
            remove_path(path)


def record_tree(folder: Path, tree: TreeFolder) -> None:
    """Record in a workflow's own folder where its tree is."""
    write_private(folder / _RECORD, f"{tree.path}\n".encode())


def recorded_tree(folder: Path) -> TreeFolder | None:
    """Return the tree that a workflow's own folder names, or None."""
    try:
        path = Path((folder / _RECORD).read_text().removesuffix("\n"))
    except OSError:
        return None
    return TreeFolder(path) if path.name == folder.name else None


def default_folder() -> Path:
    """Return `$XDG_STATE_HOME/penguin/trees`, by default in `~/.local/state`."""
    return Path(records_folder()).with_name("trees")


def check_clone_folder(path: Path) -> None:
    """Raise UnsafeTree unless this is a folder, and this user's own."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise UnsafeTree(f"the clone {path} is gone", "start a new workflow with /workflow retry") from None
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeTree(f"the clone {path} is not a folder any more", "start a new workflow with /workflow retry")
    _check_owner(path, found)


def _check_own(folder: Path) -> os.stat_result:
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeTree(
            f"{folder} is a link: Penguin does not follow links in the folder of trees",
            "remove the link, and set tree.path to the folder that it names",
        )
    _check_owner(folder, found)
    return found


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise UnsafeTree(
            f"{path} belongs to user {found.st_uid}, not to you (user {os.geteuid()})",
            "set tree.path to a folder of your own",
        )


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnsafeTree(f"{name!r} can't be the name of a folder of trees", "/workflow list shows the workflow ids")
    return name


def _disk_use(path: Path) -> int:
    seen: set[tuple[int, int]] = set()
    total = 0
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            try:
                found = os.lstat(f"{folder}/{name}")
            except OSError:
                continue
            if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * _BLOCK
    return total

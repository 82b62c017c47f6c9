"""The commit that Penguin makes of what is in the clone `work`.

The files are compared with the base by an index of Penguin's own that was written when they were checked out. Nothing
that the clone's `.git` says counts: neither its index, its configuration and its `info/exclude`, nor that it exists.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.checkout import list_paths
from penguin.orchestration.worktree.checkpoint_exclusion import CheckpointExclude
from penguin.orchestration.worktree.checkpoints import commit_tree
from penguin.orchestration.worktree.git import display_path, split_nul
from penguin.orchestration.worktree.trees.clone_changes import FreshIndex, changed_programs, changed_submodules
from penguin.orchestration.worktree.trees.clone_files import explained_errors
from penguin.orchestration.worktree.trees.content_filters import UnknownFilter, named_filters
from penguin.orchestration.worktree.trees.outside_links import outside_links
from penguin.orchestration.worktree.trees.private_clone import PrivateClone
from penguin.orchestration.worktree.trees.set_up_record import SetUpRecord, load_record
from penguin.orchestration.worktree.trees.submodules import split_entries
from penguin.orchestration.worktree.trees.tree_folder import check_clone_folder

COMMIT_INDEX = "commit.index"
_ATTRIBUTES = b".gitattributes"


class WorkNotStored(WorkflowError):
    """Files of the work can't be part of a commit."""

    code = "work_not_stored"


@dataclass(frozen=True, slots=True)
class NewCommit:
    """The work as a commit. Paths are relative to the top of the clone, as text for people and JSON."""

    commit: str
    tree: str
    changed: bool
    """Whether its files differ from those of the base."""
    left_out: tuple[str, ...] = ()
    """Files that are not ignored and still not in it: excluded, too large, nested repositories, changed submodules."""
    outside_links: tuple[str, ...] = ()
    """Symbolic links in it that lead out of the tree."""
    new_outside_links: tuple[str, ...] = ()
    """Those of them that the base does not have, or that lead elsewhere in it."""


class WorkCommit:
    """The commits of a clone. Methods block while git runs. Raises GitError, OSError, WorkflowError.

    `exclude` are the patterns of untracked files that never become git objects.
    """

    def __init__(self, clone: PrivateClone, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> None:
        self._clone = clone
        self._base = clone.base_files()
        self._exclusion = CheckpointExclude(self._base.repository, exclude)
        self._index = FreshIndex(self._base, clone.tree.path, COMMIT_INDEX)

    def save(self, name: str, message: str, parents: Sequence[str] = ()) -> NewCommit:
        """Save the work as the commit `refs/penguin/<workflow>/<name>` in the user's repository.

        Args:
            name: Such as `1-implement`.
            message: Its message.
            parents: Its parents; default: the base.

        Raises:
            WorkNotStored: A file can't be read, or is of a kind or name that git does not store.
            UnknownFilter, FilterFailed: A file can't be cleaned.
            UnsafeTree: The clone is gone.
        """
        check_clone_folder(self._clone.tree.work)
        with self._index.locked(), explained_errors(self._base.place):
            left_out = self._take(load_record(self._clone.tree.work))
            tree = self._index.write_tree()
        reach("work.tree")
        repository = self._base.git_dir.repository
        commit = commit_tree(repository, tree, parents or (self._base.commit,), message)
        reach("work.commit")
        self._clone.users.keep(self._clone.tree.workflow_id, name, commit)
        return self._described(commit, tree, left_out)

    def _take(self, set_up: SetUpRecord) -> list[bytes]:
        """Update the index to the files in the clone. Return those that are left out."""
        changed, untracked = self._index.differences()
        self._refuse_unreadable_folders()
        submodules = {submodule.path for submodule in self._base.submodules}
        changed = {path: gone for path, gone in changed.items() if gone or path not in submodules}
        new = [path for path in untracked if path not in set_up.not_ignored]
        left_out = [path for path in new if set_up.brought(path.rstrip(b"/")) or self._exclusion.is_excluded(path)]
        added = set(new).difference(left_out)
        taken = {**changed, **dict.fromkeys(added, False)}
        self._check_filters(taken)
        self._refuse(self._index.update(taken))
        # git passes over names that are special on some systems, without an error.
        ignored = added.difference(split_nul(self._index.git("ls-files", "-z")))
        self._refuse(path for path in sorted(ignored) if os.path.lexists(self._base.repository.file(path)))
        return sorted([*left_out, *changed_submodules(self._base)])

    def _check_filters(self, taken: Mapping[bytes, bool]) -> None:
        """Refuse filters that are not defined, and those that the work itself brings or changes."""
        filters = self._base.place.filters
        attributes_changed = any(path.rpartition(b"/")[2] == _ATTRIBUTES for path in taken)
        everything = {*self._base.files, *taken}
        named = named_filters(self._base.repository, everything if attributes_changed else taken, committed=False)
        filters.check(named)
        for name in filters.definitions:
            if programs := changed_programs(self._base, name, taken):
                self._refuse_programs(name, programs, taken)
        if not attributes_changed:
            return
        before = named_filters(self._base.repository, everything, committed=True)
        for name in sorted(named.keys() - before.keys()):
            raise UnknownFilter(
                f"a changed .gitattributes names the filter {name} for {list_paths(named[name])}: a filter that the "
                "base does not use is not run",
                f"commit the use of {name} yourself, and start the task again",
            )

    def _refuse_programs(self, name: str, programs: Sequence[bytes], taken: Mapping[bytes, bool]) -> None:
        """Refuse changed programs of a filter that applies to files of the clone: it would run outside of walls."""
        applies = named_filters(self._base.repository, {*self._base.files, *taken}, committed=False).get(name)
        if applies:
            raise UnknownFilter(
                f"the filter {name} runs {list_paths(programs)}, which the work changes, so no file that it applies to "
                f"can be stored: {list_paths(applies)}",
                f"commit the change of {list_paths(programs)} yourself, and start the task again",
            )

    def _refuse_unreadable_folders(self) -> None:
        """git takes files in a folder that it can't read as unchanged."""
        top = os.fsencode(self._clone.tree.work) + b"/"
        bad = [path for path in self._base.known.folders if _is_closed(top + path)]
        if bad:
            raise WorkNotStored(
                f"folders of the work can't be read: {list_paths(bad)}",
                f"chmod -R u+rwX {self._clone.tree.work}, then /workflow resume",
            )

    def _refuse(self, bad: Iterable[bytes]) -> None:
        if names := list(bad):
            raise WorkNotStored(
                f"git can't store these files of the work: {list_paths(names)} ({self._reason(names[0])})",
                f"correct or remove them in {self._clone.tree.work}, then /workflow resume",
            )

    def _reason(self, path: bytes) -> str:
        """Return why git refuses a file."""
        file = self._base.repository.file(path)
        try:
            mode = file.lstat().st_mode
        except OSError as error:
            return error.strerror or str(error)
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            return "a pipe, a socket or a device"
        return "the content can't be filtered, or the name is not allowed" if os.access(file, os.R_OK) else "no access"

    def _described(self, commit: str, tree: str, left_out: Sequence[bytes]) -> NewCommit:
        repository = self._base.git_dir.repository
        files, _ = split_entries(repository.run("ls-tree", "-r", "-z", commit))
        outside = outside_links(repository, files, commit)
        changed = tree != repository.tree_of(self._base.commit)
        before = outside_links(repository, self._base.files, self._base.commit) if outside and changed else outside
        return NewCommit(
            commit,
            tree,
            changed,
            tuple(map(display_path, left_out)),
            tuple(map(display_path, outside)),
            tuple(display_path(path) for path in outside if path not in before),
        )


def _is_closed(folder: bytes) -> bool:
    try:
        mode = os.lstat(folder).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return True
    return stat.S_ISDIR(mode) and not os.access(folder, os.R_OK | os.X_OK)

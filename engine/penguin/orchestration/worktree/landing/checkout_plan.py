"""What a landing will change in a checkout: the check that nothing of the user is in the way, and the new files.

All new files and the new index are written into the staging folder before the branch moves, through the user's own
filters. What fails, such as a filter or a full disk, fails there.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.checkout import NONE, REPOSITORY, list_paths, obstacles
from penguin.orchestration.worktree.git import GitError, Repository, split_nul
from penguin.orchestration.worktree.landing.checkouts import Checkout
from penguin.orchestration.worktree.landing.file_state import ABSENT, file_state, state_of
from penguin.orchestration.worktree.landing.index_lock import IndexLock
from penguin.orchestration.worktree.landing.outcomes import LandingRefused
from penguin.orchestration.worktree.landing.record import CheckoutPlan, PlacedFile

_NOT_FILES = (NONE, REPOSITORY)


class PathChange(NamedTuple):
    """A path that differs between two commits. The modes are NONE where it does not exist."""

    path: bytes
    old_mode: str
    new_mode: str
    old: str
    new: str


def changed_paths(repository: Repository, old: str, new: str) -> list[PathChange]:
    """Return what differs between two commits."""
    parts = split_nul(repository.run("diff-tree", "-r", "-z", "--raw", "--no-renames", old, new))
    rows = zip(parts[::2], parts[1::2], strict=True)
    return [PathChange(path, *about.decode().removeprefix(":").split(" ")[:4]) for about, path in rows]


def plan_checkout(lock: IndexLock, tip: str, changes: Sequence[PathChange]) -> CheckoutPlan:
    """Prepare the new files and index of a locked checkout. Nothing of the user changes.

    Raises LandingRefused if files are in the way or can't be written, GitError, OSError.
    """
    checkout = lock.checkout
    left_out = _left_out(lock, changes)
    files = [change for change in changes if change.path not in left_out]
    before = {change.path: file_state(checkout.top, change.path) for change in files}
    if paths := staged_paths(lock.checkout, tip, changes) | _changed(lock, files) | _in_the_way(lock, files):
        raise LandingRefused(
            f"the landing would overwrite changes in {checkout.top}: {list_paths(paths)}",
            "commit, stash or move these files, then /workflow resume",
            tuple(sorted(paths)),
        )
    reach("landing.stage.before")
    _stage_index(lock, changes, left_out)
    _stage_files(lock, [change.path for change in files if change.new_mode not in _NOT_FILES])
    placed = [_placed(lock, change, before[change.path]) for change in files if not _is_submodule(change)]
    reach("landing.stage.after")
    return CheckoutPlan(
        top=os.fspath(checkout.top),
        index_before=state_of(checkout.index),
        files=[file for file in placed if file is not None],
        folders=[os.fsdecode(change.path) for change in files if change.new_mode == REPOSITORY],
        left=[os.fsdecode(change.path) for change in files if change.old_mode == REPOSITORY != change.new_mode],
    )


def _is_submodule(change: PathChange) -> bool:
    """Return whether a change concerns submodules alone: their files are not touched, as with git merge."""
    return change.old_mode in _NOT_FILES and change.new_mode in _NOT_FILES


def _left_out(lock: IndexLock, changes: Iterable[PathChange]) -> set[bytes]:
    """Return the changed paths that a sparse checkout leaves out."""
    repository = lock.checkout.repository
    if repository.run("config", "--bool", "core.sparseCheckout", fine=(0, 1)).strip() != b"true":
        return set()
    rows = split_nul(repository.run("ls-files", "-t", "-z"))
    skipped = {row[2:] for row in rows if row.startswith(b"S ")}
    paths = (change.path for change in changes if change.path in skipped)
    return {path for path in paths if not os.path.lexists(repository.file(path))}


def staged_paths(checkout: Checkout, tip: str, changes: Iterable[PathChange]) -> set[bytes]:
    """Return the changed paths of which the index does not have the content of the tip."""
    options = ("--cached", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
    found = split_nul(checkout.repository.run("diff-index", *options, tip))
    return {change.path for change in changes}.intersection(found)


def _changed(lock: IndexLock, changes: Iterable[PathChange]) -> set[bytes]:
    """Return the changed paths of which the file does not have the content of the tip."""
    checkout = lock.checkout
    # An index of these files alone, without the times of the files and the bits with which git overlooks changes.
    index = lock.staging / "before"
    rows = (row for row in changes if row.old_mode not in _NOT_FILES)
    entries = b"".join(f"{row.old_mode} {row.old}\t".encode() + row.path + b"\0" for row in rows)
    if not entries:
        return set()
    run = checkout.repository.run
    run("update-index", "-z", "--index-info", index=index, stdin=entries)
    run(*checkout.settings, "update-index", "-q", "--refresh", index=index, fine=(0, 1))
    return set(split_nul(run(*checkout.settings, "diff-files", "-z", "--name-only", index=index)))


def _in_the_way(lock: IndexLock, changes: Sequence[PathChange]) -> set[bytes]:
    """Return the files without a version in the tip that are where a new file will be."""
    repository = lock.checkout.repository
    going = {change.path for change in changes if change.old_mode not in _NOT_FILES}
    new = [row.path for row in changes if row.old_mode in _NOT_FILES and row.new_mode not in (NONE, row.old_mode)]
    found = {path for name in new for path in obstacles(repository, name, going)}
    for folder in (row.path for row in changes if (row.old_mode, row.new_mode) == (REPOSITORY, NONE)):
        # A submodule that is checked out stays, so no files can take its place.
        if any(path.startswith(folder + b"/") for path in new):
            found |= obstacles(repository, folder, going)
    return found | _same_but_for_case(repository, new, {row.path for row in changes if row.new_mode == NONE})


def _same_but_for_case(repository: Repository, new: Sequence[bytes], gone: set[bytes]) -> set[bytes]:
    """Return new files that the file system can't tell from others. Each would overwrite the other."""
    if not new or repository.run("config", "--bool", "core.ignoreCase", fine=(0, 1)).strip() != b"true":
        return set()
    paths = [path for path in split_nul(repository.run("ls-files", "-z")) if path not in gone]
    spellings = Counter(_folded(path) for path in {*paths, *new})
    return {path for path in new if spellings[_folded(path)] > 1}


def _folded(path: bytes) -> str:
    return os.fsdecode(path).casefold()


def _stage_index(lock: IndexLock, changes: Sequence[PathChange], left_out: set[bytes]) -> None:
    """Write the new index: the user's, with the entries of the new commit."""
    index = lock.staging / "index"
    if lock.checkout.index.exists():
        # With its times: git reads files again that changed when the index was written.
        shutil.copy2(lock.checkout.index, index)
    # A folder's files go before a file takes its place.
    gone = b"".join(f"0 {'0' * len(row.old)}\t".encode() + row.path + b"\0" for row in changes)
    rows = (row for row in changes if row.new_mode != NONE)
    new = b"".join(f"{row.new_mode} {row.new}\t".encode() + row.path + b"\0" for row in rows)
    run = lock.checkout.repository.run
    run("update-index", "-z", "--index-info", index=index, stdin=gone + new)
    skipped = [row.path for row in changes if row.path in left_out and row.new_mode != NONE]
    if skipped:
        run("update-index", "-z", "--skip-worktree", "--stdin", index=index, stdin=_joined(skipped))


def _stage_files(lock: IndexLock, paths: Sequence[bytes]) -> None:
    """Write the new files, through the user's filters. The attributes are those of the new commit."""
    checkout = lock.checkout
    files = lock.staging / "files"
    files.mkdir(exist_ok=True)
    env = {"GIT_DIR": os.fspath(checkout.git_folder), "GIT_WORK_TREE": os.fspath(files)}
    if paths:
        command = (*checkout.settings, "checkout-index", "-f", "-q", "-z", "--stdin")
        checkout.repository.run(*command, index=lock.staging / "index", env=env, stdin=_joined(paths))


def _placed(lock: IndexLock, change: PathChange, before: str) -> PlacedFile | None:
    gone = change.new_mode in _NOT_FILES
    after = ABSENT if gone else file_state(lock.staging / "files", change.path)
    if not gone and after == ABSENT:
        raise GitError(f"git wrote no file for {list_paths([change.path])}", "git status shows what fails")
    return PlacedFile(os.fsdecode(change.path), before, after)


def _joined(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)

"""Bringing the working tree back to a checkpoint, and nothing else: not the user's branch, index or ignored files.

What is in the way is named, never overwritten: a change that neither a checkpoint of the workflow nor HEAD holds, an
ignored file, a file that checkpoints leave out. Other repositories within the tree are left as they are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.tree.checkpoints import RESTORE, Checkpoint, Checkpoints, take_all
from penguin.orchestration.tree.digest import MAX_NAMED
from penguin.orchestration.tree.git import entries, shown

_NONE = "000000"
_REPOSITORY = "160000"


class NotRestored(WorkflowError):
    """The tree can't be brought back without losing something; no file was touched."""

    code = "not_restored"


class _Change(NamedTuple):
    """What has to become of a file."""

    path: bytes
    now: str
    """Its mode as it is now; _NONE: it is not there."""
    then: str
    """Its mode in the checkpoint; _NONE: it is not there."""
    object: str
    """Its object in the checkpoint."""


class Restoration:
    """Brings the tree of a workflow back. Blocks while git runs; raises GitTrouble."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._index = checkpoints.index
        self._repository = checkpoints.repository

    def restore(self, target: Checkpoint, attempt: int) -> None:
        """Make the files those of `target`; what they were is kept first, as `<attempt>-restore`.

        Raises NotRestored where that would lose something.
        """
        with self._index.locked():
            take_all(self._index, self._checkpoints.exclusion)
            now = self._index.write_tree()
            changes = self._not_ignored(self._changes(now, target.tree))
            if not changes:
                return
            self._refuse_loss(target, now, changes)
            self._checkpoints.commit(f"{attempt}-{RESTORE}", now, "")
            self._apply(changes)

    def _changes(self, now: str, then: str) -> list[_Change]:
        output = self._git("diff-tree", "-r", "-z", "--raw", "--no-renames", now, then, *self._repository.within)
        parts = entries(output)
        rows = (_change(about.decode(), path) for about, path in zip(parts[::2], parts[1::2], strict=True))
        return [row for row in rows if _REPOSITORY not in (row.now, row.then)]

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        return self._repository.run(*arguments, given=given)

    def _not_ignored(self, changes: list[_Change]) -> list[_Change]:
        """Without the files that are ignored by now; those under the user's version control never are."""
        # The command refuses paths behind links, and knows no literal ones, but a dot keeps names from meaning more.
        asked = (change.path for change in changes if not self._behind_link(change.path))
        paths = b"".join(b"./" + path + b"\0" for path in asked)
        if not paths:
            return changes
        env = {"GIT_LITERAL_PATHSPECS": "0"}
        output = self._repository.run("check-ignore", "-z", "--stdin", given=paths, env=env, fine=(0, 1))
        ignored = {path.removeprefix(b"./") for path in entries(output)}
        return [change for change in changes if change.path not in ignored]

    def _behind_link(self, path: bytes) -> bool:
        return any(self._repository.file(above).is_symlink() for above in _prefixes(path))

    # --- what must not be lost ---

    def _refuse_loss(self, target: Checkpoint, now: str, changes: list[_Change]) -> None:
        blocked = self._in_the_way(changes)
        if blocked:
            raise NotRestored(
                f"can't bring back {target.name}: what checkpoints do not hold is in the way: {_named(blocked)}",
                "move them away, then the same again",
            )
        unheld = self._unheld(now, {change.path for change in changes if change.now != _NONE})
        if unheld:
            raise NotRestored(
                f"can't bring back {target.name}: no checkpoint holds the changes in {_named(unheld)}",
                "commit them, or git stash -u, then the same again",
            )

    def _unheld(self, now: str, paths: set[bytes]) -> set[bytes]:
        """Files whose content is nowhere but in the working tree."""
        holders = ["HEAD", *(checkpoint.tree for checkpoint in self._checkpoints.all())]
        while paths and holders:
            holder = holders.pop()
            if holder != "HEAD" or self._checkpoints.head():
                differing = self._git("diff-tree", "-r", "-z", "--name-only", "--no-renames", holder, now)
                paths &= set(entries(differing))
        return paths

    def _in_the_way(self, changes: list[_Change]) -> set[bytes]:
        """What is on disk where a file has to be, and is neither that file nor about to go."""
        going = {change.path for change in changes if change.now != _NONE}
        found: set[bytes] = set()
        for change in changes:
            if change.then != _NONE and change.now == _NONE:
                found |= self._obstacles(change.path, going)
        return found

    def _obstacles(self, path: bytes, going: set[bytes]) -> set[bytes]:
        for above in _prefixes(path):
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

    # --- doing it ---

    def _apply(self, changes: list[_Change]) -> None:
        gone = [change.path for change in changes if change.then == _NONE]
        for path in gone:
            self._remove(path)
        written = [change for change in changes if change.then != _NONE]
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


def _change(about: str, path: bytes) -> _Change:
    now, then, _, name, _ = about.removeprefix(":").split(" ")
    return _Change(path, now, then, name)


def _prefixes(path: bytes) -> Iterable[bytes]:
    parts = path.split(b"/")
    return (b"/".join(parts[:count]) for count in range(1, len(parts)))


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except OSError:
        return None


def _named(paths: Iterable[bytes]) -> str:
    names = [shown(path) for path in sorted(paths)]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more

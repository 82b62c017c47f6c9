"""The index of a workspace's workflows, outside of the workspace: each id with the number of its newest decision.

It is in the user's state folder, beside the record of the workspace's key. A database with less than its index was
emptied, replaced by an older copy, or lost its write-ahead log. A line is appended once the database has the decision
on disk, and is not synced. So a missing line can hide a loss, but no line reports a loss that did not happen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from penguin.orchestration.files.workspace_key import folder_keys, read_record, records_folder

if TYPE_CHECKING:
    from typing import BinaryIO

REMOVED = 0
"""Stands for the number of a workflow that was pruned, or whose loss was accepted."""
TAIL = 4096
"""Bytes at the end of the index that hold its newest entries."""
NEWEST = 8
"""Number of newest entries to compare. One would do, but processes that write at once append in any order."""
SPARE, PER_WORKFLOW = 100_000, 500
"""Bytes from which on an index is compacted: a fixed part, and one for each workflow."""


def index_path(key: str) -> str:
    """Return the file of a key's index."""
    return f"{records_folder()}/{key}.workflows"


def read_index(key: str) -> dict[str, int] | None:
    """Return the number of each workflow's newest decision, or REMOVED, in the order of changes. None: no index."""
    try:
        with _open_to_read(index_path(key)) as file:
            return _parse(file.read())
    except OSError:
        return None


def newest_entries(key: str) -> list[tuple[str, int]] | None:
    """Return the newest entries of workflows that are not removed. None: no index."""
    try:
        with _open_to_read(index_path(key)) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL))
            # The first line of a tail may lack its beginning.
            tail = file.read() if size <= TAIL else file.read().partition(b"\n")[2]
            found = _present(_parse(tail))
            if not found and size > TAIL:
                file.seek(0)
                found = _present(_parse(file.read()))
    except OSError:
        return None
    return found[-NEWEST:]


def earlier_keys(workspace: str, key: str) -> list[str]:
    """Return the keys of the workspaces that a folder held before this key, oldest first, of which an index remains.

    Not those that were moved to another folder and used there. An empty `key` stands for a folder without a key.
    """
    found = [other for other in folder_keys(workspace) if other != key and os.path.isfile(index_path(other))]
    # Records are read only here: it takes the import of a parser.
    return [other for other in found if (record := read_record(other)) and record.folder == workspace]


def forget_index(key: str) -> None:
    """Remove the index of a key."""
    with suppress(OSError):
        os.unlink(index_path(key))


class IndexWriter:
    """An open index. Other processes may append to it at the same time."""

    def __init__(self, key: str, read_numbers: Callable[[], Mapping[str, int]]) -> None:
        """Open the index. `read_numbers` returns the numbers of the database, for an index that does not exist yet.

        Without a key or a writable state folder, nothing is recorded.
        """
        self._path = index_path(key)
        self._descriptor = -1
        with suppress(OSError):
            if key and not os.path.exists(self._path):
                _create(self._path, read_numbers())
            if key:
                self._descriptor = _open_locked(self._path)

    def append(self, entries: Iterable[tuple[str, int]]) -> None:
        """Append entries. An index that can't be written stays as it is: the database is what counts."""
        if self._descriptor < 0:
            return
        try:
            # The line end first: on a full disk, the last line may have none.
            os.write(self._descriptor, b"\n" + _lines(entries))
        except OSError:
            return

    def compact(self, workflows: int, is_kept: Callable[[str], bool]) -> None:
        """Write a large index anew, with one line for each workflow, unless another process uses it.

        `workflows`: their number. `is_kept` returns whether the entry of a removed workflow is still needed.
        """
        with suppress(OSError):
            if self._descriptor < 0 or os.fstat(self._descriptor).st_size < SPARE + PER_WORKFLOW * workflows:
                return
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._rewrite(is_kept)
            finally:
                # The attempt to get the exclusive lock may have lost the shared one.
                self.close()
                self._descriptor = _open_locked(self._path)

    def _rewrite(self, is_kept: Callable[[str], bool]) -> None:
        with open(self._path, "rb") as file:
            entries = _parse(file.read())
        aside = f"{self._path}.{os.urandom(4).hex()}.new"
        _write(aside, [(name, seq) for name, seq in entries.items() if seq != REMOVED or is_kept(name)])
        os.replace(aside, self._path)

    def close(self) -> None:
        """Close the index."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open_to_read(path: str) -> BinaryIO:
    # A named pipe has nothing to read, and without this flag would wait for somebody who writes.
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def _parse(data: bytes) -> dict[str, int]:
    """Read lines. Of one workflow the last line counts; after a removal, only a new start does."""
    found: dict[str, int] = {}
    # What follows the last line end is not a complete line.
    for line in data.split(b"\n")[:-1]:
        name, _, number = line.decode("utf-8", "replace").partition(" ")
        if not name or not number.isdecimal():
            continue
        seq = int(number)
        if seq > 1 and found.get(name) == REMOVED:
            continue
        found.pop(name, None)
        found[name] = seq
    return found


def _present(found: dict[str, int]) -> list[tuple[str, int]]:
    return [entry for entry in found.items() if entry[1] != REMOVED]


def _lines(entries: Iterable[tuple[str, int]]) -> bytes:
    return "".join([f"{name} {seq}\n" for name, seq in entries]).encode("utf-8", "replace")


def _create(path: str, numbers: Mapping[str, int]) -> None:
    """Create an index that appears complete, unless there is one."""
    aside = f"{path}.{os.urandom(4).hex()}.new"
    try:
        _write(aside, numbers.items())
        os.link(aside, path)
    except FileExistsError:
        # Another process was faster.
        return
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _write(path: str, entries: Iterable[tuple[str, int]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_lines(entries))


def _open_locked(path: str) -> int:
    """Open an index to append to it, with a lock that keeps others from compacting it."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # It was compacted in between.
        os.close(descriptor)

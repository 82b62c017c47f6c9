"""The history of typed lines. Several shells may share the file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.history import History, InMemoryHistory

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.safe_open import UnsafePath, open_state_file
from penguin.orchestration.runtime.workspace_trust import open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.files.workspace import Workspace

FILE_NAME = "history"
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def open_history(workspace: Workspace) -> History:
    """Return the history of a workspace, readable by its owner only.

    If the file can't be used, or the workspace is not this user's own, return a history of this session only.
    """
    path = workspace.state / FILE_NAME
    try:
        open_workspace(workspace)
        descriptor = open_state_file(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    except (WorkflowError, OSError):
        # Opening the engine reports the reason.
        return InMemoryHistory()
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return SharedHistory(path)


class SharedHistory(History):
    """A history file that several shells append to. Each shell sees the others' entries at its next prompt.

    An entry is a comment with the time, and its lines with a `+` before each, as in prompt_toolkit's FileHistory. If
    the disk is full, the line is missing from the file, but the shell continues.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._offset = 0
        """The number of bytes read from the file."""

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield all entries, newest first, including those of other shells."""
        self._loaded_strings[:0] = reversed(self._read_new_entries())
        self._loaded = True
        for entry in self._loaded_strings:
            yield entry
        # Redraw for a user who started to search before the entries were loaded.
        get_app().invalidate()

    def load_history_strings(self) -> Iterable[str]:
        """Return all entries, newest first."""
        return reversed(self._read_new_entries())

    def append_string(self, string: str) -> None:
        """Add an entry. It is read back from the file, in the order in which all shells wrote."""
        if not self._write_entry(string):
            self._loaded_strings.insert(0, string)

    def store_string(self, string: str) -> None:
        """Write an entry."""
        self._write_entry(string)

    def _write_entry(self, string: str) -> bool:
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        entry = f"\n# {datetime.now()}\n{lines}".encode("utf-8", "replace")
        try:
            with open(open_state_file(self._path, APPEND), "ab", buffering=0) as file:
                # Write one whole entry at a time. If the disk has no room for all of it, restore the previous size.
                fcntl.flock(file, fcntl.LOCK_EX)
                before = os.fstat(file.fileno()).st_size
                if file.write(entry) != len(entry):
                    file.truncate(before)
                    return False
        except (OSError, UnsafePath):
            return False
        return True

    def _read_new_entries(self) -> list[str]:
        """Return the entries added to the file since it was last read, oldest first."""
        try:
            with open(open_state_file(self._path, os.O_RDONLY), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                if os.fstat(file.fileno()).st_size < self._offset:
                    # The file was truncated.
                    self._offset = 0
                    self._loaded_strings.clear()
                file.seek(self._offset)
                added = file.read()
                self._offset = file.tell()
        except (OSError, UnsafePath):
            return []
        return list(_parse_entries(added.decode("utf-8", "replace")))


def _parse_entries(text: str) -> Iterable[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)

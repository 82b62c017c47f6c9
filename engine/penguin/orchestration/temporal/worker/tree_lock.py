"""The working tree of a workspace, as workflows in place take it: one at a time, over all workers of the workspace.

The file `tree-holder` names the workflow that took the tree last. The workflow holds the tree as long as its state says
so, which the server knows. The file is locked from the moment it is written until the attempts of that activity are
over, so that no other worker takes the tree before the server knows of the first attempt.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from penguin.orchestration.files.safe_open import open_state_file

FILE = "tree-holder"
REFRESH = 1.0
"""Seconds between two questions to the server whether the holder still holds the tree."""


class TreeLock:
    """The working tree, as one worker takes it.

    `holds` says, of what is known here, whether a workflow holds the tree; `refresh` asks the server about it.
    """

    def __init__(self, folder: Path, holds: Callable[[str], bool], refresh: Callable[[str], Awaitable[object]]) -> None:
        self._path = folder / FILE
        self._holds = holds
        self._refresh = refresh
        self._refreshed_at = 0.0

    def take(self, workflow_id: str) -> int | None:
        """Take the tree for a workflow: the locked descriptor, or None while another workflow holds the tree."""
        opened = self._open()
        if opened is None:
            return None
        descriptor, holder = opened
        if holder not in ("", workflow_id) and self._holds(holder):
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, workflow_id.encode(), 0)
        return descriptor

    def is_free(self) -> bool:
        """Return whether no workflow holds the tree at this moment."""
        opened = self._open()
        if opened is None:
            return False
        descriptor, holder = opened
        os.close(descriptor)
        return not holder or not self._holds(holder)

    async def ask_holder(self) -> None:
        """Ask the server about the workflow that took the tree last, at most once in REFRESH seconds."""
        now = time.monotonic()
        if now - self._refreshed_at < REFRESH:
            return
        self._refreshed_at = now
        if opened := self._open():
            descriptor, holder = opened
            os.close(descriptor)
            if holder:
                await self._refresh(holder)

    def _open(self) -> tuple[int, str] | None:
        descriptor = open_state_file(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor, os.pread(descriptor, 500, 0).decode()

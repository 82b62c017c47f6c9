"""The lines that were typed, kept for the next time. Several shells may share the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from penguin.orchestration.backend import WorkflowError

if TYPE_CHECKING:
    from penguin.orchestration.workspace import Workspace

FILE = "history"


def open_history(workspace: Workspace) -> History:
    """The history of a workspace, readable by its owner only; where nothing can be kept, that of this session."""
    path = workspace.state / FILE
    try:
        workspace.ensure()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except (WorkflowError, OSError):
        return InMemoryHistory()
    try:
        os.fchmod(descriptor, 0o600)
    except OSError:
        # Somebody else's file: it can be written, so it will do.
        pass
    finally:
        os.close(descriptor)
    return ForgivingHistory(path)


class ForgivingHistory(FileHistory):
    """A full disk costs the line its place in the file, not the shell its life."""

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError:
            return

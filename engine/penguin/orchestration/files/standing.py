"""Whose a workspace is, and the error where it is not this user's own."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.secret_env import TRUST
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import is_known, read_key, replace_key

COMMAND = "penguin trust"


class Standing(StrEnum):
    """Whose a `.penguin/` is, as far as this user's records say."""

    NEW = "new"
    """There is none yet."""
    OWN = "own"
    MOVED = "moved"
    """This user's, in another folder than before; the old one is gone."""
    COPIED = "copied"
    """This user's key, while the workspace that it was made for is still there."""
    UNMARKED = "unmarked"
    """Without a key: made by an earlier version of Penguin, or unpacked from an archive."""
    UNKNOWN = "unknown"
    """Its key is in no record of this user."""
    TRACKED = "tracked"
    """git tracks files of it, so they may come from somebody else."""


REASONS = {
    Standing.UNMARKED: "has no key of this machine: an earlier Penguin made it, or it came with an archive",
    Standing.UNKNOWN: "was not made by you on this machine",
    Standing.TRACKED: "is tracked by git, so what is in it may be somebody else's",
}
"""Why a workspace is not trusted, after the path of its `.penguin`."""


class WorkspaceNotTrusted(WorkflowError):
    """The workspace's `.penguin/` was not made by this user on this machine: it is neither run nor written to."""

    code = "not_trusted"

    def __init__(self, workspace: Workspace, standing: Standing) -> None:
        super().__init__(
            f"{workspace.state} {REASONS[standing]}; Penguin reads it, but does not run or write to it",
            f"{COMMAND} shows what it holds, and asks",
        )
        self.standing = standing


def require_known(state: Path) -> None:
    """Let a file in a `.penguin` folder be written to where this user has a record of its key; make a missing folder.

    What is written there is not run by this: git is not asked, and a copy stays as it is. Raises WorkspaceNotTrusted,
    and what `Workspace.ensure` raises.
    """
    workspace = Workspace(state.parent)
    if not workspace.is_new and not is_known(os.fspath(workspace.state)):
        if os.environ.get(TRUST) != "1":
            key = read_key(os.fspath(workspace.state))
            raise WorkspaceNotTrusted(workspace, Standing.UNKNOWN if key else Standing.UNMARKED)
        replace_key(workspace.name, os.fspath(workspace.state))
    workspace.ensure()

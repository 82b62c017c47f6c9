"""The standing of a workspace: whose it is, and the error if it is not this user's own."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.secret_env import TRUST
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import is_known, read_key, replace_key

COMMAND = "penguin trust"


class TrustStatus(StrEnum):
    """Whose a `.penguin/` is, according to this user's records."""

    NEW = "new"
    """It does not exist yet."""
    OWN = "own"
    MOVED = "moved"
    """It is this user's and was moved: the old folder is gone."""
    COPIED = "copied"
    """It has this user's key, but the workspace with the record is still there."""
    UNMARKED = "unmarked"
    """It has no key: an earlier version of Penguin made it, or it comes from an archive."""
    UNKNOWN = "unknown"
    """Its key is in no record of this user."""
    TRACKED = "tracked"
    """git tracks files of it, so they may come from another person."""


REASONS = {
    TrustStatus.UNMARKED: "has no key of this machine: an earlier Penguin made it, or it came with an archive",
    TrustStatus.UNKNOWN: "was not made by you on this machine",
    TrustStatus.TRACKED: "is tracked by git, so its files may come from another person",
}
"""Why a workspace is not trusted; follows the path of its `.penguin`."""


class WorkspaceNotTrusted(WorkflowError):
    """The workspace's `.penguin/` was not made by this user on this machine: Penguin does not run it or write to it."""

    code = "not_trusted"

    def __init__(self, workspace: Workspace, standing: TrustStatus) -> None:
        value = os.environ.get(TRUST, "")
        # Its value is not shown: it may be anything.
        ignored = f"; {TRUST} is set, but trusts workspaces only if it is 1" if value not in ("", "0") else ""
        super().__init__(
            f"{workspace.state} {REASONS[standing]}; Penguin reads it but does not run it or write to it{ignored}",
            f"{COMMAND} shows what it holds, and asks",
        )
        self.standing = standing


def require_known(state: Path) -> None:
    """Raise unless this user has a record of the key of a `.penguin` folder. Create a missing folder.

    For writes that run nothing: git is not asked, and a copy stays as it is. Raises WorkspaceNotTrusted, and what
    `Workspace.ensure` raises.
    """
    workspace = Workspace(state.parent)
    if not workspace.is_new and not is_known(os.fspath(workspace.state)):
        if os.environ.get(TRUST) != "1":
            key = read_key(os.fspath(workspace.state))
            raise WorkspaceNotTrusted(workspace, TrustStatus.UNKNOWN if key else TrustStatus.UNMARKED)
        replace_key(workspace.name, os.fspath(workspace.state))
    workspace.ensure()

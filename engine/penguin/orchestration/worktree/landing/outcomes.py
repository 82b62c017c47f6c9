"""The outcomes of a landing, and the errors that end one before the branch has moved."""

from __future__ import annotations

from typing import NamedTuple

from penguin.orchestration.backend import WorkflowError


class Landed(NamedTuple):
    """The branch contains the commit."""

    branch: str
    commit: str
    parent: str
    """The tip of the branch before."""


class NothingToLand(NamedTuple):
    """The branch has the content of the work already."""

    branch: str
    tip: str


class GatesNeeded(NamedTuple):
    """The merged tree is not the one that the gates passed on. Run them on it, then land again."""

    tip: str
    tree: str
    commits: int
    """How many commits the branch has beyond the base of the work."""


class Side(NamedTuple):
    """A version of a file: its mode and object in the user's repository."""

    mode: str
    object: str


class ConflictingFile(NamedTuple):
    """A path that the branch and the work changed differently. A side is None where the file does not exist."""

    path: bytes
    base: Side | None
    branch: Side | None
    work: Side | None


class Conflict(NamedTuple):
    """The work can't be merged into the tip of the branch."""

    tip: str
    files: tuple[ConflictingFile, ...]
    tree: str = ""
    """The merged tree with conflict markers in the files; '' if git is older than 2.38."""


class Moved(NamedTuple):
    """The branch, or where it is checked out, changed meanwhile. Land again: the work is merged into the new tip."""

    branch: str
    tip: str


class Busy(NamedTuple):
    """Another git command holds a checkout of the branch. Nothing has moved; land again later."""

    reason: str
    hint: str


class Refused(NamedTuple):
    """A person has to do something first. Nothing has moved."""

    reason: str
    hint: str
    paths: tuple[bytes, ...] = ()
    """The files of the user that the landing would overwrite."""


class Unfinished(NamedTuple):
    """The branch contains the commit, but a checkout of it has not followed. `recover` continues."""

    branch: str
    commit: str
    reason: str
    hint: str
    paths: tuple[bytes, ...] = ()
    """The files that changed since the branch moved."""


Outcome = Landed | NothingToLand | GatesNeeded | Conflict | Moved | Busy | Refused | Unfinished


class LandingRefused(WorkflowError):
    """The landing needs a person. Nothing has moved."""

    code = "landing_refused"

    def __init__(self, message: str, hint: str, paths: tuple[bytes, ...] = ()) -> None:
        super().__init__(message, hint)
        self.paths = paths


class LandingBusy(WorkflowError):
    """Another git command holds a checkout of the branch. Nothing has moved."""

    code = "landing_busy"


class BranchMoved(Exception):
    """The branch, or where it is checked out, changed during the landing. Nothing has moved."""

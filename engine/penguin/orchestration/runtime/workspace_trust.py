"""The trust in a workspace: a `.penguin/` that another user made is read, but not run or written to.

Call `open_workspace` before writing to `.penguin/` or running what is in it. Reading needs no trust.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penguin.orchestration.files.safe_open import STATE_DIR, UnsafePath, open_state_folder, refuse_links
from penguin.orchestration.files.secret_env import TRUST
from penguin.orchestration.files.trust_status import REASONS, TrustStatus, WorkspaceNotTrusted
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import (
    KEY_FILE,
    is_known,
    read_key,
    read_record,
    record_of,
    replace_key,
    write_record,
)
from penguin.orchestration.runtime.step_guard import refuse_inside_step

_opened: set[tuple[str, int, int]] = set()
"""The `.penguin` folders that this process may write to: path, device and inode."""


def open_workspace(workspace: Workspace) -> str:
    """Make `.penguin/` ready to be written to. Return a message for the person if something was done, else ''.

    A missing one is created, with a key and a record. A moved one is recorded again. A copy gets its own key, and its
    active workflows are paused. Raises WorkspaceNotTrusted for one that is not this user's, UnsafePath for a link and
    a folder of another user, and WorkflowError if it can't be written.
    """
    refuse_links(workspace.state, writing=True)
    if _identity(workspace) in _opened:
        workspace.ensure()
        return ""
    for entry in _entries(workspace):
        refuse_links(entry)
    message = ""
    standing = standing_of(workspace)
    if standing in REASONS:
        if os.environ.get(TRUST) != "1":
            raise WorkspaceNotTrusted(workspace, standing)
        trust(workspace)
    elif standing in (TrustStatus.MOVED, TrustStatus.COPIED):
        message = _settle(workspace)
    workspace.ensure()
    _opened.add(_identity(workspace))
    return message


def standing_of(workspace: Workspace) -> TrustStatus:
    """Return the standing of a workspace. Runs git if the workspace is in a repository; writes nothing."""
    state = os.fspath(workspace.state)
    tracked = _tracked(workspace)
    key = read_key(state)
    record = read_record(key) if key else None
    if tracked and (record is None or record.tracked != tracked):
        return TrustStatus.TRACKED
    if workspace.is_new:
        return TrustStatus.NEW
    if not os.path.lexists(workspace.state / KEY_FILE):
        return TrustStatus.UNMARKED
    if record is None:
        return TrustStatus.UNKNOWN
    if record.folder == workspace.name:
        return TrustStatus.OWN
    return _elsewhere(workspace, Workspace(record.folder).state, key)


def _elsewhere(workspace: Workspace, before: Path, key: str) -> TrustStatus:
    """Return the standing of a `.penguin` whose record names another folder, where `before` was."""
    try:
        if workspace.state.samefile(before):
            # One folder by two names, such as a bind mount.
            return TrustStatus.OWN
        return TrustStatus.COPIED if read_key(os.fspath(before)) == key else TrustStatus.MOVED
    except (FileNotFoundError, NotADirectoryError):
        return TrustStatus.MOVED
    except OSError:
        # Whether the original is gone can't be known.
        return TrustStatus.COPIED


def is_own(workspace: Workspace) -> bool:
    """Return whether the workspace may be written to without asking. Cheap; runs no git."""
    return workspace.is_new or is_known(os.fspath(workspace.state))


def trust(workspace: Workspace) -> None:
    """Accept a `.penguin/` as this user's own: it gets a new key, and what git tracks now is accepted.

    Raises InsideStep inside a step of the workspace, UnsafePath, and WorkflowError if it can't be written.
    """
    refuse_inside_step(workspace.root, "trust a workspace")
    refuse_links(workspace.state, writing=True)
    if workspace.is_new:
        workspace.ensure()
    with _locked(workspace):
        # Never keep the old key: the person who made the folder knows it.
        replace_key(workspace.name, os.fspath(workspace.state), _tracked(workspace))


def _settle(workspace: Workspace) -> str:
    """Record a moved workspace again, or make a copy a workspace of its own. Return the message for the person.

    Raises InsideStep, and UnsafePath for a copy that shares its database with the original by a hard link.
    """
    # Only a copy needs the states of workflows, and every shell imports this module before its first prompt.
    from penguin.orchestration.runtime.current_user import current_user
    from penguin.orchestration.runtime.pause_copied_workflows import pause_all

    refuse_inside_step(workspace.root, "use a copy of a workspace")
    with _locked(workspace):
        # Another process may have done it meanwhile.
        standing = standing_of(workspace)
        state = os.fspath(workspace.state)
        key = read_key(state)
        record = read_record(key)
        if record is None or standing not in (TrustStatus.MOVED, TrustStatus.COPIED):
            return ""
        if standing is TrustStatus.MOVED:
            write_record(key, record_of(workspace.name, state, record.tracked, record.server))
            return ""
        _refuse_shared(workspace.db, Workspace(record.folder).db)
        # The key last: after a crash in between, it still counts as a copy.
        paused = pause_all(workspace.db, current_user())
        replace_key(workspace.name, state, record.tracked, record.server)
    what = f"{len(paused)} active workflow{'' if len(paused) == 1 else 's'} of it"
    return f"this workspace is a copy of {record.folder}" + (
        f"; {what} {'is' if len(paused) == 1 else 'are'} paused here" if paused else ""
    )


def _refuse_shared(db: Path, original: Path) -> None:
    if db.exists() and original.exists() and db.samefile(original):
        raise UnsafePath(
            f"{db} and {original} are hard links to one file", "copy the workspace with: cp -r, without -l"
        )


@contextmanager
def _locked(workspace: Workspace) -> Iterator[None]:
    """Keep other processes from changing the key at the same time."""
    descriptor = open_state_folder(workspace.state)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _entries(workspace: Workspace) -> list[Path]:
    try:
        return list(workspace.state.iterdir())
    except OSError:
        # Missing, or not a folder: `ensure` creates it, or says what is wrong.
        return []


def _identity(workspace: Workspace) -> tuple[str, int, int]:
    try:
        found = workspace.state.lstat()
    except OSError:
        return ("", 0, 0)
    return (os.fspath(workspace.state), found.st_dev, found.st_ino)


def _tracked(workspace: Workspace) -> str:
    """Return the digest of what git's index has below `.penguin`; '' for nothing, and outside of a repository.

    Raises GitTimeout.
    """
    if not any(os.path.lexists(folder / ".git") for folder in (workspace.root, *workspace.root.parents)):
        return ""
    from penguin.orchestration.worktree.git import GitError, GitTimeout, Repository

    try:
        entries = Repository(workspace.root).indexed(STATE_DIR)
    except GitTimeout:
        raise
    except GitError:
        # Without git nothing is checked out or pulled either; the key alone decides.
        return ""
    return hashlib.sha256(entries).hexdigest() if entries else ""

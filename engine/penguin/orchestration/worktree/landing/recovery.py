"""Recovery: what to do about a landing that a crash may have interrupted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import NoRepository, Repository
from penguin.orchestration.worktree.landing.branch_move import go_forward, landed
from penguin.orchestration.worktree.landing.checkouts import Checkout, worktrees
from penguin.orchestration.worktree.landing.index_lock import IndexLock
from penguin.orchestration.worktree.landing.outcomes import Landed, Unfinished
from penguin.orchestration.worktree.landing.record import LandingRecord, read_record
from penguin.orchestration.worktree.landing.target_branch import branch_tip, contains


def recover(repository: Repository, folder: Path) -> Landed | Unfinished | None:
    """Continue a landing that has moved its branch, or undo the preparations of one that has not.

    Args:
        repository: The user's repository.
        folder: The folder with the record of the landing.

    Returns:
        None if nothing has moved: land again, from the merge on.

    Raises:
        WorkflowError: The record can't be read or written, or git failed.
        OSError: A lock of ours can't be removed.
    """
    record = read_record(folder)
    if record is None:
        return None
    if record.landed:
        return landed(record)
    tip = branch_tip(repository, record.branch)
    if tip and contains(repository, tip, record.commit):
        outcome = go_forward(repository, folder, record)
        if isinstance(outcome, Landed):
            _release(repository, record)
        return outcome
    _release(repository, record)
    return None


def _release(repository: Repository, record: LandingRecord) -> None:
    """Remove our locks, and what was prepared beside them, in every worktree: the plan may not be recorded yet."""
    reach("landing.undo.before")
    for worktree in worktrees(repository):
        # A worktree that is damaged, or was removed, has no lock of ours.
        with suppress(NoRepository):
            if worktree.top.is_dir():
                IndexLock(Checkout(worktree.top), record.token).release()
    reach("landing.undo.after")

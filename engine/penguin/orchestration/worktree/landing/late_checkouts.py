"""Checkouts that another git command made of the old tip while the branch moved.

`git switch BRANCH` reads the tip first, then writes files and index, and sets HEAD last. If the branch moves meanwhile,
its files are those of the old tip, and the next commit there would undo the landing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing.checkout_plan import PathChange, changed_paths, plan_checkout, staged_paths
from penguin.orchestration.worktree.landing.checkouts import Checkout, checkouts_of, git_folders
from penguin.orchestration.worktree.landing.index_lock import IndexLock, is_of_landing
from penguin.orchestration.worktree.landing.record import CheckoutPlan, LandingRecord
from penguin.orchestration.worktree.landing.target_branch import branch_ref

_LIMIT = 2.0
"""Seconds to wait for git commands in other checkouts. One with an editor open may take long."""
_SETTLE = 0.1
"""Seconds in which a command that has read the tip takes its lock."""
_INTERVAL = 0.02


def plan_late_checkouts(repository: Repository, record: LandingRecord) -> list[CheckoutPlan]:
    """Lock and plan the checkouts of the branch that are at the old tip, apart from those in the record.

    Raises LandingBusy, LandingRefused, GitError, OSError.
    """
    _wait_for_commands(repository)
    known = {plan.top for plan in record.checkouts}
    late = [one for one in checkouts_of(repository, branch_ref(record.branch)) if os.fspath(one.top) not in known]
    if not late:
        return []
    changes = changed_paths(repository, record.tip, record.commit)
    plans = [_plan(checkout, record, changes) for checkout in late]
    return [plan for plan in plans if plan is not None]


def _wait_for_commands(repository: Repository) -> None:
    """Wait until no other command holds the lock of an index."""
    time.sleep(_SETTLE)
    locks = [folder / "index.lock" for folder in git_folders(repository)]
    end = time.monotonic() + _LIMIT
    while any(lock.exists() and not is_of_landing(lock) for lock in locks) and time.monotonic() < end:
        time.sleep(_INTERVAL)


def _plan(checkout: Checkout, record: LandingRecord, changes: Sequence[PathChange]) -> CheckoutPlan | None:
    """Return None if the index is not that of the old tip: the checkout was made after the move."""
    lock = IndexLock(checkout, record.token)
    lock.take_soon()
    try:
        if not staged_paths(checkout, record.tip, changes):
            return plan_checkout(lock, record.tip, changes)
    except Exception:
        lock.release()
        raise
    lock.release()
    return None

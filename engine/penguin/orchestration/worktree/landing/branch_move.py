"""The move of a branch with its checkouts: what can fail is done before it, the rest can be repeated."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import GitError, Repository
from penguin.orchestration.worktree.landing.checkout_plan import changed_paths, plan_checkout
from penguin.orchestration.worktree.landing.checkout_update import FilesChanged, update_checkout
from penguin.orchestration.worktree.landing.checkouts import checkouts_of
from penguin.orchestration.worktree.landing.index_lock import IndexLock, lock_checkouts, release_all
from penguin.orchestration.worktree.landing.late_checkouts import plan_late_checkouts
from penguin.orchestration.worktree.landing.outcomes import BranchMoved, Landed, LandingRefused, Unfinished
from penguin.orchestration.worktree.landing.record import LandingRecord, write_record
from penguin.orchestration.worktree.landing.target_branch import branch_ref, branch_tip, contains


class BranchMove:
    """The move of a branch of the user's repository from one commit to another. The record is in `folder`."""

    def __init__(self, repository: Repository, folder: Path, branch: str, tip: str, commit: str) -> None:
        self._repository = repository
        self._folder = folder
        self._record = LandingRecord(branch, tip, commit, secrets.token_hex(8), [])

    def run(self, wait: float, on_wait: Callable[[str], None]) -> Landed | Unfinished:
        """Move the branch and its checkouts.

        Raises LandingBusy, LandingRefused, BranchMoved, WorkflowError, OSError: nothing has moved then.
        """
        reach("landing.intent.before")
        write_record(self._folder, self._record)
        reach("landing.intent.after")
        ref, token = branch_ref(self._record.branch), self._record.token
        locks = lock_checkouts(self._repository, ref, token, wait, on_wait)
        try:
            self._prepare(locks)
        except Exception:
            release_all(locks)
            raise
        self._move(locks)
        return go_forward(self._repository, self._folder, self._record)

    def _prepare(self, locks: list[IndexLock]) -> None:
        record = self._record
        changes = changed_paths(self._repository, record.tip, record.commit) if locks else []
        try:
            plans = [plan_checkout(lock, record.tip, changes) for lock in locks]
        except LandingRefused:
            # git switch sets HEAD after it has released its lock.
            self._check_checkouts(locks)
            raise
        self._record = record._replace(checkouts=plans)
        reach("landing.plan.before")
        write_record(self._folder, self._record)
        reach("landing.plan.after")
        self._check_checkouts(locks)

    def _check_checkouts(self, locks: list[IndexLock]) -> None:
        """Raise BranchMoved if the branch is checked out elsewhere meanwhile."""
        now = [checkout.top for checkout in checkouts_of(self._repository, branch_ref(self._record.branch))]
        if now != [lock.checkout.top for lock in locks]:
            raise BranchMoved

    def _move(self, locks: list[IndexLock]) -> None:
        """Move the branch by compare-and-swap. Raises BranchMoved if it is elsewhere meanwhile."""
        record, ref = self._record, branch_ref(self._record.branch)
        options = ("--create-reflog", "-m", f"penguin: land {record.commit[:12]}")
        reach("landing.move.before")
        try:
            self._repository.run("update-ref", *options, ref, record.commit, record.tip)
        except GitError:
            # If this fails too, it is unknown whether the branch has moved: the locks stay for recovery.
            tip = branch_tip(self._repository, record.branch)
            # A git process of a landing that was killed may have been faster.
            if not (tip and contains(self._repository, tip, record.commit)):
                release_all(locks)
                if tip == record.tip:
                    raise
                raise BranchMoved from None
        reach("landing.move.after")


def go_forward(repository: Repository, folder: Path, record: LandingRecord) -> Landed | Unfinished:
    """Update the checkouts of a branch that has moved. Can be repeated."""

    def unfinished(reason: str, hint: str, paths: tuple[bytes, ...] = ()) -> Unfinished:
        return Unfinished(record.branch, record.commit, reason, hint, paths)

    try:
        if late := plan_late_checkouts(repository, record):
            record = record._replace(checkouts=[*record.checkouts, *late])
            write_record(folder, record)
            reach("landing.late.after")
        for plan in record.checkouts:
            update_checkout(plan, record.token)
        reach("landing.done.before")
        write_record(folder, record._replace(landed=True))
        reach("landing.done.after")
    except FilesChanged as error:
        return unfinished(str(error), "move your versions of these files away, then /workflow resume", error.paths)
    except WorkflowError as error:
        return unfinished(error.message, f"{error.hint or 'correct this'}, then /workflow resume")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return unfinished(f"can't write {where}{error.strerror or error}", "correct this, then /workflow resume")
    return landed(record)


def landed(record: LandingRecord) -> Landed:
    """Return the outcome of a landing whose record says that it is done."""
    return Landed(record.branch, record.commit, record.tip)

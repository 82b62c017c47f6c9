"""The lock of a checkout's index, with a token that tells whose it is.

While it is there, ordinary git commands refuse to change the index or to switch branches.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing.checkouts import Checkout, checkouts_of, is_rebased
from penguin.orchestration.worktree.landing.outcomes import LandingBusy

_SOON = 2.0
"""Seconds to wait for a lock that the landing needs to end."""
_MARK = b"penguin landing "
_INTERVAL = 0.05
"""Seconds between two looks at a lock of another program."""


class IndexLock:
    """The lock of one checkout. `staging` is a folder beside the index for what the landing prepares."""

    def __init__(self, checkout: Checkout, token: str) -> None:
        self.checkout = checkout
        self.path = Path(f"{checkout.index}.lock")
        self.staging = checkout.index.parent / f"penguin-landing-{token}"
        self._content = _MARK + f"{token}\n".encode()

    def take(self) -> bool:
        """Take the lock. Return False if another program has it. Raises OSError."""
        self.staging.mkdir(exist_ok=True)
        source = self.staging / "token"
        source.write_bytes(self._content)
        reach("landing.lock.before")
        try:
            # The lock appears with its content, so after a crash it can be told from others.
            self.path.hardlink_to(source)
        except FileExistsError:
            return self.is_ours
        reach("landing.lock.after")
        return True

    def take_soon(self) -> None:
        """Take the lock after the branch has moved. Raises LandingBusy and OSError."""
        end = time.monotonic() + _SOON
        while not self.take():
            if time.monotonic() >= end:
                raise LandingBusy(*self.holder)
            time.sleep(_INTERVAL)

    @property
    def is_ours(self) -> bool:
        """Return whether the lock holds our token."""
        return _read(self.path) == self._content

    @property
    def holder(self) -> tuple[str, str]:
        """Return who else has the lock, and what to type."""
        if is_of_landing(self.path):
            return f"another landing holds {self.path}", "wait for it, or type /workflow list to see it"
        name, top = shlex.quote(os.fspath(self.path)), self.checkout.top
        return f"another git command holds {self.path}", f"wait for it, or, if no git runs in {top}, type: rm {name}"

    def release(self) -> None:
        """Remove the lock if it is ours, and what was prepared. Raises OSError."""
        reach("landing.release.before")
        if self.is_ours:
            self.path.unlink()
        reach("landing.release.after")
        shutil.rmtree(self.staging, ignore_errors=True)


def is_of_landing(lock: Path) -> bool:
    """Return whether a lock is that of a landing, this one or another."""
    return _read(lock).startswith(_MARK)


def _read(lock: Path) -> bytes:
    try:
        return lock.read_bytes()
    except OSError:
        return b""


def lock_checkouts(
    repository: Repository, ref: str, token: str, wait: float, on_wait: Callable[[str], None]
) -> list[IndexLock]:
    """Lock every checkout of a branch, as soon as nothing is under way in one.

    Args:
        repository: The user's repository.
        ref: The full ref of the branch.
        token: What the locks hold.
        wait: The limit in seconds.
        on_wait: Called with the reason of a wait, once for each reason.

    Raises:
        LandingBusy: The limit is over.
        LandingRefused: A checkout is missing.
        GitError, OSError: A checkout can't be locked.
    """
    end = time.monotonic() + wait
    told = ""
    while True:
        locks, reason, hint = _try_to_lock(repository, ref, token)
        if not reason:
            return locks
        if reason != told:
            on_wait(reason)
            told = reason
        if time.monotonic() >= end:
            raise LandingBusy(reason, hint)
        time.sleep(_INTERVAL)


def release_all(locks: list[IndexLock]) -> None:
    """Release locks, also those that come after one that can't be released."""
    for lock in locks:
        with suppress(OSError):
            lock.release()


def _try_to_lock(repository: Repository, ref: str, token: str) -> tuple[list[IndexLock], str, str]:
    """Return the locks, or the reason why a checkout can't be locked now, and what to type."""
    locks: list[IndexLock] = []
    try:
        reason, hint = _lock_each(repository, ref, token, locks)
    except BaseException:
        release_all(locks)
        raise
    if reason:
        release_all(locks)
    return locks, reason, hint


def _lock_each(repository: Repository, ref: str, token: str, locks: list[IndexLock]) -> tuple[str, str]:
    name = ref.removeprefix("refs/heads/")
    for checkout in checkouts_of(repository, ref):
        lock = IndexLock(checkout, token)
        locks.append(lock)
        if not lock.take():
            return lock.holder
        # A command that holds the lock only now and then, such as a rebase, has left its files.
        if operation := checkout.operation:
            return (
                f"{operation} is under way in {checkout.top}",
                "finish it (git status says how), then /workflow resume",
            )
    if is_rebased(repository, ref):
        return f"a rebase of {name} is under way", "finish it (git status says how), then /workflow resume"
    return "", ""

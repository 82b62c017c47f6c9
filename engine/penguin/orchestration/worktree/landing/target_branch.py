"""The branch that workflows land on."""

from __future__ import annotations

import os
from typing import NamedTuple

from penguin.orchestration.worktree.git import GitError, Repository
from penguin.orchestration.worktree.landing.checkouts import worktrees
from penguin.orchestration.worktree.landing.outcomes import LandingRefused

CURRENT = "current"
"""The setting for the branch that is checked out."""
_HEADS = "refs/heads/"


class TargetBranch(NamedTuple):
    """The target of a landing."""

    name: str
    """Its short name, such as `penguin/backlog`."""
    tip: str
    behind: int
    """How many commits HEAD has beyond the branch."""


def prepare_target(repository: Repository, setting: str) -> TargetBranch:
    """Return the branch for a new workflow.

    A missing branch is created at HEAD. One that holds nothing that HEAD lacks is moved to HEAD, unless it is checked
    out. Raises LandingRefused and GitError.

    Args:
        repository: The user's repository.
        setting: The short name of the branch, or `current`.
    """
    head = _commit(repository, "HEAD")
    if not head:
        raise LandingRefused("the repository has no commit yet", "git commit")
    name = current_branch(repository) if setting == CURRENT else _checked_name(repository, setting)
    tip = branch_tip(repository, name)
    if not tip:
        _set(repository, name, head, "")
    elif tip != head and contains(repository, head, tip) and not _is_checked_out(repository, name):
        _set(repository, name, head, tip)
    tip = branch_tip(repository, name)
    return TargetBranch(name, tip, count_commits(repository, tip, head))


def current_branch(repository: Repository) -> str:
    """Return the short name of the branch that is checked out. Raises LandingRefused if there is none."""
    ref = repository.run("symbolic-ref", "-q", "HEAD", fine=(0, 1)).decode().strip()
    if not ref.startswith(_HEADS):
        raise LandingRefused(
            "HEAD is detached, so there is no current branch to land on",
            "git switch BRANCH, or name a branch in land.branch",
        )
    return ref.removeprefix(_HEADS)


def branch_tip(repository: Repository, name: str) -> str:
    """Return the commit of a branch; '' if there is no such branch."""
    return _commit(repository, _HEADS + name)


def branch_ref(name: str) -> str:
    """Return the full ref of a branch."""
    return _HEADS + name


def contains(repository: Repository, tip: str, commit: str) -> bool:
    """Return whether a commit is another one or one of its ancestors. Raises GitError if one of them is missing."""
    return repository.run("rev-list", "--count", "--max-count=1", f"^{tip}", commit).strip() == b"0"


def count_commits(repository: Repository, old: str, new: str) -> int:
    """Return how many commits `new` has beyond `old`."""
    return int(repository.run("rev-list", "--count", f"^{old}", new))


def _commit(repository: Repository, name: str) -> str:
    return repository.run("rev-parse", "-q", "--verify", f"{name}^{{commit}}", fine=(0, 1)).decode().strip()


def _checked_name(repository: Repository, name: str) -> str:
    # git replaces `@{-1}` by the name of a branch.
    if repository.run("check-ref-format", "--branch", name, fine=(0, 128)) != os.fsencode(f"{name}\n"):
        raise LandingRefused(f"{name!r} is not a name for a branch", "name another branch in land.branch")
    return name


def _is_checked_out(repository: Repository, name: str) -> bool:
    return any(worktree.ref == _HEADS + name for worktree in worktrees(repository))


def _set(repository: Repository, name: str, new: str, old: str) -> None:
    """Set the branch, unless another process was faster."""
    try:
        repository.run("update-ref", "--create-reflog", "-m", "penguin: follow HEAD", _HEADS + name, new, old)
    except GitError as error:
        if branch_tip(repository, name) != old:
            return
        raise LandingRefused(
            f"can't set the branch {name}: {error.message}", "name another branch in land.branch"
        ) from error

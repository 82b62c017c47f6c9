"""The landing of a workflow's commit on a branch: a function to call again until it has landed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing.branch_move import BranchMove
from penguin.orchestration.worktree.landing.landing_commit import CommitText, Identity, write_commit
from penguin.orchestration.worktree.landing.merge import MergedTree, merge_work
from penguin.orchestration.worktree.landing.outcomes import (
    BranchMoved,
    Busy,
    Conflict,
    GatesNeeded,
    LandingBusy,
    LandingRefused,
    Moved,
    NothingToLand,
    Outcome,
    Refused,
)
from penguin.orchestration.worktree.landing.recovery import recover
from penguin.orchestration.worktree.landing.target_branch import branch_tip, contains, count_commits
from penguin.orchestration.worktree.landing.work_objects import bring_work

_LOCKED = re.compile(r"Unable to create '(.+\.lock)': File exists")
"""What git says if another git command, or one that was killed, holds the lock of a ref."""


@dataclass(frozen=True)
class LandingRequest:
    """What to land, and how."""

    repository: Repository
    """The user's repository."""
    branch: str
    """The short name of the target branch. It exists."""
    work: str
    """The commit of the work."""
    base: str
    """The commit of the user's repository that the work started from."""
    objects: Path
    """The object folder that has the work's objects: `.git/objects` of the private clone."""
    passed_tree: str
    """The tree that the gates passed on."""
    text: CommitText
    seconds: int
    """The time of the commit, in seconds since 1970. The same for each call, so that each makes the same commit."""
    folder: Path
    """A folder of the workflow for the record of the landing."""
    refs: str
    """The prefix of the workflow's refs: `refs/penguin/<workflow>/`."""
    style: Literal["squash", "merge"] = "squash"
    author: Identity | None = None
    """Default: the user."""
    sign: bool = False
    wait: float = 10.0
    """Seconds to wait for other git commands in a checkout of the branch."""
    on_wait: Callable[[str], None] = lambda reason: None
    """Called with the reason of a wait."""


def land(request: LandingRequest) -> Outcome:
    """Land a commit, or continue its landing after a crash. The branch only moves to `passed_tree`.

    The branch moves from one commit to the next, never in between, whatever happens. Files, index, stash, hooks and
    settings of the user stay as they are, apart from the files that differ in a checkout of the branch.
    """
    try:
        recovered = recover(request.repository, request.folder)
        return recovered if recovered is not None else _land(request)
    except LandingBusy as error:
        return Busy(error.message, error.hint)
    except LandingRefused as error:
        return Refused(error.message, error.hint, error.paths)
    except BranchMoved:
        return Moved(request.branch, branch_tip(request.repository, request.branch))
    except WorkflowError as error:
        return _failed(error)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return Refused(f"can't write{where}: {error.strerror or error}", "correct this, then /workflow resume")


def _failed(error: WorkflowError) -> Busy | Refused:
    """Return the outcome for an error of git, with its message on one line."""
    lines = error.message.split("\n")
    if lock := _LOCKED.search(error.message):
        # The other lines are advice for a person at a prompt.
        return Busy(lines[0], f"wait for it, or, if no git runs in the repository, type: rm {shlex.quote(lock[1])}")
    reason = "; ".join(line.strip() for line in lines if line.strip())
    return Refused(reason, error.hint or "correct this, then /workflow resume")


def _land(request: LandingRequest) -> Outcome:
    repository = request.repository
    tip = branch_tip(repository, request.branch)
    if not tip:
        raise LandingRefused(
            f"the branch {request.branch} no longer exists",
            f"git branch {request.branch} {request.base[:12]}, then /workflow resume",
        )
    bring_work(repository, request.objects, request.work, request.base, f"{request.refs}work")
    merged = merge_work(repository, tip, request.work, request.base, request.folder / "landing-merge")
    if isinstance(merged, Conflict):
        return merged
    if merged.tree == repository.tree_of(tip):
        return recover(repository, request.folder) or NothingToLand(request.branch, tip)
    if merged.tree != request.passed_tree:
        return GatesNeeded(tip, merged.tree, count_commits(repository, request.base, tip))
    commit = _commit(request, merged)
    move = BranchMove(repository, request.folder, request.branch, tip, commit)
    return move.run(request.wait, request.on_wait)


def _commit(request: LandingRequest, merged: MergedTree) -> str:
    """Write the commit, and keep it from being pruned before the branch has it."""
    repository = request.repository
    # Where the user rewrote the branch, the work's history has what was dropped.
    keeps = request.style == "merge" and contains(repository, merged.tip, request.base)
    parents = (merged.tip, request.work) if keeps else (merged.tip,)
    reach("landing.commit.before")
    commit = write_commit(
        repository,
        merged.tree,
        parents,
        request.text,
        seconds=request.seconds,
        author=request.author,
        sign=request.sign,
    )
    repository.run("update-ref", f"{request.refs}landing", commit)
    reach("landing.commit.after")
    return commit

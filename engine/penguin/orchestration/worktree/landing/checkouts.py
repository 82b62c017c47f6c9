"""The worktrees of the user, those in which a branch is checked out, and what is under way in them."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing.outcomes import LandingRefused

_OPERATIONS = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "sequencer": "a cherry-pick or revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or git am",
}
"""What the files in a worktree's git folder tell. During a bisect, HEAD may be on the branch: its end takes the tip."""
_REBASED = ("rebase-merge/head-name", "rebase-merge/update-refs", "rebase-apply/head-name")
"""The branches that a rebase sets at its end. Meanwhile HEAD is detached."""
_USERS = {"core.fileMode": "true", "core.symlinks": "true"}
"""The settings of the user's file system that Penguin's git otherwise overrides."""


class Worktree(NamedTuple):
    """A working tree of the repository, as `git worktree list` names it."""

    top: Path
    ref: str
    """The ref of the branch that is checked out; '' for a detached HEAD."""


class Checkout:
    """A working tree with its index."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.repository = Repository(top)

    @cached_property
    def index(self) -> Path:
        """Return the index. git replaces the file that a link leads to."""
        return Path(os.path.realpath(self.repository.users_index))

    @property
    def git_folder(self) -> Path:
        return self.repository.users_index.parent

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """Return the options for git that describe the user's file system, where it is not an ordinary one."""
        rows: list[str] = []
        for name, ordinary in _USERS.items():
            found = self.repository.run("config", "--local", "--bool", name, fine=(0, 1)).decode().strip()
            if found and found != ordinary:
                rows += ("-c", f"{name}={found}")
        return tuple(rows)

    @property
    def operation(self) -> str:
        """Return what is under way here that reads or moves HEAD; '' for nothing."""
        found = (what for name, what in _OPERATIONS.items() if (self.git_folder / name).exists())
        return next(found, "")


def worktrees(repository: Repository) -> list[Worktree]:
    """Return the worktrees of a repository that have files."""
    arguments = ("worktree", "list", "--porcelain")
    # git before 2.36 has no -z.
    output = repository.run(*arguments, "-z", fine=(0, 129))
    end = b"\0" if output else b"\n"
    output = output or repository.run(*arguments)
    found = []
    for block in output.split(end + end):
        fields = dict(line.partition(b" ")[::2] for line in block.split(end) if line)
        if b"worktree" in fields and b"bare" not in fields:
            top = Path(os.fsdecode(fields[b"worktree"]))
            found.append(Worktree(top, os.fsdecode(fields.get(b"branch", b""))))
    return found


def checkouts_of(repository: Repository, ref: str) -> list[Checkout]:
    """Return where a branch is checked out. Raises LandingRefused if one of these folders is missing."""
    tops = sorted(worktree.top for worktree in worktrees(repository) if worktree.ref == ref)
    missing = [top for top in tops if not top.is_dir()]
    if missing:
        name = ref.removeprefix("refs/heads/")
        raise LandingRefused(
            f"the branch {name} is checked out in {missing[0]}, which is missing",
            "git worktree prune, after git worktree unlock if it is locked, then /workflow resume",
        )
    return [Checkout(top) for top in tops]


def is_rebased(repository: Repository, ref: str) -> bool:
    """Return whether a rebase under way in any worktree will set the branch."""
    return any(os.fsencode(ref) in _lines(folder / name) for folder in git_folders(repository) for name in _REBASED)


def git_folders(repository: Repository) -> list[Path]:
    """Return the git folders of all worktrees."""
    name = os.fsdecode(repository.run("rev-parse", "--git-common-dir").removesuffix(b"\n"))
    common = Path(os.path.normpath(repository.top / name))
    return [common, *common.glob("worktrees/*")]


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except OSError:
        return []

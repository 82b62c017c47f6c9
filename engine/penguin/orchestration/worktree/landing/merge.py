"""The merge of a workflow's commit into the tip of a branch, without a working tree.

git 2.38 and later follows renames and knows attributes such as merge=union. An older git merges path by path, in an
index of its own: it finds more conflicts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from penguin.orchestration.worktree.git import GitError, GitTimeout, Repository, split_nul
from penguin.orchestration.worktree.landing.outcomes import Conflict, ConflictingFile, Side
from penguin.orchestration.worktree.landing.target_branch import contains

_UNKNOWN_OPTION = 129
"""git's exit code for an option that it does not know."""
_ATTRIBUTES = b".gitattributes"


class MergedTree(NamedTuple):
    """A merge without conflicts. The tree is an object of the user's repository."""

    tip: str
    tree: str


def merge_work(repository: Repository, tip: str, work: str, base: str, scratch: Path) -> MergedTree | Conflict:
    """Merge a commit into the tip of a branch.

    Args:
        repository: The user's repository. It has all commits.
        tip: The commit of the branch.
        work: The commit to merge.
        base: The commit that the work started from.
        scratch: A folder to create and remove.

    Raises:
        GitError: git failed.
    """
    ours = tip
    if not contains(repository, tip, base):
        # The branch was rewritten. With the natural merge base, commits that were dropped would come back.
        ours = repository.run("commit-tree", f"{tip}^{{tree}}", "-p", base, stdin=b"merge\n").decode().strip()
    with _scratch_tree(repository, tip, scratch) as env:
        options = ("--write-tree", "-z", "--no-messages", ours, work)
        fine = (0, 1, _UNKNOWN_OPTION)
        # git reads attributes, such as merge=union, in the current folder.
        output = repository.run("-C", env["GIT_WORK_TREE"], "merge-tree", *options, env=env, fine=fine)
        if output:
            tree, *stages = split_nul(output)
        else:
            tree, stages = _merge_by_path(repository, (ours, work), env, scratch)
    if not tree or stages:
        return Conflict(tip, conflicting_files(stages), tree.decode() if output else "")
    return MergedTree(tip, tree.decode())


@contextmanager
def _scratch_tree(repository: Repository, tip: str, scratch: Path) -> Iterator[dict[str, str]]:
    """Make a working tree that holds only the attributes of the tip. Yield the variables that make git use it."""
    shutil.rmtree(scratch, ignore_errors=True)
    tree = scratch / "tree"
    tree.mkdir(parents=True)
    try:
        names = split_nul(repository.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", tip))
        for name in (name for name in names if name.rpartition(b"/")[2] == _ATTRIBUTES):
            file = tree / os.fsdecode(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(repository.run("cat-file", "blob", f"{tip}:{os.fsdecode(name)}"))
        yield {"GIT_DIR": os.fspath(repository.users_index.parent), "GIT_WORK_TREE": os.fspath(tree)}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _merge_by_path(
    repository: Repository, commits: tuple[str, str], env: dict[str, str], scratch: Path
) -> tuple[bytes, list[bytes]]:
    """Return the merged tree, or the entries of the index for each conflicting file."""
    base = repository.run("merge-base", *commits).decode().strip()
    index = scratch / "index"
    place = ("-C", env["GIT_WORK_TREE"])
    repository.run(*place, "read-tree", "-i", "-m", "--aggressive", base, *commits, env=env, index=index)
    # The merge program of git needs it for files that both sides added.
    repository.run("hash-object", "-w", "--stdin")
    try:
        repository.run(*place, "merge-index", "-o", "-q", "git-merge-one-file", "-a", env=env, index=index)
    except GitTimeout:
        raise
    except GitError:
        # Files conflict. Their entries are unmerged.
        return b"", split_nul(repository.run("ls-files", "-z", "--unmerged", index=index))
    return repository.run("write-tree", index=index).strip(), []


def conflicting_files(stages: list[bytes]) -> tuple[ConflictingFile, ...]:
    """Read the entries of conflicting files: mode, object, number of the side, path."""
    sides: dict[bytes, dict[str, Side]] = {}
    for entry in stages:
        about, _, path = entry.partition(b"\t")
        mode, name, number = about.decode().split(" ")
        sides.setdefault(path, {})[number] = Side(mode, name)
    rows = sorted(sides.items())
    return tuple(ConflictingFile(path, row.get("1"), row.get("2"), row.get("3")) for path, row in rows)

"""The transfer of the work's objects from a private clone into the user's repository.

git runs in the user's repository only, with the clone's object folder as an alternate: nothing reads the configuration
of the clone, which an agent may have changed, and no hook runs.
"""

from __future__ import annotations

import os
from pathlib import Path

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import Repository


def bring_work(repository: Repository, objects: Path, commit: str, base: str, ref: str) -> None:
    """Copy a commit, and what it has beyond its base, into the repository. A ref keeps it from being pruned.

    Raises GitError.
    """
    reach("landing.objects.before")
    if not repository.has(commit):
        store = os.fsdecode(repository.run("rev-parse", "--git-path", "objects/pack/pack").removesuffix(b"\n"))
        # Written beside and renamed by git. Complete: a pack that refers to others would need the clone.
        options = ("--revs", "--non-empty", "-q", "--delta-base-offset", os.path.normpath(repository.top / store))
        repository.run("pack-objects", *options, stdin=f"{commit}\n^{base}\n".encode(), env=alternate(objects))
    reach("landing.objects.after")
    repository.run("update-ref", ref, commit)
    reach("landing.kept.after")


def alternate(objects: Path) -> dict[str, str]:
    """Return the variables that let git read the objects of another folder."""
    quoted = os.fspath(objects).replace("\\", "\\\\").replace('"', '\\"')
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}

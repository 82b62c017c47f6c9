"""The transfer of the work's objects from a private clone into the user's repository.

git runs in the user's repository only, with the clone's object folder as an alternate: nothing reads the configuration
of the clone, which an agent may have changed, and no hook runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.worktree.git import Repository


def bring_work(repository: Repository, objects: Path, commit: str, base: str, ref: str) -> None:
    """Copy a commit, and what it has beyond its base, into the repository. A ref keeps it from being pruned.

    Args:
        repository: The user's repository.
        objects: The object folder of the clone.
        commit: The commit of the work.
        base: The commit of the user's repository that it started from.
        ref: The ref to set.

    Raises:
        GitError: Objects are missing or not sound, or can't be written.
        OSError: The pack can't be moved into place.
    """
    reach("landing.objects.before")
    if not repository.has(commit):
        _copy(repository, objects, commit, base)
    reach("landing.objects.after")
    repository.run("update-ref", ref, commit)
    reach("landing.kept.after")


def _copy(repository: Repository, objects: Path, commit: str, base: str) -> None:
    store = Path(os.path.normpath(repository.top / _line(repository.run("rev-parse", "--git-path", "objects"))))
    # git gc removes what a crash leaves in folders of this name.
    with TemporaryDirectory(prefix="tmp_objdir-penguin-", dir=store) as folder:
        options = ("--revs", "-q", "--delta-base-offset", f"{folder}/pack")
        revisions = f"{commit}\n^{base}\n".encode()
        name = _line(repository.run("pack-objects", *options, stdin=revisions, env=alternate(objects)))
        pack = Path(folder) / f"pack-{name}.pack"
        # pack-objects copies what an agent may have written. This computes the names again, and checks every object.
        repository.run("index-pack", "--strict", os.fspath(pack))
        (store / "pack").mkdir(exist_ok=True)
        # The index last: it makes git use the pack.
        for file in (pack, pack.with_suffix(".idx")):
            file.rename(store / "pack" / file.name)


def _line(output: bytes) -> str:
    return os.fsdecode(output.removesuffix(b"\n"))


def alternate(objects: Path) -> dict[str, str]:
    """Return the variables that let git read the objects of another folder."""
    quoted = os.fspath(objects).replace("\\", "\\\\").replace('"', '\\"')
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}

"""The state of a git working tree as one digest: what a gate saw, and whether it is still so.

The digest covers the files under version control and those that IMPLEMENT made; what tests leave behind does not make
a tree another one. It is the tree object of an index of our own (`GIT_INDEX_FILE`): neither branch, index nor files
of the user are touched, and no hook of theirs is run. Outside of git, or without git, nothing is known: "".
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

from penguin.orchestration.core.defaults import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.worktree.exclude import CheckpointExclude
from penguin.orchestration.worktree.git import GitError, Repository, display_path, split_nul
from penguin.orchestration.worktree.index import PrivateIndex, copy_index

MAX_NAMED = 20
"""Changed files that are named at most."""
INDEX = "tree.index"
ASIDE = "tree.aside"
"""Names of the files of the tree that git's objects must not hold, or that git can't take: their digests go there."""


class WorkingTree:
    """The working tree as one workflow sees it. Blocks while git runs.

    `folder` is the workflow's own, below `.penguin/`.
    """

    def __init__(self, workspace: Path, folder: Path, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> None:
        self._folder = folder
        self._repository = Repository(workspace)
        self._index = PrivateIndex(self._repository, folder, INDEX)
        self._exclusion = CheckpointExclude(self._repository, exclude)

    def inherit(self, folder: Path) -> None:
        """Go on from the index of the workflow that this one retries: what its IMPLEMENT made is still of the tree."""
        for name in (ASIDE, INDEX):
            if (folder / name).exists() and not (self._folder / name).exists():
                make_private_folder(self._folder)
                copy_index(folder / name, self._folder / name)

    @property
    def is_tracked(self) -> bool:
        """Whether this workflow has looked at the tree here, or inherited what another one saw."""
        return self._index.path.exists()

    def adopt(self, digest: str, held: str = "") -> None:
        """Hold the files of this digest for the tree from now on. Raises GitTrouble where git does not have it.

        `held` is a checkpoint of the same moment: a file that it lacks is one that git's objects must not hold.
        """
        with self._index.locked():
            self._index.git("read-tree", "--reset", digest)
            if held:
                within = self._repository.within
                arguments = ("diff-tree", "-r", "-z", "--name-only", "--diff-filter=A", "--no-renames")
                self._set_aside(split_nul(self._repository.run(*arguments, held, digest, *within)))

    def forget(self) -> None:
        """Hold what is under version control for the tree, and nothing else."""
        for name in (INDEX, ASIDE):
            (self._folder / name).unlink(missing_ok=True)

    def before_implement(self, attempt: int) -> None:
        """Note which untracked files were there before the attempt began: those are not its work."""
        noted = self._untracked_list(attempt)
        if noted.exists():
            return  # the attempt goes on after an interruption
        try:
            with self._index.locked():
                write_private(noted, b"\0".join(self._index.untracked()))
        except (GitError, OSError):
            noted.unlink(missing_ok=True)

    def after_implement(self, attempt: int) -> str:
        """The digest after IMPLEMENT, whose new files belong to the tree from now on."""
        noted = self._untracked_list(attempt)
        try:
            with self._index.locked():
                known = {*(split_nul(noted.read_bytes()) if noted.exists() else ()), *self._aside()}
                self._take([path for path in self._index.untracked() if path not in known])
                return self._digest()
        except (GitError, OSError):
            return ""

    def digest(self) -> str:
        """The digest of this moment."""
        try:
            with self._index.locked():
                return self._digest()
        except (GitError, OSError):
            return ""

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Files in which two trees differ, seen from the workspace, at most MAX_NAMED of them."""
        if not (before and after) or before == after:
            return ()
        try:
            output = self._repository.run(
                "diff-tree", "-r", "-z", "--name-only", before, after, *self._repository.within
            )
        except GitError:
            return ()
        return tuple(display_path(self._repository.inner(path)) for path in split_nul(output)[:MAX_NAMED])

    def _untracked_list(self, attempt: int) -> Path:
        return self._folder / f"untracked.{attempt}"

    def _take(self, made: list[bytes]) -> None:
        files = [path for path in made if not path.endswith(b"/")]
        aside = [path for path in files if self._exclusion.is_excluded(path)]
        aside += self._index.update(dict.fromkeys(set(files).difference(aside), False))
        if aside:
            self._set_aside([*self._aside(), *aside])

    def _aside(self) -> list[bytes]:
        try:
            return split_nul((self._folder / ASIDE).read_bytes())
        except FileNotFoundError:
            return []

    def _set_aside(self, paths: list[bytes]) -> None:
        write_private(self._folder / ASIDE, b"\0".join(paths))

    def _digest(self) -> str:
        aside = self._aside()
        changed = {path: gone for path, gone in self._index.changed().items() if path not in aside}
        grown = self._exclusion.grown(changed)
        refused = self._index.update({path: gone for path, gone in changed.items() if path not in grown})
        if grown or refused:
            aside += [*grown, *refused]
            self._set_aside(aside)
        self._stand_in(aside)
        return self._index.write_tree()

    def _stand_in(self, paths: list[bytes]) -> None:
        """Let the digest of a file stand for it."""
        found = {path: _digest_of(self._repository.file(path)) for path in paths}
        self._index.forget([path for path, digest in found.items() if not digest])
        self._index.put(
            (path, "100644", self._index.git("hash-object", "-w", "--stdin", given=digest.encode()).decode().strip())
            for path, digest in found.items()
            if digest
        )


def _digest_of(path: Path) -> str:
    """The digest of a file, or '' where it is gone. Of what can't be read, its size and time stand for it."""
    try:
        found = path.lstat()
    except OSError:
        return ""
    try:
        # To open a named pipe would wait for its writer.
        if stat.S_ISREG(found.st_mode):
            with path.open("rb") as file:
                return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}\n"
    except OSError:
        pass
    return f"unreadable {found.st_mode:o} {found.st_size} {found.st_mtime_ns}\n"

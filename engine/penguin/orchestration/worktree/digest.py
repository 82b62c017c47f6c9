"""The digest of a git working tree, which tells whether the tree changed since a gate passed.

The digest covers the files under version control and those that IMPLEMENT created, but not files that tests create. It
is the tree object of a private index (`GIT_INDEX_FILE`): branch, index and files of the user are not changed, and no
hook is run. Outside of git, or without git, the digest is unknown: "".
"""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from penguin.orchestration.core.tree_isolation import CHECKPOINT_EXCLUDE
from penguin.orchestration.files.permissions import make_private_folder, write_private
from penguin.orchestration.worktree.checkpoint_exclusion import CheckpointExclude
from penguin.orchestration.worktree.git import GitError, Repository, display_path, split_nul
from penguin.orchestration.worktree.index import REPOSITORY, PrivateIndex, copy_index

MAX_NAMED = 20
"""Maximum number of changed files to name."""
INDEX = "tree.index"
NESTED = "nested"
"""The folder with the indexes of nested repositories."""
SUBMODULES = ".gitmodules"
DIGEST_ONLY = "tree.aside"
"""Names of the files that IMPLEMENT created and that must not become git objects: only their digests do."""


class WorkingTree:
    """The working tree as seen by one workflow. Methods block while git runs.

    `folder` is the workflow's own, below `.penguin/`.
    """

    def __init__(self, workspace: Path, folder: Path, exclude: Sequence[str] = CHECKPOINT_EXCLUDE) -> None:
        self._folder = folder
        self._repository = Repository(workspace)
        self._index = PrivateIndex(self._repository, folder, INDEX)
        self._exclude = exclude
        self._exclusion = CheckpointExclude(self._repository, exclude)

    def inherit(self, folder: Path) -> None:
        """Continue from the index of the workflow that this one retries, with the files that its IMPLEMENT created."""
        for path in (folder / DIGEST_ONLY, folder / INDEX, *sorted((folder / NESTED).rglob("tree.*"))):
            copy = self._folder / path.relative_to(folder)
            if path.name in (DIGEST_ONLY, INDEX) and path.exists() and not copy.exists():
                make_private_folder(copy.parent)
                copy_index(path, copy)

    @property
    def is_tracked(self) -> bool:
        """Return whether this workflow has made a digest here, or inherited the index of another one."""
        return self._index.path.exists()

    def adopt(self, digest: str, held: str = "") -> None:
        """Take the files of this digest as the tree from now on. Raises GitError if git does not have it.

        `held` is a checkpoint of the same moment: a file missing in it must not become a git object.
        """
        with self._index.locked():
            self._index.git("read-tree", "--reset", digest)
            if held:
                within = self._repository.within
                arguments = ("diff-tree", "-r", "-z", "--name-only", "--diff-filter=A", "--no-renames")
                self._set_digest_only(split_nul(self._repository.run(*arguments, held, digest, *within)))

    def forget(self) -> None:
        """Take only the files under version control as the tree."""
        for name in (INDEX, DIGEST_ONLY):
            (self._folder / name).unlink(missing_ok=True)
        shutil.rmtree(self._folder / NESTED, ignore_errors=True)

    def before_implement(self, attempt: int) -> None:
        """Record the untracked files before the attempt: they are not its work."""
        noted = self._untracked_list(attempt)
        if noted.exists():
            return  # The attempt continues after an interruption.
        try:
            with self._index.locked():
                write_private(noted, b"\0".join(self._index.untracked()))
                if (self._repository.top / SUBMODULES).exists():
                    self._index.changed()
                    for _, nested in self._changed_repositories():
                        nested.before_implement(attempt)
        except (GitError, OSError):
            noted.unlink(missing_ok=True)

    def after_implement(self, attempt: int) -> str:
        """Return the digest after IMPLEMENT. New files belong to the tree from now on."""
        noted = self._untracked_list(attempt)
        try:
            with self._index.locked():
                untracked = {*(split_nul(noted.read_bytes()) if noted.exists() else ()), *self._digest_only()}
                self._take([path for path in self._index.untracked() if path not in untracked])
                self._index.changed()
                for _, nested in self._changed_repositories():
                    nested.after_implement(attempt)
                return self._digest()
        except (GitError, OSError):
            return ""

    def digest(self) -> str:
        """Return the digest of the current tree."""
        try:
            with self._index.locked():
                return self._digest()
        except (GitError, OSError):
            return ""

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Return the files in which two trees differ, relative to the workspace, at most MAX_NAMED of them."""
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
        digest_only = [path for path in files if self._exclusion.is_excluded(path)]
        digest_only += self._index.update(dict.fromkeys(set(files).difference(digest_only), False))
        if digest_only:
            self._set_digest_only([*self._digest_only(), *digest_only])

    def _digest_only(self) -> list[bytes]:
        try:
            return split_nul((self._folder / DIGEST_ONLY).read_bytes())
        except FileNotFoundError:
            return []

    def _set_digest_only(self, paths: list[bytes]) -> None:
        write_private(self._folder / DIGEST_ONLY, b"\0".join(paths))

    def _digest(self) -> str:
        digest_only = self._digest_only()
        changed = {path: gone for path, gone in self._index.changed().items() if path not in digest_only}
        grown = self._exclusion.grown(changed)
        refused = self._index.update({path: gone for path, gone in changed.items() if path not in grown})
        if grown or refused:
            digest_only += [*grown, *refused]
            self._set_digest_only(digest_only)
        self._store_digests(digest_only)
        self._store_repositories()
        return self._index.write_tree()

    def _changed_repositories(self) -> Iterator[tuple[bytes, WorkingTree]]:
        """Return the nested repositories that changed, or whose files did, by the last look at the index."""
        for path in self._index.changed_repositories:
            top = self._repository.file(path)
            if (top / ".git").exists():
                folder = self._folder / NESTED / hashlib.sha256(path).hexdigest()[:16]
                yield path, WorkingTree(top, folder, self._exclude)

    def _store_repositories(self) -> None:
        """Store the commit of each nested repository; if its files are not those of the commit, a text with both."""
        for path, nested in self._changed_repositories():
            commit, tree = nested.head()
            digest = nested.digest()
            if commit and digest == tree:
                # git itself does not replace the text of an earlier digest by a commit.
                self._index.put([(path, REPOSITORY.decode(), commit)])
            else:
                self._index.put([(path, "100644", self._blob(f"commit {commit}\ntree {digest}\n"))])

    def head(self) -> tuple[str, str]:
        """Return the commit that is checked out, and its tree; '' if there is none."""
        # Without a commit, git exits with 128.
        output = self._repository.run("log", "-1", "--no-show-signature", "--format=%H %T", fine=(0, 128)).decode()
        commit, _, tree = output.strip().partition(" ")
        return commit, tree

    def _store_digests(self, paths: list[bytes]) -> None:
        """Store the digests of these files instead of their contents."""
        found = {path: _digest_of(self._repository.file(path)) for path in paths}
        self._index.forget([path for path, digest in found.items() if not digest])
        self._index.put((path, "100644", self._blob(digest)) for path, digest in found.items() if digest)

    def _blob(self, text: str) -> str:
        return self._index.git("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()


def _digest_of(path: Path) -> str:
    """Return the digest of a file, or '' if it does not exist."""
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

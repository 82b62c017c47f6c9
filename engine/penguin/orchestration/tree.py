"""The state of a git working tree as one digest: what a gate saw, and whether it is still so.

The digest covers the files under version control and those that IMPLEMENT made; what tests leave behind does not make
a tree another one. It is the tree object of an index of our own (`GIT_INDEX_FILE`): neither branch, index nor files
of the user are touched, and no hook of theirs is run. Outside of git, or without git, nothing is known: "".
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MAX_NAMED = 20
"""Changed files that are named at most."""

_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", "node_modules")
"""Folders that tools fill by themselves; many a repository forgets to ignore them."""


class GitTrouble(Exception):
    """git refused."""


class Tree:
    """The working tree as one workflow sees it. Blocks while git runs.

    `folder` is the workflow's own, below `.penguin/`.
    """

    def __init__(self, workspace: Path, folder: Path) -> None:
        self._workspace = workspace
        self._folder = folder
        self._index = folder / "tree.index"

    def inherit(self, folder: Path) -> None:
        """Go on from the index of the workflow that this one retries: what its IMPLEMENT made is still of the tree."""
        theirs = folder / self._index.name
        if theirs.exists() and not self._index.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(theirs, self._index)

    def before_implement(self, attempt: int) -> None:
        """Note which untracked files were there before the attempt began: those are not its work."""
        noted = self._noted(attempt)
        if noted.exists():
            return  # the attempt goes on after an interruption
        try:
            self._prepare()
            noted.write_bytes(self._untracked())
        except (GitTrouble, OSError):
            noted.unlink(missing_ok=True)

    def after_implement(self, attempt: int) -> str:
        """The digest after IMPLEMENT, whose new files belong to the tree from now on."""
        noted = self._noted(attempt)
        try:
            self._prepare()
            known = set(noted.read_bytes().split(b"\0")) if noted.exists() else set()
            made = [path for path in self._untracked().split(b"\0") if path and path not in known]
            if made:
                self._git("update-index", "--add", "-z", "--stdin", given=b"\0".join(made) + b"\0")
            return self._digest()
        except (GitTrouble, OSError):
            return ""

    def now(self) -> str:
        """The digest of this moment."""
        try:
            self._prepare()
            return self._digest()
        except (GitTrouble, OSError):
            return ""

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Paths in which two trees differ, at most MAX_NAMED of them."""
        if not (before and after) or before == after:
            return ()
        try:
            output = self._git("diff-tree", "-r", "-z", "--name-only", before, after)
        except GitTrouble:
            return ()
        paths = [os.fsdecode(path) for path in output.split(b"\0") if path]
        return tuple(paths[:MAX_NAMED])

    def _noted(self, attempt: int) -> Path:
        return self._folder / f"untracked.{attempt}"

    def _digest(self) -> str:
        self._git("add", "--update", "--", ".")
        return self._git("write-tree").decode().strip()

    def _untracked(self) -> bytes:
        excluded = [f"--exclude={name}/" for name in _CACHES]
        return self._git("ls-files", "-z", "--others", "--exclude-standard", *excluded, "--", ".")

    def _prepare(self) -> None:
        """Make our index, at first a copy of the user's: what is under version control."""
        if self._index.exists():
            return
        own = self._workspace / self._git("rev-parse", "--git-path", "index", index=False).decode().strip()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._index.with_suffix(".new")
        if own.exists():
            shutil.copyfile(own, partial)
            partial.rename(self._index)
        else:
            self._git("read-tree", "--empty")

    def _git(self, *arguments: str, given: bytes = b"", index: bool = True) -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        if index:
            environment["GIT_INDEX_FILE"] = os.fspath(self._index)
        try:
            done = subprocess.run(
                (*_GIT, *arguments), cwd=self._workspace, env=environment, input=given, capture_output=True, check=False
            )
        except OSError as error:
            raise GitTrouble(f"git can't be run: {error.strerror}") from error
        if done.returncode:
            raise GitTrouble(os.fsdecode(done.stderr).strip())
        return done.stdout

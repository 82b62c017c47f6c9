"""The user's repository as the source of trees: its git folder, and what clones of it need to be read as it is.

It is found by git from the workspace, which obeys `safe.directory`. From then on its git folder is given to git, so
that no clone's own git folder, configuration or index is ever read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.checkpoints import refs_of
from penguin.orchestration.worktree.git import GitError, NoRepository, Repository

BASE = "base"
"""The name of the ref, below `refs/penguin/<workflow>/`, that keeps a tree's base alive."""
_TRUE = ("true", "yes", "on", "1")


class BareRepository(NoRepository):
    """The repository has no working tree."""

    code = "bare_repository"


class NoCommit(WorkflowError):
    """The repository has no commit that a tree could start from."""

    code = "no_commit"


class GitFolder:
    """A git folder of the user: that of the workspace's repository, or of a submodule in it."""

    def __init__(self, path: Path, common: Path, top: Path) -> None:
        self.path = path
        """The folder with HEAD and the index: in a linked worktree that of the worktree."""
        self.common = common
        """The folder with objects and configuration."""
        self.top = top
        """The user's own files of it."""

    @property
    def objects(self) -> Path:
        return self.common / "objects"

    @cached_property
    def repository(self) -> RepositoryAt:
        """Return git on this folder, for commands without files and index."""
        # Without an index of this name, git takes it as empty; the user's own is never touched.
        return RepositoryAt(self, self.path, self.path / "penguin-no-index")

    @cached_property
    def object_format(self) -> str:
        """Return `sha1` or `sha256`."""
        return self.repository.run("rev-parse", "--show-object-format").decode().strip()

    @cached_property
    def settings(self) -> list[tuple[str, str]]:
        """Return the settings in order, from all files that git reads."""
        output = self.repository.run("config", "--null", "--show-scope", "--list")
        parts = os.fsdecode(output).split("\0")[:-1]
        # The settings with which Penguin calls git have the scope `command`.
        rows = [row for scope, row in zip(parts[::2], parts[1::2], strict=True) if scope != "command"]
        # A key without a value stands for true.
        fields = [row.partition("\n") for row in rows]
        return [(key, value if has_value else "true") for key, has_value, value in fields]

    def setting(self, key: str) -> str:
        """Return the last value of a setting, or ''."""
        return dict(self.settings).get(key, "")

    @property
    def promisors(self) -> set[str]:
        """Return the remotes from which git fetches missing objects, as the beginning of their settings."""
        named = {
            key.removesuffix(".promisor")
            for key, value in self.settings
            if key.startswith("remote.") and key.endswith(".promisor") and value.lower() in _TRUE
        }
        first = self.setting("extensions.partialclone")
        return named | ({f"remote.{first}"} if first else set())

    def file(self, name: str) -> bytes:
        """Return the content of a file that all worktrees share, such as `shallow`; b'' without one."""
        return _read(self.common / name)

    def own_file(self, name: str) -> bytes:
        """Return the content of a file of this worktree; b'' without one."""
        return _read(self.path / name)


class RepositoryAt(Repository):
    """The git program with a given git folder on given files: git looks for nothing by itself.

    Args:
        git_dir: The git folder.
        top: The folder with the files.
        index: The index for commands that name none.
        prefix: The path of the workspace below `top`: `sub/folder/`, or ''.
        settings: Settings that override git's configuration files.
    """

    def __init__(
        self, git_dir: GitFolder, top: Path, index: Path, prefix: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(top / prefix)
        self.git_dir = git_dir
        self._at = (top, index)
        self._fixed = {
            "GIT_DIR": os.fspath(git_dir.path),
            "GIT_WORK_TREE": os.fspath(top),
            "GIT_INDEX_FILE": os.fspath(index),
        }
        fixed = {"submodule.recurse": "false", **(settings or {})}
        # Not by variables, which git has only from 2.31 on.
        self.options = tuple(part for key, value in fixed.items() for part in ("-c", f"{key}={value}"))

    @cached_property
    def _place(self) -> tuple[Path, Path]:
        return self._at

    @cached_property
    def within(self) -> tuple[str, ...]:
        """A clone is private to its workflow, so all of it counts, also what is outside of the workspace's folder."""
        return ()

    def _run(
        self,
        folder: Path,
        arguments: tuple[str, ...],
        env: Mapping[str, str],
        stdin: bytes,
        held: int | None = None,
        fine: tuple[int, ...] = (0,),
        free: bool = False,
        limit: float | None = None,
    ) -> bytes:
        return super()._run(self._at[0], arguments, {**self._fixed, **env}, stdin, held, fine, free, limit)


class UsersRepository:
    """The repository of a workspace, as the source of trees. Methods block while git runs. Raises GitError."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    @cached_property
    def repository(self) -> Repository:
        """Return git as the user runs it there. Raises BareRepository and NoRepository."""
        repository = Repository(self._workspace)
        try:
            _ = repository.top
        except NoRepository as error:
            if not _is_bare(self._workspace):
                raise
            raise BareRepository(
                f"the repository {self._workspace} is bare: it has no working tree", "git clone it, and start there"
            ) from error
        return repository

    @cached_property
    def git_dir(self) -> GitFolder:
        """Return its git folder."""
        path = os.fsdecode(self.repository.run("rev-parse", "--absolute-git-dir").removesuffix(b"\n"))
        common = os.fsdecode(self.repository.run("rev-parse", "--git-common-dir").removesuffix(b"\n"))
        return GitFolder(Path(path), Path(os.path.normpath(self.top / common)), self.top)

    @property
    def top(self) -> Path:
        """Return the top of the user's working tree."""
        return self.repository.top

    @property
    def prefix(self) -> str:
        """Return the path of the workspace within it: `sub/folder/`, or ''."""
        return self.repository.prefix

    def commit_of(self, name: str = "HEAD") -> str:
        """Return the commit of a name. Raises NoCommit if there is none."""
        arguments = ("rev-parse", "-q", "--verify", f"{name}^{{commit}}")
        commit = self.repository.run(*arguments, fine=(0, 1, 128)).decode().strip()
        if commit:
            return commit
        if name != "HEAD":
            raise NoCommit(f"the repository {self.top} has no commit {name}", f"git rev-parse {name}")
        raise NoCommit(
            f"the repository {self.top} has no commit yet, and a tree starts from one",
            "git add -A && git commit, or set isolation: in-place",
        )

    def refs(self, workflow_id: str) -> str:
        """Return the prefix of a workflow's refs."""
        return refs_of(self.repository, workflow_id)

    def keep(self, workflow_id: str, name: str, commit: str) -> None:
        """Keep a commit alive under a name of a workflow."""
        self.repository.run("update-ref", f"{self.refs(workflow_id)}{name}", commit)


class _Folder(Repository):
    """git in a folder that is no working tree."""

    @cached_property
    def _place(self) -> tuple[Path, Path]:
        return self.workspace, self.workspace


def _is_bare(folder: Path) -> bool:
    try:
        return _Folder(folder).run("rev-parse", "--is-bare-repository").strip() == b"true"
    except GitError:
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""

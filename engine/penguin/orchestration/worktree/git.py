"""The git program, run without the user's hooks, file system monitors, variables and locks, on a private index."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.git_process import CONTENT_LIMIT, LIMIT, SETTINGS_LIMIT, run_process, stream_process

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "core.logAllRefUpdates=false",
    "core.preloadIndex=true",
    "core.safecrlf=false",
    "core.splitIndex=false",
    "core.untrackedCache=false",
    # The user's settings may tell git to overlook changes of files.
    "core.trustctime=true",
    "core.checkStat=default",
    "core.ignoreStat=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "index.sparse=false",
    "commit.gpgSign=false",
)
GIT = ("git", "--no-pager", *(part for setting in _SETTINGS for part in ("-c", setting)))
_IDENTITY = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "Penguin"), ("EMAIL", "penguin@localhost"))
}
NO_TRANSPORT = {
    "protocol.allow": "never",
    **{f"protocol.{name}.allow": "never" for name in ("file", "git", "ssh", "http", "https", "ext")},
}
"""A repository's configuration can name the source of missing objects, and the program that fetches them."""
_LIMITS = {
    **dict.fromkeys(("rev-parse", "config"), SETTINGS_LIMIT),
    **dict.fromkeys(("update-index", "checkout-index", "read-tree", "pack-objects", "index-pack"), CONTENT_LIMIT),
}
"""The time limits of commands."""
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class GitError(WorkflowError):
    """git failed; the message is its own."""

    code = "git"


class GitTimeout(GitError):
    """git did not end within its time limit."""

    code = "git_timeout"

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(
            f"git {command} {reason}",
            "see if a file that git reads is a named pipe: in .git, or one that .git/config includes",
        )


class NoRepository(GitError):
    """The workspace is not in a git repository, or git is not installed."""

    code = "no_repository"


class Repository:
    """The repository of a workspace. Methods block while git runs. Raises GitError.

    `restricted`: run no program that the repository's configuration names, neither filters nor transports for missing
    objects. Files are then read as they are on disk, unfiltered.
    """

    options: tuple[str, ...] = ()
    """Further options for every git command."""

    def __init__(self, workspace: Path, *, restricted: bool = False) -> None:
        self.workspace = workspace
        self.restricted = restricted

    @cached_property
    def _place(self) -> tuple[Path, Path]:
        """Return the top of the working tree, and the user's index."""
        arguments = ("rev-parse", "--is-inside-work-tree", "--show-cdup", "--git-path", "index")
        try:
            output = self._run(self.workspace, arguments, {}, b"")
        except GitTimeout:
            raise
        except GitError as error:
            raise NoRepository(error.message, self._repair_hint) from error
        inside, _, rest = output.partition(b"\n")
        if inside != b"true":
            raise NoRepository(
                f"{self.workspace} is not in the working tree of its git repository",
                "git config core.worktree shows the folder that git uses instead",
            )
        up, _, index = rest.partition(b"\n")
        top = os.path.normpath(self.workspace / os.fsdecode(up))
        return Path(top), Path(os.path.normpath(self.workspace / os.fsdecode(index.removesuffix(b"\n"))))

    @property
    def _repair_hint(self) -> str:
        """Return what to type where git finds no repository."""
        if any(os.path.lexists(folder / ".git") for folder in (self.workspace, *self.workspace.parents)):
            return "git status shows this error too; correct it first"
        return "run git init before the start"

    @property
    def top(self) -> Path:
        return self._place[0]

    @property
    def users_index(self) -> Path:
        return self._place[1]

    @cached_property
    def prefix(self) -> str:
        """Return the path of the workspace within the working tree: `sub/folder/`, or ''."""
        inside = os.path.relpath(self.workspace, self.top)
        return "" if inside == "." else f"{inside}/"

    @cached_property
    def within(self) -> tuple[str, ...]:
        """Return the arguments that limit a command to the workspace."""
        return ("--", self.prefix) if self.prefix else ()

    @cached_property
    def refs(self) -> str:
        """Return the part of ref names that separates linked worktrees: their workflows can have the same names."""
        folder = self.users_index.parent
        linked = folder.parent.name == "worktrees" and (folder / "commondir").exists()
        return f"worktrees/{folder.name}/" if linked else ""

    def file(self, path: bytes) -> Path:
        """Return the absolute path of a file of the working tree."""
        return self.top / os.fsdecode(path)

    def inner(self, path: bytes) -> bytes:
        """Return a path of the working tree relative to the workspace."""
        return path.removeprefix(os.fsencode(self.prefix))

    def run(
        self,
        *arguments: str,
        index: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        held: int | None = None,
        fine: tuple[int, ...] = (0,),
    ) -> bytes:
        """Return the output of a git command, run at the top.

        `index` is the private index; default: the user's. `held` is a lock to inherit.
        """
        more = {**(env or {}), **({"GIT_INDEX_FILE": os.fspath(index)} if index else {})}
        return self._run(self.top, arguments, more, stdin, held, fine)

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
        limits = self._restriction if self.restricted and not free else {}
        try:
            done = run_process(
                (*GIT, *self.options, *arguments),
                folder,
                {**environment(), **limits, **env},
                stdin=stdin,
                limit=limit or _LIMITS.get(arguments[0], LIMIT),
                pass_fds=() if held is None else (held,),
            )
        except TimeoutError as error:
            raise GitTimeout(arguments[0], str(error)) from error
        except OSError as error:
            raise NoRepository(f"can't run git: {error.strerror}", "install git") from error
        if done.returncode not in fine:
            raise GitError(done.stderr.decode("utf-8", "replace").strip() or f"git exit code {done.returncode}")
        return done.stdout

    def stream(self, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """Yield the output of a git command piece by piece. The command is ended if the reader stops."""
        limits = self._restriction if self.restricted else {}
        try:
            yield from stream_process(
                (*GIT, *self.options, *arguments), self.top, {**environment(), **limits, **(env or {})}
            )
        except TimeoutError as error:
            raise GitTimeout(arguments[0], str(error)) from error

    def indexed(self, name: str) -> bytes:
        """Return the entries of the user's index for a path in the workspace; empty if git does not track it."""
        arguments = ("ls-files", "--stage", "-z", "--", name)
        return self._run(self.workspace, arguments, _settings(NO_TRANSPORT), b"", free=True, limit=SETTINGS_LIMIT)

    @cached_property
    def _restriction(self) -> dict[str, str]:
        """Return the variables that keep git from running programs of the repository's configuration."""
        arguments = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        # git has no switch for filters. An empty command disables one; a required filter would fail without
        # `required=false`.
        names = split_nul(self._run(self.workspace, arguments, _settings(NO_TRANSPORT), b"", fine=(0, 1), free=True))
        drivers = dict.fromkeys(os.fsdecode(name).rpartition(".")[0] for name in names)
        off = {f"{driver}.{key}": "" for driver in drivers for key in ("clean", "smudge", "process")}
        return _settings({**NO_TRANSPORT, **off, **{f"{driver}.required": "false" for driver in drivers}})

    def has(self, thing: str) -> bool:
        """Return whether an object exists here."""
        try:
            self.run("cat-file", "-e", thing)
        except NoRepository:
            raise
        except GitError:
            return False
        return True

    def tree_of(self, name: str) -> str:
        """Return the tree object of a commit; '' if there is no such commit."""
        return self.run("rev-parse", "-q", "--verify", f"{name}^{{tree}}", fine=(0, 1)).decode().strip()

    def separate_objects(self, folder: Path) -> dict[str, str]:
        """Return the variables that make git write new objects to `folder` and nothing to the repository."""
        path = os.fsdecode(self.run("rev-parse", "--git-path", "objects").removesuffix(b"\n"))
        own = os.path.normpath(self.top / path).replace("\\", "\\\\").replace('"', '\\"')
        return {"GIT_OBJECT_DIRECTORY": os.fspath(folder), "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{own}"'}


def display_path(path: bytes) -> str:
    """Return a file's name as text for people and for JSON, whatever its bytes are."""
    text = path.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def split_nul(output: bytes) -> list[bytes]:
    """Split the output of a command with -z."""
    return [entry for entry in output.split(b"\0") if entry]


def _settings(values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that override git's configuration files, and keep git from fetching missing objects."""
    rows = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, row in enumerate(values.items())
        for part, text in zip(("KEY", "VALUE"), row, strict=True)
    }
    return {**rows, "GIT_CONFIG_COUNT": str(len(values)), "GIT_NO_LAZY_FETCH": "1"}


def environment() -> dict[str, str]:
    """Return the environment for git: no variables of a surrounding git, and messages in English."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return variables | _IDENTITY | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"}

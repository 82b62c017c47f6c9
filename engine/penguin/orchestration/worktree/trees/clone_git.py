"""The `.git` of a clone, for the programs that run in it; Penguin itself never reads it.

It shows one branch with the history of one commit: no other refs, tags or remotes. Objects are those of the user's
repository, by `objects/info/alternates`, or copies of those that the commit needs. Not `git clone --shared`: that
copies all refs first, and loses what a shallow or partial repository needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.git import GIT, GitError, environment
from penguin.orchestration.worktree.git_process import LIMIT, run_process
from penguin.orchestration.worktree.trees.users_repository import GitFolder

_COPIED = (
    *(f"core.{name}" for name in ("autocrlf", "eol", "attributesfile", "excludesfile", "bigfilethreshold")),
    *("core.sparsecheckout", "core.sparsecheckoutcone", "user.name", "user.email"),
)
"""The user's settings that say what files look like, and whose commits they are."""
_OWN = {
    # The user's programs are not for the clone, and no passphrase is asked for in it.
    "core.hooksPath": ".git/hooks",
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
}
_PROMISOR = ("promisor", "url", "partialclonefilter")
"""The settings of a remote from which git fetches missing objects."""
_SHARED_FILES = ("shallow", "info/exclude", "info/attributes")
_OWN_FILES = ("info/sparse-checkout",)


class PartialObjects(WorkflowError):
    """The repository does not have all objects of its commits, so they can't be copied."""

    code = "partial_objects"


def branch_name(task_id: str) -> str:
    """Return the branch of a task's clone."""
    # git reserves the ending .lock.
    name = f"{task_id.removesuffix('.lock')}-lock" if task_id.endswith(".lock") else task_id
    return f"penguin/{name}"


class CloneGit:
    """The `.git` of a clone of a git folder.

    Args:
        source: The git folder of the user.
        filters: The settings of the filters, which override the user's.
        own_objects: Copy the objects that the commit needs; others of the user's repository are then not visible.
    """

    def __init__(self, source: GitFolder, filters: Mapping[str, str], *, own_objects: bool = False) -> None:
        self._source = source
        self._filters = filters
        self._own_objects = own_objects

    def make(self, folder: Path, branch: str, commit: str, index: Path) -> None:
        """Make `folder/.git`. Files of the clone are neither read nor written. Raises GitError and OSError."""
        git = folder / ".git"
        self._git(folder, "init", "-q", "--template=", f"--object-format={self._source.object_format}")
        self._copy_files(git)
        with (git / "config").open("ab") as file:
            file.write(os.fsencode(format_settings(self._settings())))
        self._take_objects(git, commit)
        self._git(folder, "update-ref", f"refs/heads/{branch}", commit)
        self._git(folder, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        (git / "index").write_bytes(index.read_bytes())

    def _git(self, folder: Path, *arguments: str) -> None:
        # A `.git` further up must never be found instead.
        env = {**environment(), "GIT_DIR": os.fspath(folder / ".git"), "GIT_WORK_TREE": os.fspath(folder)}
        if arguments[0] == "init":
            del env["GIT_DIR"], env["GIT_WORK_TREE"]
        done = run_process((*GIT, *arguments), folder, env, limit=LIMIT)
        if done.returncode:
            raise GitError(done.stderr.decode("utf-8", "replace").strip())

    def _copy_files(self, git: Path) -> None:
        (git / "info").mkdir(exist_ok=True)
        files = {
            **{name: self._source.file(name) for name in _SHARED_FILES},
            **{name: self._source.own_file(name) for name in _OWN_FILES},
        }
        for name, content in files.items():
            if content:
                (git / name).write_bytes(content)

    def _settings(self) -> list[tuple[str, str]]:
        settings = [row for row in self._source.settings if row[0] in _COPIED]
        settings += [*_OWN.items(), *self._filters.items()]
        if not (promisors := self._source.promisors):
            return settings
        for key, value in self._source.settings:
            remote, _, name = key.rpartition(".")
            if key == "extensions.partialclone" or (remote in promisors and name in _PROMISOR):
                settings.append((key, value))
        return [*settings, ("core.repositoryformatversion", "1")]

    def _take_objects(self, git: Path, commit: str) -> None:
        if self._own_objects:
            self._pack_objects(git, commit)
        else:
            (git / "objects" / "info").mkdir(exist_ok=True)
            (git / "objects" / "info" / "alternates").write_bytes(_alternate(self._source.objects) + b"\n")

    def _pack_objects(self, git: Path, commit: str) -> None:
        if self._source.promisors:
            raise PartialObjects(
                f"the repository {self._source.common} is partial: it does not have all objects of its commits",
                "set tree.objects: shared",
            )
        pack = os.fspath(git / "objects" / "pack" / "pack")
        self._source.repository.run("pack-objects", "-q", "--revs", pack, stdin=f"{commit}\n".encode())


def format_settings(settings: Iterable[tuple[str, str]]) -> str:
    """Return settings as text of a configuration file of git."""
    lines = []
    for key, value in settings:
        section, _, rest = key.partition(".")
        subsection, _, name = rest.rpartition(".")
        header = f'[{section} "{_escaped(subsection)}"]' if subsection else f"[{section}]"
        lines.append(f'{header}\n\t{name} = "{_escaped(value)}"\n')
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _alternate(objects: Path) -> bytes:
    """Return a line of `alternates`. Quotation marks only where they are needed: not every program reads them."""
    path = os.fsencode(objects)
    if b"\n" not in path:
        return path
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'

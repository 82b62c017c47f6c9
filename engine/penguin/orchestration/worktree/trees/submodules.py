"""The submodules of a commit, taken from what the user's repository has of them: nothing is fetched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from penguin.orchestration.worktree.git import GitError
from penguin.orchestration.worktree.trees.users_repository import GitFolder

_GITMODULES = ".gitmodules"


class Submodule(NamedTuple):
    """A submodule of a commit."""

    path: bytes
    commit: str
    git_dir: GitFolder | None
    """The user's git folder that has the commit; None if there is none."""


def find_submodules(git_dir: GitFolder, commit: str, links: Mapping[bytes, str]) -> list[Submodule]:
    """Return the submodules of a commit. `links`: the commit of each, by path."""
    names = _names(git_dir, commit) if links else {}
    return [
        Submodule(path, wanted, _git_folder(git_dir, path, names.get(path, ""), wanted))
        for path, wanted in links.items()
    ]


def _names(git_dir: GitFolder, commit: str) -> dict[bytes, str]:
    """Return the names of submodules by path."""
    arguments = ("config", "--null", f"--blob={commit}:{_GITMODULES}", "--get-regexp", r"^submodule\..*\.path$")
    try:
        output = git_dir.repository.run(*arguments, fine=(0, 1))
    except GitError:
        # The commit has no such file, or it can't be parsed.
        return {}
    rows = (row.partition(b"\n") for row in output.split(b"\0") if row)
    return {path: os.fsdecode(key)[len("submodule.") : -len(".path")] for key, _, path in rows}


def _git_folder(git_dir: GitFolder, path: bytes, name: str, commit: str) -> GitFolder | None:
    top = git_dir.top / os.fsdecode(path)
    found = [top / ".git"]
    # The file is part of the commit, so an agent may have written it.
    if name and not {"", ".", ".."}.intersection(name.split("/")):
        found = [git_dir.path / "modules" / name, git_dir.common / "modules" / name, *found]
    for place in found:
        if (place / "HEAD").is_file() and not place.is_symlink():
            submodule = GitFolder(place, place, top)
            if submodule.repository.has(f"{commit}^{{commit}}"):
                return submodule
    return None


def split_entries(output: bytes) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """Split the output of `ls-tree -r -z` into files, with their modes, and submodules, with their commits."""
    files: dict[bytes, str] = {}
    links: dict[bytes, str] = {}
    for row in output.split(b"\0")[:-1]:
        about, _, path = row.partition(b"\t")
        mode, kind, name = about.decode().split(" ")
        if kind == "commit":
            links[path] = name
        else:
            files[path] = mode
    return files, links

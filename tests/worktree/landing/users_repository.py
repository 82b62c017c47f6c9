"""A user's repository, a private clone with the work of a workflow, and what of the user's must not change."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.support.git_repository import git

from penguin.orchestration.worktree.git import Repository
from penguin.orchestration.worktree.landing import LandingRequest, land, prepare_target
from penguin.orchestration.worktree.landing.landing_commit import CommitText
from penguin.orchestration.worktree.landing.outcomes import GatesNeeded, Landed, Outcome

WORKFLOW = "ituv-a-000001"
TARGET = "penguin/backlog"
SECONDS = 1_790_000_000

Change = Callable[[Path], object]


class UsersRepository:
    """A repository with a few files. Each work is made in a clone of its own."""

    def __init__(self, folder: Path, *init: str) -> None:
        self.folder = folder
        self.top = folder / "repository"
        self.top.mkdir(parents=True)
        git(self.top, "init", "-q", "-b", "main", *init)
        git(self.top, "config", "user.name", "Ada")
        git(self.top, "config", "user.email", "ada@example.org")
        self.write("code.py", "print(1)\n")
        self.write("other.py", "other = 1\n")
        self.write("lib/util.py", "x = 1\n")
        self.write(".gitignore", "*.log\n.env\n")
        self.commit("start")

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.top / name).read_text()

    def commit(self, message: str) -> str:
        git(self.top, "add", "-A")
        git(self.top, "commit", "-qm", message)
        return self.tip("HEAD")

    def git(self, *arguments: str) -> str:
        return git(self.top, *arguments)

    def tip(self, name: str = TARGET) -> str:
        return git(self.top, "rev-parse", name).strip()

    @property
    def format(self) -> str:
        return git(self.top, "rev-parse", "--show-object-format").strip()

    def target(self, setting: str = TARGET) -> str:
        return prepare_target(Repository(self.top), setting).name

    def work(self, change: Change, *, workflow: str = WORKFLOW, base: str = "HEAD") -> LandingRequest:
        """Make a change in a private clone, and return the request that lands it on the target."""
        clone = self.folder / "trees" / workflow
        base = self.tip(base)
        git(self.top, "update-ref", f"refs/penguin/{workflow}/base", base)
        if not clone.exists():
            git(self.folder, "clone", "-q", "--shared", "--no-checkout", os.fspath(self.top), os.fspath(clone))
        git(clone, "checkout", "-q", "--detach", base)
        change(clone)
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "--allow-empty", "-m", "checkpoint")
        return LandingRequest(
            repository=Repository(self.top),
            branch=TARGET,
            work=git(clone, "rev-parse", "HEAD").strip(),
            base=base,
            objects=clone / ".git" / "objects",
            passed_tree=git(clone, "rev-parse", "HEAD^{tree}").strip(),
            text=CommitText("Add the thing", workflow, "sha256:1234"),
            seconds=SECONDS,
            folder=self.folder / "runs" / workflow,
            refs=f"refs/penguin/{workflow}/",
            wait=0,
        )

    def files(self, ref: str) -> dict[str, str]:
        """Return the text of each file of a commit."""
        names = self.git("ls-tree", "-r", "-z", "--name-only", ref).split("\0")[:-1]
        return {name: self.git("show", f"{ref}:{name}") for name in names}

    def traces(self) -> dict[str, object]:
        """Return what no landing may change: files, index, stash, hooks, settings, other branches and tags."""
        folder = self.top / ".git"
        refs = "--format=%(refname) %(objectname)", "refs/heads", "refs/tags", "refs/stash"
        hooks = {path.name: path.read_bytes() for path in folder.glob("hooks/*")}
        return {
            "head": (folder / "HEAD").read_bytes(),
            "index": (folder / "index").read_bytes(),
            "config": (folder / "config").read_bytes(),
            "hooks": hooks,
            "refs": [ref for ref in self.git("for-each-ref", *refs).split("\n") if TARGET not in ref],
            "files": files_of(self.top),
        }

    def is_whole(self) -> None:
        """Check that nothing is left in .git, and that the repository is sound."""
        left = [*self.top.glob(".git/**/*.lock"), *self.top.glob(".git/**/penguin-landing-*")]
        left += self.folder.rglob(".penguin-landing-*")
        assert left == []
        assert self.git("fsck", "--strict", "--no-dangling", "--no-progress") == ""


def files_of(top: Path) -> dict[str, tuple[int, bytes]]:
    """Return the mode and the content of each file of a working tree, but those in .git."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = os.fspath(path.relative_to(top))
        if name.split("/")[0] == ".git" or (path.is_dir() and not path.is_symlink()):
            continue
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        found[name] = (path.lstat().st_mode, content)
    return found


def land_with_gates(request: LandingRequest) -> Outcome:
    """Land, with gates that pass on every merged tree."""
    outcome = land(request)
    while isinstance(outcome, GatesNeeded):
        outcome = land(replace(request, passed_tree=outcome.tree))
    return outcome


def landed(outcome: Outcome) -> Landed:
    assert isinstance(outcome, Landed), outcome
    return outcome


def writing(**files: str) -> Change:
    """Return a change that writes files; `__` in a name is a dot, `___` a slash."""

    def change(top: Path) -> None:
        for name, text in files.items():
            path = top / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return change


def status(top: Path) -> str:
    """Return what git says about the files of a checkout that differ from HEAD."""
    return git(top, "status", "--porcelain")


def fails(folder: Path, *arguments: str) -> str:
    """Run a git command that fails, and return its message."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr

"""A kill at each failpoint of a tree: the next call completes it, and the user's repository is as it was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.support.waiting import wait_until
from tests.worktree.trees.tree_maker import WORKFLOW, TreeMaker, fingerprint

from penguin.orchestration.files.failpoints import VARIABLE
from penguin.orchestration.worktree import trees as package

MAKING = ("tree.kept", "tree.filters", "tree.begun", "tree.folder", "tree.files", "tree.git", "tree.renamed")
SETTING_UP = ("setup.copied", "setup.placed", "setup.copied:2", "setup.placed:2")
COMMITTING = ("work.tree", "work.commit")
CHECKING = ("check.folder", "check.files", "check.git")
ROOT = Path(__file__).parents[3]


def test_every_failpoint_of_trees_is_tested() -> None:
    sources = Path(package.__file__).parent.glob("*.py")
    there = {name for path in sources for name in re.findall(r'\breach\("([a-z.]+)"\)', path.read_text())}
    assert there == {name.partition(":")[0] for name in MAKING + SETTING_UP + COMMITTING + CHECKING}


def start(repository: Path, trees: Path, failpoint: str = "") -> subprocess.Popen[bytes]:
    """Start a process that makes a tree and takes a change through it."""
    program = "import sys; from tests.worktree.trees.test_kills import take; take(*sys.argv[1:])"
    arguments = [sys.executable, "-c", program, os.fspath(repository), os.fspath(trees)]
    return subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, VARIABLE: failpoint})


def take(repository: str, trees: str) -> None:
    """Make a tree, set it up, change a file, commit it and check it out."""
    from penguin.orchestration.worktree.trees.tree_setup import TreeSetUp

    tree = TreeMaker(Path(repository), Path(trees))
    tree.clone.make()
    base = tree.clone.base_files()
    set_up = TreeSetUp(Path(repository), copy=["local.log", "build"])
    if set_up.is_due(base):
        set_up.bring(base)
        set_up.record(base)
    (tree.work / "code.py").write_text("print(2)\n")
    tree.check(tree.save().commit)


@pytest.fixture
def ready(repository: Path) -> Path:
    """A repository with something for set-up."""
    (repository / "local.log").write_text("local")
    (repository / "build").mkdir()
    (repository / "build/a").write_text("built")
    return repository


@pytest.mark.parametrize("failpoint", MAKING + SETTING_UP + COMMITTING + CHECKING)
def test_the_next_call_completes_it(ready: Path, trees: Path, failpoint: str) -> None:
    before = fingerprint(ready)
    assert start(ready, trees, failpoint).wait() == -signal.SIGKILL
    assert fingerprint(ready) == before
    assert start(ready, trees).wait() == 0
    assert fingerprint(ready) == before
    assert_complete(ready, trees)


def assert_complete(repository: Path, trees: Path) -> None:
    tree = TreeMaker(repository, trees)
    refs = git(repository, "for-each-ref", "--format=%(refname)", "refs/penguin").split()
    assert refs == [f"refs/penguin/{WORKFLOW}/1-implement", f"refs/penguin/{WORKFLOW}/base"]
    assert git(tree.work, "status", "--porcelain") == " M code.py\n"
    assert (tree.work / "build/a").read_text() == "built"
    assert git(tree.folder.check, "status", "--porcelain", "--ignored") == ""
    assert (tree.folder.check / "code.py").read_text() == "print(2)\n"
    for clone in (repository, tree.work, tree.folder.check):
        git(clone, "fsck", "--strict")
    left = sorted(path.name for path in tree.folder.path.iterdir() if not path.name.endswith(".held"))
    assert left == [
        *("base", "check", "check.index", "commit.index", "filters.json"),
        *("work", "work.index", "work.set-up.json"),
    ]


def test_a_git_that_outlives_its_penguin_disturbs_nothing(ready: Path, trees: Path) -> None:
    begun, go = trees.parent / "begun", trees.parent / "go"
    git(ready, "config", "filter.slow.smudge", f"touch {begun}; while ! test -e {go}; do sleep 0.05; done; cat")
    (ready / ".gitattributes").write_text("*.txt filter=slow\n")
    for number in range(3):
        (ready / f"{number}.txt").write_text(f"{number}\n")
    git(ready, "add", "-A")
    git(ready, "commit", "-qm", "slow")
    process = start(ready, trees)
    wait_until(begun.exists)
    process.kill()
    process.wait()
    again = start(ready, trees)
    go.touch()
    assert again.wait() == 0
    assert_complete(ready, trees)
    assert (TreeMaker(ready, trees).work / "2.txt").read_text() == "2\n"

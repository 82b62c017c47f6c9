"""The clone in which gates run: always the commit, whatever ran in it before."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.trees.tree_maker import TreeMaker, fingerprint


def test_it_is_a_clean_checkout_of_the_commit(tree: TreeMaker) -> None:
    (tree.work / "code.py").write_text("print(2)\n")
    (tree.work / "noise.log").write_text("ignored\n")
    saved = tree.save()
    check = tree.check(saved.commit)
    assert git(check.path, "rev-parse", "HEAD") == f"{saved.commit}\n"
    assert git(check.path, "status", "--porcelain", "--ignored") == ""
    assert sorted(path.name for path in check.path.iterdir()) == [".git", ".gitignore", "code.py", "lib"]
    assert (check.path / "code.py").read_text() == "print(2)\n"
    git(check.path, "fsck")


def test_no_file_is_shared_with_the_work(tree: TreeMaker, repository: Path) -> None:
    check = tree.check(tree.save().commit)
    clones = (tree.work, check.path)
    files = [path.stat() for clone in clones for path in clone.rglob("*") if path.is_file()]
    assert all(file.st_nlink == 1 for file in files)
    (tree.work / "code.py").write_text("later\n")
    assert check.changed_files() == ()


def test_only_files_that_differ_are_written(tree: TreeMaker) -> None:
    check = tree.check(tree.save().commit)
    before = (check.path / "lib/util.py").stat()
    (tree.work / "code.py").write_text("print(2)\n")
    check = tree.check(tree.save("2-implement").commit)
    assert (check.path / "code.py").read_text() == "print(2)\n"
    after = (check.path / "lib/util.py").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def files_in(clone: Path) -> dict[str, tuple[int, str]]:
    """Return the mode and content of all files; of folders only that they are there."""
    found = fingerprint(clone)
    del found[".git/index"]
    return {name: (stat.S_IFDIR if stat.S_ISDIR(mode) else mode, text) for name, (mode, text) in found.items()}


def write(check: Path) -> None:
    (check / "code.py").write_text("other\n")
    (check / "noise.log").write_text("ignored\n")
    (check / "build").mkdir()
    (check / "build/a").write_text("ignored")
    (check / "untracked.py").write_text("new")


def same_size(check: Path) -> None:
    before = (check / "code.py").stat()
    (check / "code.py").write_text("print(7)\n")
    os.utime(check / "code.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def remove(check: Path) -> None:
    shutil.rmtree(check / "lib")
    (check / "code.py").unlink()


def links(check: Path) -> None:
    outside = check.parent.parent / "outside"
    outside.mkdir()
    (outside / "util.py").write_text("the user's")
    shutil.rmtree(check / "lib")
    (check / "lib").symlink_to(outside)
    (check / "code.py").unlink()
    (check / "code.py").symlink_to(outside / "util.py")


def kinds(check: Path) -> None:
    shutil.rmtree(check / "lib")
    (check / "lib").write_text("a file now")
    (check / "code.py").unlink()
    (check / "code.py").mkdir()
    (check / "code.py/x").write_text("a folder now")
    os.mkfifo(check / "pipe")
    (check / "empty/er").mkdir(parents=True)


def modes(check: Path) -> None:
    (check / "code.py").chmod(0o755)
    locked = check / "locked"
    (locked / "in").mkdir(parents=True)
    (locked / "in/file").write_text("x")
    for folder in (locked / "in", locked, check / "lib"):
        folder.chmod(0)


def git_of_the_clone(check: Path) -> None:
    git(check, "config", "core.hooksPath", ".")
    git(check, "update-index", "--assume-unchanged", "code.py")
    git(check, "branch", "other")
    (check / ".git/info/exclude").write_text("*\n")
    (check / "code.py").write_text("other\n")


def no_git(check: Path) -> None:
    shutil.rmtree(check / ".git")
    git(check, "init", "-q", "nested")


def all_gone(check: Path) -> None:
    shutil.rmtree(check)


def a_link(check: Path) -> None:
    check.rename(check.with_name("moved"))
    check.symlink_to("moved")


@pytest.mark.parametrize(
    "damage", [write, same_size, remove, links, kinds, modes, git_of_the_clone, no_git, all_gone, a_link]
)
def test_whatever_a_gate_left_is_mended(tree: TreeMaker, damage: Callable[[Path], None]) -> None:
    check = tree.check(tree.save().commit)
    before = files_in(check.path)
    damage(check.path)
    check.clean()
    assert files_in(check.path) == before
    assert git(check.path, "status", "--porcelain", "--ignored") == ""
    outside = tree.folder.path / "outside"
    assert not outside.exists() or (outside / "util.py").read_text() == "the user's"


def test_changed_files_of_the_commit_are_named(tree: TreeMaker) -> None:
    check = tree.check(tree.save().commit)
    (check.path / "new.py").write_text("a gate may write new files\n")
    (check.path / "lib/util.py").touch()
    assert check.changed_files() == ()
    (check.path / "code.py").write_text("print(3)\n")
    (check.path / "lib/util.py").unlink()
    assert check.changed_files() == ("code.py", "lib/util.py")


def test_folders_and_files_that_the_next_commit_replaces(tree: TreeMaker) -> None:
    tree.check(tree.save().commit)
    shutil.rmtree(tree.work / "lib")
    (tree.work / "lib").write_text("a file")
    (tree.work / "code.py").unlink()
    (tree.work / "code.py").mkdir()
    (tree.work / "code.py/a").write_text("a")
    check = tree.check(tree.save("2-implement").commit)
    assert (check.path / "lib").read_text() == "a file"
    assert (check.path / "code.py/a").read_text() == "a"
    check = tree.check(tree.clone.base)
    assert (check.path / "lib/util.py").read_text() == "x = 1\n"

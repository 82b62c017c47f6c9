"""The commit of the work: of the files alone, whatever the agent did to the clone's git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.trees.tree_maker import WORKFLOW, TreeMaker, files_of, make_tree

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.worktree.trees.outside_links import leads_out
from penguin.orchestration.worktree.trees.tree_folder import UnsafeTree
from penguin.orchestration.worktree.trees.work_commit import WorkNotStored


def test_the_commit_holds_the_work(tree: TreeMaker, repository: Path) -> None:
    (tree.work / "code.py").write_text("print(2)\n")
    (tree.work / "new").mkdir()
    (tree.work / "new/file.py").write_text("new\n")
    (tree.work / "lib/util.py").unlink()
    (tree.work / "noise.log").write_text("ignored\n")
    saved = tree.save()
    assert saved.changed
    assert saved.left_out == saved.outside_links == ()
    assert files_of(repository, saved.commit) == [".gitignore", "code.py", "new/file.py"]
    assert git(repository, "rev-parse", f"refs/penguin/{WORKFLOW}/1-implement") == f"{saved.commit}\n"
    assert git(repository, "rev-parse", f"{saved.commit}^") == git(repository, "rev-parse", "HEAD")
    assert git(repository, "log", "-1", "--format=%s", saved.commit) == "work 1-implement\n"


def test_no_work_is_no_change(tree: TreeMaker) -> None:
    (tree.work / "code.py").touch()
    assert not tree.save().changed


def test_the_same_files_give_the_same_tree(tree: TreeMaker) -> None:
    (tree.work / "new.py").write_text("1\n")
    first = tree.save()
    (tree.work / "new.py").write_text("2\n")
    (tree.work / ".env").write_text("SECRET=1\n")
    second = tree.save("2-implement")
    assert second.tree != first.tree
    (tree.work / "new.py").write_text("1\n")
    third = tree.save("3-implement")
    assert third.tree == first.tree
    assert third.left_out == (".env",)


def config(work: Path) -> None:
    for key, value in {
        "core.fileMode": "false",
        "core.ignoreStat": "true",
        "core.checkStat": "minimal",
        "core.trustctime": "false",
        "core.fsmonitor": "touch ran;",
        "core.hooksPath": ".",
        "core.excludesFile": str(work / "all"),
        "core.autocrlf": "true",
        "filter.x.clean": "touch ran; echo other",
        "core.attributesFile": str(work / "attributes"),
    }.items():
        git(work, "config", key, value)
    (work / "all").write_text("*\n")
    (work / "attributes").write_text("* filter=x\n")


def worktree(work: Path) -> None:
    git(work, "config", "core.worktree", "/")


def bits(work: Path) -> None:
    git(work, "update-index", "--assume-unchanged", "code.py")
    git(work, "update-index", "--skip-worktree", "lib/util.py")


def exclude(work: Path) -> None:
    (work / ".git/info/exclude").write_text("*\n")
    (work / ".git/info/attributes").write_text("* filter=x\n")


def committed(work: Path) -> None:
    git(work, "add", "-A")
    git(work, "commit", "-qm", "agent")
    git(work, "reset", "-q", "--soft", "HEAD~1")


def no_git(work: Path) -> None:
    shutil.rmtree(work / ".git")


def other_git(work: Path) -> None:
    shutil.rmtree(work / ".git")
    (work / ".git").write_text("gitdir: /nowhere\n")


def corrupt(work: Path) -> None:
    (work / ".git/index").write_bytes(b"x")
    (work / ".git/HEAD").write_bytes(b"x")


@pytest.mark.parametrize("trick", [config, worktree, bits, exclude, committed, no_git, other_git, corrupt])
def test_nothing_in_the_clones_git_counts(tree: TreeMaker, repository: Path, trick: Callable[[Path], None]) -> None:
    (tree.work / "code.py").write_text("print(2)\n")
    (tree.work / "lib/util.py").chmod(0o755)
    (tree.work / "new.py").write_text("a\r\n")
    trick(tree.work)
    saved = tree.save()
    rows = git(repository, "diff", "--raw", "--abbrev=1", "HEAD", saved.commit, "--", "code.py", "lib", "new.py")
    assert [row.split("\t")[1] for row in rows.splitlines()] == ["code.py", "lib/util.py", "new.py"]
    assert git(repository, "show", f"{saved.commit}:new.py") == "a\r\n"
    assert not list(tree.work.rglob("ran"))


def test_a_change_that_keeps_size_and_time_is_seen(tree: TreeMaker) -> None:
    path = tree.work / "code.py"
    before = path.stat()
    path.write_text("print(7)\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert tree.save().changed


def test_excluded_files_are_named(tree: TreeMaker, repository: Path) -> None:
    (tree.work / ".env.local").write_text("SECRET=1\n")
    (tree.work / "lib/id_rsa").write_text("SECRET\n")
    with (tree.work / "large.bin").open("wb") as file:
        file.truncate(10_000_001)
    saved = tree.save()
    assert saved.left_out == (".env.local", "large.bin", "lib/id_rsa")
    assert not saved.changed


def test_an_excluded_file_of_the_base_stays_part_of_it(repository: Path, trees: Path) -> None:
    (repository / ".env.example").write_text("A=\n")
    git(repository, "add", "-f", ".env.example")
    git(repository, "commit", "-qm", "example")
    tree = make_tree(repository, trees)
    (tree.work / ".env.example").write_text("A=\nB=\n")
    saved = tree.save()
    assert git(repository, "show", f"{saved.commit}:.env.example") == "A=\nB=\n"


def test_nested_repositories_are_named(tree: TreeMaker) -> None:
    make_repository(tree.work / "nested")
    saved = tree.save()
    assert saved.left_out == ("nested/",)
    assert not saved.changed


def test_a_file_that_git_cannot_store_is_an_error(tree: TreeMaker, repository: Path) -> None:
    (tree.work / "code.py").unlink()
    os.mkfifo(tree.work / "code.py")
    with pytest.raises(WorkNotStored, match=r"code\.py \(a pipe, a socket or a device\)") as refused:
        tree.save()
    assert str(tree.work) in refused.value.hint
    (tree.work / "code.py").unlink()
    assert files_of(repository, tree.save().commit) == [".gitignore", "lib/util.py"]


def test_a_name_that_git_forbids_is_an_error(tree: TreeMaker) -> None:
    (tree.work / "lib/git~1").write_text("x")
    with pytest.raises(WorkNotStored, match="lib/git~1"):
        tree.save()


def test_links_that_lead_out_are_named(repository: Path, trees: Path) -> None:
    (repository / "old").symlink_to("/etc/hostname")
    (repository / "moved").symlink_to("lib")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "link")
    tree = make_tree(repository, trees)
    assert tree.save().outside_links == ("old",)
    assert tree.save().new_outside_links == ()
    (tree.work / "lib/up").symlink_to("../../other")
    (tree.work / "lib/within").symlink_to("../code.py")
    (tree.work / "moved").unlink()
    (tree.work / "moved").symlink_to("..")
    saved = tree.save("2-implement")
    assert saved.outside_links == ("lib/up", "moved", "old")
    assert saved.new_outside_links == ("lib/up", "moved")


@pytest.mark.parametrize(
    ("target", "out"),
    [
        (b"b", False),
        (b"", False),
        (b"./deep/../x", False),
        (b"..", True),
        (b"/x", True),
        (b"deep/../../x", True),
        (b"top/../x", True),
        (b"down/../x", False),
        (b"down/../../../x", True),
        (b"circle", True),
    ],
)
def test_where_links_lead(target: bytes, out: bool) -> None:
    others = {b"top": b".", b"down": b"deep/deeper", b"circle": b"circle"}
    assert leads_out(b"link", {**others, b"link": target}) is out


def test_folders_become_files_and_links(tree: TreeMaker, repository: Path) -> None:
    shutil.rmtree(tree.work / "lib")
    (tree.work / "lib").symlink_to("code.py")
    saved = tree.save()
    assert files_of(repository, saved.commit) == [".gitignore", "code.py", "lib"]
    (tree.work / "code.py").unlink()
    (tree.work / "code.py").mkdir()
    (tree.work / "code.py/a").write_text("a")
    saved = tree.save("2-implement")
    assert files_of(repository, saved.commit) == [".gitignore", "code.py/a", "lib"]


def test_a_clone_behind_a_link_is_refused(tree: TreeMaker) -> None:
    tree.work.rename(tree.work.with_name("moved"))
    with pytest.raises(UnsafeTree, match="is gone"):
        tree.save()
    tree.work.symlink_to("moved")
    with pytest.raises(UnsafeTree, match="not a folder"):
        tree.save()
    with pytest.raises(WorkflowError, match="in the way"):
        tree.clone.make()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all folders")
@pytest.mark.parametrize("name", ["lib", "lib/util.py"])
def test_what_can_not_be_read_is_an_error(tree: TreeMaker, name: str) -> None:
    (tree.work / "lib/util.py").write_text("x = 2\n")
    (tree.work / name).chmod(0)
    with pytest.raises(WorkNotStored, match=name):
        tree.save()
    (tree.work / name).chmod(0o700)
    assert tree.save().changed

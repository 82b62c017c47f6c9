"""Trees of repositories that need more than their objects: shallow, partial, sparse, sha256, with submodules."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.trees.tree_maker import TreeMaker, fingerprint, make_tree

from penguin.orchestration.worktree.git import NoRepository
from penguin.orchestration.worktree.trees.clone_git import PartialObjects, format_settings

FILE = ("-c", "protocol.file.allow=always")


def assert_whole(tree: TreeMaker) -> None:
    """Work, commit and check, in clones that git finds whole."""
    (tree.work / "code.py").write_text("print(2)\n")
    saved = tree.save()
    assert saved.changed
    assert saved.left_out == ()
    check = tree.check(saved.commit)
    assert (check.path / "code.py").read_text() == "print(2)\n"
    for clone in (tree.work, check.path, tree.workspace):
        git(clone, "fsck")
        git(clone, "log", "--stat")
    assert git(tree.work, "status", "--porcelain") == " M code.py\n"
    assert git(check.path, "status", "--porcelain") == ""
    assert check.changed_files() == ()


def test_shallow(repository: Path, tmp_path: Path, trees: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, *FILE, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    tree = make_tree(tmp_path / "shallow", trees)
    assert git(tree.work, "rev-parse", "--is-shallow-repository") == "true\n"
    assert_whole(tree)


def test_shallow_with_own_objects(repository: Path, tmp_path: Path, trees: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, *FILE, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    tree = TreeMaker(tmp_path / "shallow", trees)
    tree.clone.make(own_objects=True)
    assert_whole(tree)


def partial_clone(repository: Path, tmp_path: Path, *options: str) -> Path:
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    url = f"file://{repository}"
    git(tmp_path, *FILE, "clone", "-q", "--filter=blob:none", *options, url, "partial")
    git(tmp_path / "partial", "config", "protocol.file.allow", "always")
    return tmp_path / "partial"


def test_partial(repository: Path, tmp_path: Path, trees: Path) -> None:
    (repository / "code.py").write_text("print(7)\n")
    git(repository, "commit", "-qam", "second")
    clone = partial_clone(repository, tmp_path)
    tree = make_tree(clone, trees)
    assert git(tree.work, *FILE, "show", "HEAD~1:code.py") == "print(1)\n"
    assert git(tree.work, "remote") == "origin\n"
    assert git(tree.work, "for-each-ref", "--format=%(refname)") == "refs/heads/penguin/a\n"
    assert_whole(tree)


def test_partial_and_not_checked_out(repository: Path, tmp_path: Path, trees: Path) -> None:
    """The files are fetched when the tree is made."""
    assert_whole(make_tree(partial_clone(repository, tmp_path, "--no-checkout"), trees))


def test_partial_with_own_objects_is_refused(repository: Path, tmp_path: Path, trees: Path) -> None:
    tree = TreeMaker(partial_clone(repository, tmp_path), trees)
    with pytest.raises(PartialObjects) as refused:
        tree.clone.make(own_objects=True)
    assert refused.value.hint == "set tree.objects: shared"


def test_sparse(repository: Path, trees: Path) -> None:
    (repository / "docs").mkdir()
    (repository / "docs/page.md").write_text("page\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "docs")
    git(repository, "sparse-checkout", "set", "--cone", "lib")
    assert not (repository / "docs").exists()
    tree = make_tree(repository, trees)
    assert sorted(path.name for path in tree.work.iterdir()) == [".git", ".gitignore", "code.py", "lib"]
    assert_whole(tree)
    (tree.work / "docs").mkdir()
    (tree.work / "docs/page.md").write_text("changed\n")
    saved = tree.save("2-implement")
    assert git(repository, "diff", "--name-only", "HEAD", saved.commit).split() == ["code.py", "docs/page.md"]


def test_sha256(tmp_path: Path, trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "--object-format=sha256")
    (folder / "code.py").write_text("print(1)\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    tree = make_tree(folder, trees)
    assert len(tree.clone.base) == 64
    assert_whole(tree)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_owner_whom_git_does_not_trust(repository: Path, trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(trees.parent))
    shutil.chown(repository, 12345, 12345)
    with pytest.raises(NoRepository, match="dubious ownership"):
        make_tree(repository, trees)
    git(trees.parent, "config", "--global", "safe.directory", str(repository))
    assert_whole(make_tree(repository, trees))


@pytest.fixture
def module(repository: Path, tmp_path: Path) -> Path:
    """A submodule of the repository, with a submodule of its own."""
    inner = make_repository(tmp_path / "inner")
    outer = make_repository(tmp_path / "outer")
    git(outer, *FILE, "submodule", "--quiet", "add", str(inner), "deep/inner")
    git(outer, "commit", "-qm", "submodule")
    git(repository, *FILE, "submodule", "--quiet", "add", "--name", "named", str(outer), "module")
    git(repository, *FILE, "submodule", "--quiet", "update", "--init", "--recursive")
    git(repository, "commit", "-qm", "submodule")
    return repository / "module"


def test_submodules_are_checked_out(module: Path, repository: Path, trees: Path) -> None:
    before = fingerprint(repository)
    tree = make_tree(repository, trees)
    assert tree.clone.make().missing_submodules == ()
    for clone in (tree.work, tree.check(tree.save().commit).path):
        assert (clone / "module/code.py").read_text() == "print(1)\n"
        assert (clone / "module/deep/inner/lib/util.py").read_text() == "x = 1\n"
        assert git(clone, "status", "--porcelain") == ""
        assert git(clone / "module", "for-each-ref", "--format=%(refname)") == "refs/heads/penguin/a\n"
    assert_whole(tree)
    after = fingerprint(repository)
    del before["code.py"], after["code.py"]
    assert after == before


def test_changes_in_submodules_are_left_out(module: Path, repository: Path, trees: Path) -> None:
    tree = make_tree(repository, trees)
    (tree.work / "module/deep/inner/code.py").write_text("print(9)\n")
    saved = tree.save()
    assert saved.left_out == ("module/",)
    assert not saved.changed
    git(tree.work / "module/deep/inner", "commit", "-qam", "agent")
    git(tree.work / "module", "commit", "-qam", "agent")
    git(tree.work, "commit", "-qam", "agent")
    assert tree.save("2-implement").left_out == ("module/",)
    check = tree.check(saved.commit)
    (check.path / "module/new").write_text("ignored or not")
    (check.path / "module/code.py").write_text("changed")
    assert check.changed_files() == ("module/",)
    check.clean()
    assert check.changed_files() == ()
    assert not (check.path / "module/new").exists()


def test_a_submodule_that_is_removed(module: Path, repository: Path, trees: Path) -> None:
    tree = make_tree(repository, trees)
    git(tree.work, "rm", "-q", "-r", "-f", "module")
    saved = tree.save()
    assert saved.left_out == ()
    check = tree.check(saved.commit)
    assert not (check.path / "module").exists()
    assert git(repository, "diff", "--name-status", "HEAD", saved.commit) == "M\t.gitmodules\nD\tmodule\n"


def test_a_submodule_that_the_user_does_not_have(module: Path, repository: Path, tmp_path: Path, trees: Path) -> None:
    git(tmp_path, "clone", "-q", str(repository), "fresh")
    tree = TreeMaker(tmp_path / "fresh", trees)
    assert tree.clone.make().missing_submodules == ("module",)
    assert list((tree.work / "module").iterdir()) == []
    assert_whole(tree)


def test_settings_are_written_as_git_reads_them(tmp_path: Path) -> None:
    values = {"a.b": 'x "y" \\z #;', "filter.A.b C.clean": "two\nlines\tand tab ", "core.empty": ""}
    (tmp_path / "config").write_text(format_settings(values.items()))
    for key, value in values.items():
        assert git(tmp_path, "config", "-f", "config", "--get", key) == f"{value}\n"

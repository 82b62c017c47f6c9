"""Filters of contents: those of the user when the tree was made run, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.trees.tree_maker import TreeMaker, make_tree

from penguin.orchestration.worktree.trees.clone_files import FilterFailed
from penguin.orchestration.worktree.trees.content_filters import UnknownFilter
from penguin.orchestration.worktree.trees.work_commit import WorkNotStored

UPPER = ("tr a-z A-Z", "tr A-Z a-z")
"""A filter with files in upper case in the repository, and in lower case in the working tree."""


def define(repository: Path, name: str = "upper", clean: str = UPPER[0], smudge: str = UPPER[1]) -> None:
    git(repository, "config", f"filter.{name}.clean", clean)
    git(repository, "config", f"filter.{name}.smudge", smudge)


@pytest.fixture
def filtered(repository: Path) -> Path:
    """A repository with a filter for text files, and one such file."""
    define(repository)
    (repository / ".gitattributes").write_text("*.txt filter=upper\n")
    (repository / "a.txt").write_text("text\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "filter")
    assert git(repository, "show", "HEAD:a.txt") == "TEXT\n"
    return repository


def test_filters_run_at_checkout_and_when_penguin_commits(filtered: Path, trees: Path) -> None:
    tree = make_tree(filtered, trees)
    assert (tree.work / "a.txt").read_text() == "text\n"
    assert git(tree.work, "status", "--porcelain") == ""
    (tree.work / "b.txt").write_text("more\n")
    saved = tree.save()
    assert git(filtered, "show", f"{saved.commit}:b.txt") == "MORE\n"
    check = tree.check(saved.commit)
    assert (check.path / "b.txt").read_text() == "more\n"
    assert git(check.path, "status", "--porcelain") == ""
    assert check.changed_files() == ()


def test_filters_are_those_of_the_start(filtered: Path, trees: Path) -> None:
    tree = make_tree(filtered, trees)
    define(filtered, clean="touch ran; cat")
    define(filtered, "other", clean="touch ran; cat")
    git(tree.work, "config", "filter.upper.clean", "touch ran; cat")
    (tree.work / "b.txt").write_text("more\n")
    saved = TreeMaker(filtered, trees).save()
    assert git(filtered, "show", f"{saved.commit}:b.txt") == "MORE\n"
    assert not list(trees.rglob("ran"))


def test_a_filter_that_nobody_defines_is_an_error(filtered: Path, trees: Path) -> None:
    git(filtered, "config", "--remove-section", "filter.upper")
    with pytest.raises(UnknownFilter, match=r"the filter upper for a\.txt, but no git configuration") as refused:
        make_tree(filtered, trees)
    assert "git config filter.upper.clean" in refused.value.hint
    define(filtered)
    with pytest.raises(UnknownFilter):
        make_tree(filtered, trees)


def test_lfs_that_is_not_installed_is_named(repository: Path, trees: Path) -> None:
    (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repository / "a.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "lfs")
    with pytest.raises(UnknownFilter, match="the filter lfs") as refused:
        make_tree(repository, trees)
    assert "git lfs install" in refused.value.hint


def test_lfs_whose_program_is_missing_is_named(repository: Path, trees: Path) -> None:
    (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repository / "a.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "lfs")
    git(repository, "config", "filter.lfs.process", "git-lfs-that-is-missing filter-process")
    git(repository, "config", "filter.lfs.required", "true")
    with pytest.raises(FilterFailed, match="the filter lfs failed") as refused:
        make_tree(repository, trees)
    assert "install git-lfs" in refused.value.hint


def test_a_file_that_cannot_be_cleaned_is_named(filtered: Path, trees: Path) -> None:
    define(filtered, clean="grep -v bad")
    tree = make_tree(filtered, trees)
    (tree.work / "good.txt").write_text("good\n")
    (tree.work / "wrong.txt").write_text("bad\n")
    with pytest.raises(WorkNotStored, match=r"these files of the work: wrong\.txt"):
        tree.save()
    (tree.work / "wrong.txt").write_text("mended\n")
    assert git(filtered, "show", f"{tree.save().commit}:wrong.txt") == "mended\n"


def test_a_filter_that_changed_attributes_bring_is_refused(filtered: Path, trees: Path) -> None:
    define(filtered, "spare", clean="touch ran; cat")
    tree = make_tree(filtered, trees)
    (tree.work / ".gitattributes").write_text("*.txt filter=upper\n*.py filter=spare\n")
    (tree.work / "new.py").write_text("1\n")
    with pytest.raises(UnknownFilter, match=r"a changed \.gitattributes names the filter spare for .*new\.py"):
        tree.save()
    (tree.work / ".gitattributes").write_text("*.txt filter=upper\n*.py filter=nowhere\n")
    with pytest.raises(UnknownFilter, match="no git configuration defines it"):
        tree.save()
    (tree.work / ".gitattributes").write_text("*.txt filter=upper\n*.md filter=upper\n")
    (tree.work / "page.md").write_text("page\n")
    assert git(filtered, "show", f"{tree.save().commit}:page.md") == "PAGE\n"
    assert not list(trees.rglob("ran"))


def test_a_filter_whose_program_the_work_changes_is_not_run(filtered: Path, trees: Path) -> None:
    (filtered / "clean.sh").write_text("cat\n")
    git(filtered, "add", "clean.sh")
    git(filtered, "commit", "-qm", "program")
    define(filtered, clean="sh ./clean.sh")
    tree = make_tree(filtered, trees)
    (tree.work / "b.txt").write_text("more\n")
    assert git(filtered, "show", f"{tree.save().commit}:b.txt") == "more\n"
    (tree.work / "clean.sh").write_text("touch ran; cat\n")
    with pytest.raises(UnknownFilter, match=r"the filter upper runs clean\.sh, which the work changes"):
        tree.save()
    assert not list(trees.rglob("ran"))


def test_a_filter_whose_program_a_gate_changed_is_not_run(filtered: Path, trees: Path) -> None:
    (filtered / "clean.sh").write_text("cat\n")
    git(filtered, "add", "clean.sh")
    git(filtered, "commit", "-qm", "program")
    define(filtered, clean="sh ./clean.sh", smudge="sh ./clean.sh")
    tree = make_tree(filtered, trees)
    (tree.work / "b.txt").write_text("more\n")
    check = tree.check(tree.save().commit)
    assert check.changed_files() == ()
    (check.path / "clean.sh").write_text(f"touch {trees}/ran; cat\n")
    (check.path / "b.txt").write_text("other\n")
    assert check.changed_files() == ("b.txt", "clean.sh")
    check.clean()
    assert check.changed_files() == ()
    assert not (trees / "ran").exists()


@pytest.mark.parametrize("autocrlf", ["true", "input"])
def test_line_ends_are_those_of_the_user(repository: Path, trees: Path, autocrlf: str) -> None:
    git(repository, "config", "core.autocrlf", autocrlf)
    tree = make_tree(repository, trees)
    expected = b"print(1)\r\n" if autocrlf == "true" else b"print(1)\n"
    assert (tree.work / "code.py").read_bytes() == expected
    assert git(tree.work, "status", "--porcelain") == ""
    assert not tree.save().changed
    (tree.work / "code.py").write_bytes(b"print(2)\r\n")
    saved = tree.save()
    assert git(repository, "cat-file", "-p", f"{saved.commit}:code.py") == "print(2)\n"
    assert tree.check(saved.commit).changed_files() == ()

"""The digest of a working tree under git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.git_repository import git

from penguin.orchestration.worktree import WorkingTree


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "code.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> WorkingTree:
    return WorkingTree(repository, tmp_path / "workflow")


def implemented(tree: WorkingTree, path: Path, text: str) -> str:
    tree.before_implement(1)
    path.write_text(text)
    return tree.after_implement(1)


def test_the_same_files_give_the_same_digest(tree: WorkingTree) -> None:
    assert tree.digest() == tree.digest() != ""


def test_a_changed_tracked_file_is_named(tree: WorkingTree, repository: Path) -> None:
    before = tree.digest()
    (repository / "code.py").write_text("print(2)\n")
    after = tree.digest()
    assert after != before
    assert tree.changed(before, after) == ("code.py",)


def test_a_deleted_tracked_file_changes_the_digest(tree: WorkingTree, repository: Path) -> None:
    before = tree.digest()
    (repository / "code.py").unlink()
    assert tree.changed(before, tree.digest()) == ("code.py",)


def test_files_created_by_implement_belong_to_the_tree(tree: WorkingTree, repository: Path) -> None:
    before = tree.digest()
    made = implemented(tree, repository / "new file.py", "x = 1\n")
    assert tree.changed(before, made) == ("new file.py",)
    (repository / "new file.py").write_text("x = 2\n")
    assert tree.digest() != made


def test_files_created_by_tests_do_not_change_the_digest(tree: WorkingTree, repository: Path) -> None:
    tested = implemented(tree, repository / "new.py", "x = 1\n")
    (repository / "report.xml").write_text("<r/>")
    (repository / "ignored.log").write_text("noise")
    assert tree.digest() == tested


def test_untracked_files_before_implement_do_not_belong_to_the_tree(tree: WorkingTree, repository: Path) -> None:
    (repository / "notes.txt").write_text("mine")
    made = implemented(tree, repository / "new.py", "x = 1\n")
    (repository / "notes.txt").write_text("mine, changed")
    assert tree.digest() == made


def test_caches_of_tools_are_left_out(tree: WorkingTree, repository: Path) -> None:
    (repository / "__pycache__").mkdir()
    before = tree.digest()
    assert implemented(tree, repository / "__pycache__" / "code.pyc", "x") == before


def test_the_users_index_branch_and_files_are_untouched(tree: WorkingTree, repository: Path) -> None:
    (repository / "code.py").write_text("print(2)\n")
    git(repository, "add", "code.py")
    status, head = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    implemented(tree, repository / "new.py", "x = 1\n")
    (repository / "new.py").unlink()
    assert git(repository, "status", "--porcelain") == status
    assert git(repository, "rev-parse", "HEAD") == head


def test_a_repository_without_a_commit_has_a_tree(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    tree = WorkingTree(folder, tmp_path / "workflow")
    before = tree.digest()
    assert before
    assert implemented(tree, folder / "first.py", "x = 1\n") not in ("", before)


def test_a_hook_of_the_user_is_not_run(tree: WorkingTree, repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    implemented(tree, repository / "new.py", "x = 1\n")
    assert not (tmp_path / "ran").exists()


def test_without_git_the_digest_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "plain"
    outside.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path))
    tree = WorkingTree(outside, tmp_path / "workflow")
    tree.before_implement(1)
    assert tree.after_implement(1) == tree.digest() == ""
    assert tree.changed("a", "b") == ()


def test_variables_of_a_surrounding_git_are_ignored(
    tree: WorkingTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = tree.digest()
    monkeypatch.setenv("GIT_DIR", os.fspath(tmp_path / "nowhere"))
    assert tree.digest() == digest


def test_a_retry_inherits_the_files_of_implement(tree: WorkingTree, repository: Path, tmp_path: Path) -> None:
    made = implemented(tree, repository / "new.py", "x = 1\n")
    retry = WorkingTree(repository, tmp_path / "retry")
    retry.inherit(tmp_path / "workflow")
    assert retry.digest() == made

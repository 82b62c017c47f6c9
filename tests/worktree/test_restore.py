"""Restoration of the tree: exact, and without loss."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.worktree.restore import RestoreError, TreeRestore


def restore(workflow: Workflow, name: str) -> None:
    target = next(checkpoint for checkpoint in workflow.checkpoints.all() if checkpoint.name == name)
    TreeRestore(workflow.checkpoints).restore(target, 7)


def contents(folder: Path) -> dict[str, str]:
    """Return all files of a working tree."""
    files = (path for path in folder.rglob("*") if ".git" not in path.parts)
    return {
        os.fspath(path.relative_to(folder)): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in files
        if path.is_symlink() or path.is_file()
    }


def test_the_tree_is_restored(workflow: Workflow, repository: Path) -> None:
    (repository / "notes.txt").write_text("mine")
    (repository / "link").symlink_to("code.py")
    (repository / "code.py").chmod(0o755)
    before = contents(repository)
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    (repository / "code.py").chmod(0o644)
    (repository / "notes.txt").unlink()
    (repository / "link").unlink()
    (repository / "made").mkdir()
    (repository / "made" / "deep").mkdir()
    (repository / "made" / "deep" / "new\nline").write_text("x")
    shutil.rmtree(repository / "lib")
    (repository / "lib").write_text("a file now")
    after = contents(repository)
    workflow.keep("1-implement")
    restore(workflow, "start")
    assert contents(repository) == before
    assert not (repository / "made").exists()
    assert os.access(repository / "code.py", os.X_OK)
    restore(workflow, "1-implement")
    assert contents(repository) == after


def test_index_branch_and_ignored_files_are_unchanged(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "code.py").write_text("print(2)\n")
    git(repository, "add", "code.py")
    (repository / "build").mkdir()
    (repository / "build" / "out").write_text("built")
    (repository / "later.log").write_text("log")
    workflow.keep("1-implement")
    index = (repository / ".git" / "index").read_bytes()
    restore(workflow, "start")
    assert (repository / ".git" / "index").read_bytes() == index
    assert (repository / "code.py").read_text() == "print(1)\n"
    assert (repository / "build" / "out").read_text() == "built"
    assert (repository / "later.log").exists()


def test_files_ignored_since_are_unchanged(workflow: Workflow, repository: Path) -> None:
    (repository / "cache.dat").write_text("old")
    workflow.begin()
    (repository / "cache.dat").write_text("new")
    (repository / ".git" / "info" / "exclude").write_text("cache.dat\n")
    workflow.keep("1-implement")
    restore(workflow, "start")
    assert (repository / "cache.dat").read_text() == "new"


def test_a_change_that_no_checkpoint_holds_is_not_overwritten(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "lib" / "util.py").write_text("x = 2\n")
    workflow.keep("1-implement")
    (repository / "code.py").write_text("print('by hand')\n")
    (repository / "by hand.txt").write_text("x")
    before = contents(repository)
    with pytest.raises(RestoreError, match=r"no checkpoint holds the changes in by hand.txt, code.py$"):
        restore(workflow, "start")
    assert contents(repository) == before
    assert workflow.names() == ["start", "1-implement"]


def test_changes_in_a_checkpoint_or_head_can_be_overwritten(workflow: Workflow, repository: Path) -> None:
    (repository / "code.py").write_text("edited before the start\n")
    workflow.begin()
    (repository / "lib" / "util.py").write_text("x = 2\n")
    workflow.keep("1-implement")
    (repository / "lib" / "util.py").write_text("x = 3\n")
    workflow.keep("2-test")
    git(repository, "checkout", "code.py")
    (repository / "lib" / "util.py").write_text("x = 2\n")
    restore(workflow, "start")
    assert (repository / "code.py").read_text() == "edited before the start\n"
    assert (repository / "lib" / "util.py").read_text() == "x = 1\n"


def test_the_current_tree_is_saved_first(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    (repository / "new.py").write_text("x")
    workflow.keep("1-implement")
    restore(workflow, "start")
    assert workflow.names() == ["start", "1-implement", "7-restore"]
    assert "new.py" in workflow.files("7-restore")


def test_an_ignored_file_in_the_way_is_named(workflow: Workflow, repository: Path) -> None:
    (repository / "data").write_text("old")
    workflow.begin()
    (repository / "data").unlink()
    workflow.keep("1-implement")
    (repository / "data").mkdir()
    (repository / "data" / "x.log").write_text("log")
    with pytest.raises(RestoreError, match=r"in the way: data/x.log"):
        restore(workflow, "start")
    assert (repository / "data" / "x.log").read_text() == "log"


def test_a_file_excluded_since_is_not_overwritten(workflow: Workflow, repository: Path) -> None:
    (repository / "grows").write_text("small")
    workflow.begin()
    with (repository / "grows").open("wb") as file:
        file.truncate(10_000_001)
    workflow.keep("1-implement")
    with pytest.raises(RestoreError, match=r"in the way: grows"):
        restore(workflow, "start")


def test_an_equal_tree_is_unchanged(workflow: Workflow) -> None:
    workflow.begin()
    restore(workflow, "start")
    assert workflow.names() == ["start"]


def test_a_workspace_in_a_subfolder_changes_nothing_outside(repository: Path, tmp_path: Path) -> None:
    workflow = Workflow(repository / "lib", tmp_path / "runs" / "ituv-a-000001")
    workflow.begin()
    (repository / "lib" / "util.py").write_text("x = 2\n")
    (repository / "lib" / "sub").mkdir()
    (repository / "lib" / "sub" / "new.py").write_text("x")
    workflow.keep("1-implement")
    (repository / "code.py").write_text("outside\n")
    restore(workflow, "start")
    assert (repository / "lib" / "util.py").read_text() == "x = 1\n"
    assert not (repository / "lib" / "sub").exists()
    assert (repository / "code.py").read_text() == "outside\n"


def test_the_restored_tree_has_the_same_digest(workflow: Workflow, repository: Path) -> None:
    workflow.begin()
    workflow.tree.before_implement(1)
    (repository / "made.py").write_text("x")
    digest = workflow.tree.after_implement(1)
    workflow.checkpoints.save("1-implement", digest)
    (repository / "made.py").unlink()
    assert workflow.tree.digest() != digest
    workflow.keep("2-test")
    restore(workflow, "1-implement")
    workflow.tree.adopt(digest)
    assert workflow.tree.digest() == digest

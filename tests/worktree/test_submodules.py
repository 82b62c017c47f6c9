"""Submodules: changes in them change the digest, and are named where a checkpoint does not hold them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git, make_repository
from tests.worktree.workflow_tree import Workflow

from penguin.orchestration.worktree.diff import workflow_diff
from penguin.orchestration.worktree.restore import TreeRestore


def add_submodule(repository: Path, source: Path, name: str = "module") -> Path:
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", os.fspath(source), name)
    return repository / name


@pytest.fixture
def module(repository: Path, tmp_path: Path) -> Path:
    """A committed submodule of the repository."""
    added = add_submodule(repository, make_repository(tmp_path / "source"))
    git(repository, "commit", "-qm", "add a submodule")
    return added


def edit(module: Path) -> None:
    (module / "code.py").write_text("print(2)\n")


def commit(module: Path) -> None:
    edit(module)
    git(module, "commit", "-qam", "further")


def stage(module: Path) -> None:
    edit(module)
    git(module, "add", "code.py")


def delete(module: Path) -> None:
    (module / "code.py").unlink()


@pytest.mark.parametrize("change", [edit, stage, delete, commit])
def test_a_change_in_a_submodule_changes_the_digest(
    workflow: Workflow, module: Path, change: Callable[[Path], None]
) -> None:
    before = workflow.tree.digest()
    assert workflow.tree.digest() == before
    change(module)
    after = workflow.tree.digest()
    assert after != before
    assert workflow.tree.changed(before, after) == ("module",)
    assert workflow.tree.digest() == after


@pytest.mark.parametrize("change", [edit, stage, commit])
def test_a_submodule_that_is_as_before_has_the_digest_of_before(
    workflow: Workflow, module: Path, change: Callable[[Path], None]
) -> None:
    before = workflow.tree.digest()
    change(module)
    assert workflow.tree.digest() != before
    git(module, "reset", "-q", "--hard", git(workflow.workspace, "rev-parse", "HEAD:module").strip())
    assert workflow.tree.digest() == before


def test_in_a_submodule_new_files_count_if_implement_made_them(workflow: Workflow, module: Path) -> None:
    (module / "notes.txt").write_text("mine")
    before = workflow.tree.digest()
    workflow.tree.before_implement(1)
    (module / "made.py").write_text("x")
    made = workflow.tree.after_implement(1)
    assert workflow.tree.changed(before, made) == ("module",)
    (module / "cache").write_text("of the tests")
    (module / "notes.txt").write_text("edited")
    assert workflow.tree.digest() == made
    (module / "made.py").write_text("y")
    assert workflow.tree.digest() != made


def test_a_change_in_a_submodule_of_a_submodule_changes_the_digest(
    workflow: Workflow, module: Path, tmp_path: Path
) -> None:
    inner = add_submodule(module, make_repository(tmp_path / "inner source"), "inner")
    git(module, "commit", "-qm", "add a submodule")
    git(workflow.workspace, "commit", "-qam", "further")
    before = workflow.tree.digest()
    edit(inner)
    after = workflow.tree.digest()
    assert after != before
    edit(module)
    assert workflow.tree.digest() not in (before, after)


def test_a_checkpoint_and_a_diff_name_a_submodule_whose_files_they_do_not_hold(
    workflow: Workflow, module: Path
) -> None:
    workflow.begin()
    assert workflow.keep("1-implement").left_out == ()
    edit(module)
    assert workflow.keep("2-test").left_out == ("module/",)
    diff = workflow_diff(workflow.workspace, workflow.folder)
    assert diff.left_out == ["module/"]
    assert b"".join(diff.text()) == b""
    (module / "code.py").write_text("print(1)\n")
    (module / "made.py").write_text("x")
    assert workflow.keep("3-use").left_out == ("module/",)
    git(module, "clean", "-qfd")
    (module / "__pycache__").mkdir()
    (module / "__pycache__" / "code.pyc").write_text("x")
    assert workflow.keep("4-verify").left_out == ()


def test_a_submodule_that_was_added_during_the_run_belongs_to_the_tree(
    workflow: Workflow, repository: Path, tmp_path: Path
) -> None:
    workflow.begin()
    before = workflow.tree.digest()
    workflow.tree.before_implement(1)
    module = add_submodule(repository, make_repository(tmp_path / "source"))
    made = workflow.tree.after_implement(1)
    assert workflow.tree.changed(before, made) == (".gitmodules", "module")
    assert workflow.keep("1-implement").left_out == ()
    assert "module" in workflow.files("1-implement")
    edit(module)
    assert workflow.tree.digest() != made


def test_a_submodule_that_is_not_initialised_is_no_change(
    workflow: Workflow, module: Path, repository: Path, tmp_path: Path
) -> None:
    git(repository, "clone", "-q", os.fspath(repository), os.fspath(tmp_path / "clone"))
    other = Workflow(tmp_path / "clone", tmp_path / "runs" / "ituv-b-000001")
    other.begin()
    before = other.tree.digest()
    assert other.keep("1-implement").left_out == ()
    assert before == workflow.tree.digest()
    (tmp_path / "clone" / "code.py").write_text("print(2)\n")
    assert other.tree.changed(before, other.tree.digest()) == ("code.py",)


def test_a_restore_leaves_a_submodule_as_it_is(workflow: Workflow, module: Path, repository: Path) -> None:
    workflow.begin()
    edit(module)
    (repository / "code.py").write_text("print(2)\n")
    workflow.keep("1-implement")
    (start,) = [checkpoint for checkpoint in workflow.checkpoints.all() if checkpoint.name == "start"]
    TreeRestore(workflow.checkpoints).restore(start, 1)
    assert (repository / "code.py").read_text() == "print(1)\n"
    assert (module / "code.py").read_text() == "print(2)\n"


def test_a_retry_inherits_the_files_that_implement_made_in_a_submodule(
    workflow: Workflow, module: Path, tmp_path: Path
) -> None:
    workflow.tree.before_implement(1)
    (module / "made.py").write_text("x")
    made = workflow.tree.after_implement(1)
    retry = Workflow(workflow.workspace, tmp_path / "runs" / "ituv-a-000002")
    retry.tree.inherit(workflow.folder)
    assert retry.tree.digest() == made


@pytest.mark.parametrize("restricted", [True, False])
def test_no_program_of_a_submodule_is_run(workflow: Workflow, module: Path, tmp_path: Path, restricted: bool) -> None:
    workflow.begin()
    evil = f"touch {tmp_path}/run-by-git; false"
    git(module, "config", "core.fsmonitor", evil)
    if restricted:
        git(module, "config", "filter.evil.clean", evil)
        (module / ".gitattributes").write_text("* filter=evil\n")
    commit(module)
    (tmp_path / "run-by-git").unlink(missing_ok=True)
    edit(module)
    if restricted:
        (module / "lib" / "util.py").write_text("x = 2\n")
    else:
        workflow.tree.digest()
    workflow_diff(workflow.workspace, workflow.folder, restricted=restricted).files()
    assert not (tmp_path / "run-by-git").exists()

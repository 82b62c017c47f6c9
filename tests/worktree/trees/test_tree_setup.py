"""What set-up brings into clones: never part of a commit, and kept when the check clone is cleaned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.trees.tree_maker import TreeMaker, files_of, make_tree

from penguin.orchestration.worktree.trees.file_copy import copy_path
from penguin.orchestration.worktree.trees.tree_setup import SetUpRefused, TreeSetUp


@pytest.fixture
def prepared(repository: Path, trees: Path) -> TreeMaker:
    """A repository with ignored files, and a tree."""
    (repository / ".gitignore").write_text("*.log\nbuild/\nmodules/\nlocal.json\n")
    git(repository, "commit", "-qam", "ignore")
    (repository / "local.json").write_text("{}")
    (repository / "local.json").chmod(0o640)
    (repository / "lib/extra.log").write_text("log")
    (repository / "modules/a").mkdir(parents=True)
    (repository / "modules/a/index.js").write_text("js")
    (repository / "modules/link").symlink_to("a/index.js")
    return make_tree(repository, trees)


def test_files_are_copied_and_folders_linked(prepared: TreeMaker, repository: Path) -> None:
    set_up = TreeSetUp(repository, copy=["local.json", "lib/extra.log", "none"], link=["modules"])
    brought = set_up.bring(prepared.clone.base_files())
    assert brought == (("local.json", "lib/extra.log"), ("modules",), ("none",))
    assert (prepared.work / "local.json").read_text() == "{}"
    assert (prepared.work / "local.json").stat().st_mode & 0o777 == 0o640
    assert (prepared.work / "lib/extra.log").read_text() == "log"
    assert (prepared.work / "modules").readlink() == repository / "modules"
    (prepared.work / "local.json").write_text("changed")
    assert (repository / "local.json").read_text() == "{}"


def test_folders_are_copied_with_their_links(prepared: TreeMaker, repository: Path) -> None:
    TreeSetUp(repository, copy=["modules"]).bring(prepared.clone.base_files())
    assert (prepared.work / "modules/link").readlink() == Path("a/index.js")
    (prepared.work / "modules/a/index.js").write_text("changed")
    assert (repository / "modules/a/index.js").read_text() == "js"


def test_set_up_is_never_part_of_a_commit(prepared: TreeMaker, repository: Path) -> None:
    (repository / "notes.txt").write_text("not ignored")
    set_up = TreeSetUp(repository, copy=["local.json", "notes.txt"], link=["modules"])
    base = prepared.clone.base_files()
    set_up.bring(base)
    (prepared.work / "venv").mkdir()
    (prepared.work / "venv/made-by-a-command").write_text("x")
    set_up.record(base)
    saved = prepared.save()
    assert not saved.changed
    assert saved.left_out == ()
    (prepared.work / ".gitignore").write_text("")
    (prepared.work / "venv/made-by-the-agent").write_text("x")
    (prepared.work / "new.py").write_text("x")
    saved = prepared.save("2-implement")
    assert files_of(repository, saved.commit) == [".gitignore", "code.py", "lib/util.py", "new.py"]
    assert saved.left_out == ("local.json", "venv/made-by-the-agent")
    assert saved.outside_links == ()


def test_what_set_up_brought_stays_in_the_check_clone(prepared: TreeMaker, repository: Path) -> None:
    check = prepared.check(prepared.save().commit)
    set_up = TreeSetUp(repository, copy=["local.json", "lib/extra.log"], link=["modules"])
    set_up.bring(check.files)
    (check.path / "venv").mkdir()
    (check.path / "venv/made-by-a-command").write_text("x")
    set_up.record(check.files)
    (check.path / "left-by-a-gate.log").write_text("x")
    (check.path / "lib/left-by-a-gate.py").write_text("x")
    (prepared.work / "lib/util.py").unlink()
    (prepared.work / "venv").mkdir()
    (prepared.work / "venv/tracked").write_text("x")
    check = prepared.check(prepared.save("2-implement").commit)
    names = sorted(
        os.fspath(path.relative_to(check.path)) for path in check.path.rglob("*") if ".git/" not in f"{path}/"
    )
    assert names == [
        *(".gitignore", "code.py", "lib", "lib/extra.log", "local.json", "modules"),
        *("venv", "venv/made-by-a-command", "venv/tracked"),
    ]
    assert (repository / "modules/a/index.js").read_text() == "js"


def test_set_up_is_due_at_first_and_when_its_files_change(prepared: TreeMaker, repository: Path) -> None:
    base = prepared.clone.base_files()
    set_up = TreeSetUp(repository, when=["code.py", "none.lock"], copy=["local.json"])
    assert set_up.is_due(base)
    set_up.bring(base)
    assert set_up.is_due(base)
    set_up.record(base)
    assert not set_up.is_due(base)
    (prepared.work / "lib/util.py").write_text("x")
    assert not set_up.is_due(base)
    (prepared.work / "code.py").write_text("x")
    assert set_up.is_due(base)
    set_up.bring(base)
    set_up.record(base)
    (prepared.work / "none.lock").symlink_to("/etc/hostname")
    assert not set_up.is_due(base)
    assert TreeSetUp(repository, when=["code.py"]).is_due(base)


@pytest.mark.parametrize("name", ["code.py", "lib", "../other", "/etc/hostname", ".git/config", ".penguin", "."])
def test_paths_that_are_not_set_up(prepared: TreeMaker, repository: Path, name: str) -> None:
    with pytest.raises(SetUpRefused):
        TreeSetUp(repository, copy=[name]).bring(prepared.clone.base_files())


def test_nothing_is_written_through_a_link_of_the_commit(prepared: TreeMaker, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (repository / "config").mkdir()
    (repository / "config/local.json").write_text("{}")
    (prepared.work / "config").symlink_to(tmp_path / "outside")
    check = prepared.check(prepared.save().commit)
    with pytest.raises(SetUpRefused, match="is a link"):
        TreeSetUp(repository, copy=["config/local.json"]).bring(check.files)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_workspace_in_a_subfolder(tmp_path: Path, trees: Path, repository: Path) -> None:
    workspace = repository / "lib"
    (workspace / "local.log").write_text("x")
    tree = make_tree(workspace, trees)
    TreeSetUp(workspace, copy=["local.log"]).bring(tree.clone.base_files())
    assert (tree.work / "lib/local.log").read_text() == "x"


def test_pipes_are_not_copied(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/file").write_text("x")
    copy_path(tmp_path / "a", tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["file"]

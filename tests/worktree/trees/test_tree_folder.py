"""The folders of trees: private, outside of the repository, and removed whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.worktree.trees.tree_maker import KEY, WORKFLOW, TreeMaker

from penguin.orchestration.worktree.trees.folder_removal import remove_path
from penguin.orchestration.worktree.trees.tree_folder import TreeFolder, UnsafeTree, WorkspaceTrees, default_folder


def test_the_default_is_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path))
    assert default_folder() == tmp_path / "penguin/trees"
    assert WorkspaceTrees(KEY).of(WORKFLOW).work == tmp_path / "penguin/trees" / KEY / WORKFLOW / "work"


def test_folders_are_private(tree: TreeMaker, trees: Path) -> None:
    for folder in (trees, trees / KEY, tree.folder.path, tree.work):
        assert folder.stat().st_mode & 0o777 == 0o700
    tree.folder.path.chmod(0o755)
    tree.trees.make(WORKFLOW, tree.workspace)
    assert tree.folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("part", ["", KEY, f"{KEY}/{WORKFLOW}"])
def test_links_are_refused(tree: TreeMaker, trees: Path, part: str) -> None:
    folder = trees / part if part else trees
    folder.rename(trees.parent / "moved")
    folder.symlink_to(trees.parent / "moved")
    with pytest.raises(UnsafeTree, match="is a link"):
        tree.trees.make(WORKFLOW, tree.workspace)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_folders_of_other_users_are_refused(tree: TreeMaker, trees: Path) -> None:
    os.chown(trees / KEY, 12345, 12345)
    with pytest.raises(UnsafeTree, match="belongs to user 12345"):
        tree.trees.make(WORKFLOW, tree.workspace)


@pytest.mark.parametrize("inside", ["", "lib", ".penguin/trees"])
def test_a_folder_in_the_repository_is_refused(repository: Path, inside: str) -> None:
    with pytest.raises(UnsafeTree, match="is in the repository") as refused:
        WorkspaceTrees(KEY, repository / inside).make(WORKFLOW, repository)
    assert "tree.path" in refused.value.hint


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", ".hidden"])
def test_names_that_lead_elsewhere_are_refused(trees: Path, name: str) -> None:
    with pytest.raises(UnsafeTree):
        WorkspaceTrees(KEY, trees).of(name)


def test_a_tree_is_removed_whole(tree: TreeMaker, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("kept")
    (tmp_path / "outside").chmod(0o500)
    (tree.work / "link").symlink_to(tmp_path / "outside")
    (tree.work / "locked/in").mkdir(parents=True)
    (tree.work / "locked/in/file").write_text("x")
    (tree.work / "locked/in").chmod(0)
    (tree.work / "locked").chmod(0o500)
    assert [found.workflow_id for found in tree.trees.all()] == [WORKFLOW]
    tree.folder.remove()
    assert tree.trees.all() == []
    assert list(tree.trees.path.iterdir()) == []
    assert (tmp_path / "outside/file").read_text() == "kept"
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o500
    tree.folder.remove()


def test_an_interrupted_removal_is_completed(tree: TreeMaker) -> None:
    left = tree.trees.path / f".removed-{WORKFLOW}"
    left.mkdir()
    (left / "file").write_text("x")
    assert [found.workflow_id for found in tree.trees.all()] == [WORKFLOW]
    tree.trees.remove_leftovers()
    assert not left.exists()


def test_disk_use_counts_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    once = TreeFolder(tmp_path).disk_use()
    assert once >= 100_000
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("a")
    assert TreeFolder(tmp_path).disk_use() < once + 100_000
    assert WorkspaceTrees("none", tmp_path).disk_use() == 0


def test_a_missing_path_is_removed(tmp_path: Path) -> None:
    remove_path(tmp_path / "none")
    (tmp_path / "link").symlink_to("nowhere")
    remove_path(tmp_path / "link")
    assert list(tmp_path.iterdir()) == []

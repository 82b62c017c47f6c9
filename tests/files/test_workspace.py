"""The workspace: search, state folder, and new files."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.workspace import Workspace, find_workspace, write_new


def test_the_workspace_is_found_from_a_subfolder(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_workspace(below).root == tmp_path
    (tmp_path / "a" / "penguin.yaml").touch()
    assert find_workspace(below).root == tmp_path / "a"
    assert find_workspace(str(below)).db == tmp_path / "a" / ".penguin" / "penguin.db"


def test_without_a_workspace_the_hint_is_init(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match=r"no penguin\.yaml") as caught:
        find_workspace(tmp_path)
    assert caught.value.hint == "penguin init"


def test_a_circular_link_is_reported(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(WorkflowError, match="points to itself"):
        find_workspace(tmp_path / "loop")


@pytest.mark.integration
def test_the_state_dir_is_private_and_ignored(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.ensure()
    workspace.ensure()
    assert stat.S_IMODE(workspace.state.stat().st_mode) == 0o700
    assert (workspace.state / ".gitignore").read_text() == "*\n"
    assert workspace.db == tmp_path / ".penguin" / "penguin.db"
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    status = subprocess.run(["git", "status", "--short"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_misspelt_folder_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match="there is no folder"):
        Workspace(tmp_path / "mispelt").ensure()
    assert not list(tmp_path.iterdir())


def test_an_impossible_state_dir_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".penguin").write_text("in the way")
    with pytest.raises(WorkflowError, match=r"\.penguin is a file, not a folder") as caught:
        Workspace(tmp_path).ensure()
    assert caught.value.hint == f"mv {tmp_path}/.penguin {tmp_path}/.penguin.old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_workspace_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WorkflowError, match="can't write"):
            Workspace(tmp_path).ensure()
        with pytest.raises(WorkflowError, match="can't write"):
            write_new(tmp_path / "new" / "file", "text")
    finally:
        tmp_path.chmod(0o700)

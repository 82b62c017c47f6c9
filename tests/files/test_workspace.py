"""The workspace: search, state folder, and `init`."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.blueprint import load_blueprints
from penguin.orchestration.blueprint.lint import lint
from penguin.orchestration.blueprint.workflow_definition import build_definition, check_runnable
from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace, find_workspace, init_workspace


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
            init_workspace(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_init_writes_once_and_overwrites_nothing(tmp_path: Path) -> None:
    files = [tmp_path / "penguin.yaml", tmp_path / "blueprints" / "example.md"]
    assert init_workspace(tmp_path) == [(path, "written") for path in files]
    files[0].write_text("project: {id: mine}\n")
    files[1].unlink()
    assert init_workspace(tmp_path) == [(files[0], "kept"), (files[1], "written")]
    assert files[0].read_text() == "project: {id: mine}\n"


def test_init_with_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "blueprints").write_text("a file")
    with pytest.raises(WorkflowError, match="blueprints is a file, not a folder") as caught:
        init_workspace(tmp_path)
    assert caught.value.hint.startswith("mv ")


def test_init_rejects_a_folder_at_the_path_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "penguin.yaml").mkdir()
    with pytest.raises(WorkflowError, match=r"penguin\.yaml is a folder, not a file") as caught:
        init_workspace(tmp_path)
    assert caught.value.hint == f"mv {tmp_path}/penguin.yaml {tmp_path}/penguin.yaml.old"


@pytest.mark.parametrize("folder", [".", "below"])
def test_init_in_a_deleted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(WorkflowError, match="the current folder no longer exists") as caught:
        init_workspace(Path(folder))
    assert caught.value.hint == "cd to an existing folder"
    assert not gone.exists()


@pytest.mark.parametrize("name", ["shop", "My Shop (2)", "1.5", "null", "...", "日本"])
def test_the_files_of_init_are_valid(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    init_workspace(root)
    settings = load_settings(root, environ={})
    assert lint(load_blueprints(root, settings), settings) == []


@pytest.mark.integration
def test_the_example_passes_its_gates_twice(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    settings = load_settings(tmp_path, environ={})
    definition = build_definition(settings, load_blueprints(tmp_path, settings).find("hello-script"))
    check_runnable(definition)

    def sh(line: str) -> str:
        run = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        return run.stdout

    for _ in range(2):
        for gate in definition.gates.values():
            for command in gate.run:
                sh(command.run)
        for recipe in definition.task.recipes:
            for step in recipe.steps:
                assert (step.expect.stdout or "") in sh(step.source)
        for criterion in definition.task.criteria:
            assert criterion.check
            sh(criterion.check)

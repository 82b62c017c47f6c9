"""Trust in workspaces: new, moved, copied, of an earlier version, and tracked by git."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.security.hostile import git, program
from tests.support.program import CONFIG, TASKS
from tests.support.terminal import open_terminal

from penguin.orchestration import get_backend
from penguin.orchestration.files.trust_status import TrustStatus, WorkspaceNotTrusted
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import read_key, records_folder
from penguin.orchestration.runtime.workspace_trust import standing_of
from penguin.orchestration.state import WorkflowStateStore


class Place:
    """A workspace, and the state folder of a user."""

    def __init__(self, root: Path) -> None:
        self.folder, self.state = root / "here", root / "state"
        self.folder.mkdir()
        (self.folder / "penguin.yaml").write_text(CONFIG)
        (self.folder / "tasks.md").write_text(TASKS)

    def code(self, *arguments: str, folder: Path | None = None, state: Path | None = None) -> int:
        return program(folder or self.folder, state or self.state, *arguments).code

    def status(self, folder: Path) -> str:
        ran = program(folder, self.state, "-o", "json", "-c", "/workflow status quick")
        return str(json.loads(ran.out)["status"])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(place.state))
    assert place.code("--detach", "-c", "/workflow start quick") == 0
    return place


FEEDBACK = ("--detach", "-c", "/workflow feedback quick hello")


def test_a_new_workspace_has_a_private_key_and_a_record(place: Place) -> None:
    key = place.folder / ".penguin" / "workspace.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    record = json.loads((place.state / "penguin" / "workspaces" / f"{key.read_text().strip()}.json").read_text())
    found = (place.folder / ".penguin").stat()
    assert (record["folder"], record["device"], record["inode"]) == (str(place.folder), found.st_dev, found.st_ino)


def test_a_moved_workspace_continues(place: Place) -> None:
    moved = place.folder.rename(place.folder.with_name("there"))
    assert standing_of(Workspace(moved)) is TrustStatus.MOVED
    assert place.code(*FEEDBACK, folder=moved) == 0
    assert standing_of(Workspace(moved)) is TrustStatus.OWN
    assert place.status(moved) == "PENDING"


def test_a_copy_gets_its_own_key_and_is_paused(place: Place) -> None:
    copy = place.folder.with_name("copy")
    shutil.copytree(place.folder, copy)
    ran = program(copy, place.state, *FEEDBACK)
    assert ran.code == 0
    assert f"is a copy of {place.folder}" in ran.err
    assert place.status(copy) == "PAUSED"
    assert place.status(place.folder) == "PENDING"
    assert read_key(str(copy / ".penguin")) != read_key(str(place.folder / ".penguin"))
    assert program(copy, place.state, "check").code == 0


def test_a_copy_by_hard_links_changes_nothing_of_the_original(place: Place) -> None:
    copy = place.folder.with_name("copy")
    shutil.copytree(place.folder, copy, copy_function=os.link)
    assert place.code(*FEEDBACK, folder=copy) == 1
    assert place.status(place.folder) == "PENDING"


def test_another_user_reads_until_the_workspace_is_trusted(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert place.code("-c", "/workflow list", state=other) == 0
    assert place.code(*FEEDBACK, state=other) == 1
    assert place.code("trust", state=other) == 1
    assert not other.exists()
    assert place.code("trust", "--yes", state=other) == 0
    assert place.code(*FEEDBACK, state=other) == 0


def test_a_folder_under_the_same_path_on_another_device_is_still_the_users(place: Place) -> None:
    state = place.folder / ".penguin"
    shutil.copytree(state, state.with_name("new"))
    shutil.rmtree(state)
    state.with_name("new").rename(state)
    assert place.code(*FEEDBACK) == 0
    assert place.status(place.folder) == "PENDING"


def test_a_workspace_of_an_earlier_version_is_asked_about_once(place: Place) -> None:
    (place.folder / ".penguin" / "workspace.key").unlink()
    assert place.code(*FEEDBACK) == 1
    with open_terminal(place.folder, XDG_STATE_HOME=str(place.state)) as shell:
        shell.see("[y/N]").press("y\r").see("penguin>")
        shell.wait_until(lambda: "COMPLETED" in shell.text)
        shell.enter("/quit")
        assert shell.exit_code() == 0
    assert standing_of(Workspace(place.folder)) is TrustStatus.OWN


def test_after_a_no_the_shell_only_reads(place: Place) -> None:
    (place.folder / ".penguin" / "workspace.key").unlink()
    with open_terminal(place.folder, XDG_STATE_HOME=str(place.state)) as shell:
        shell.see("[y/N]").press("n\r").see("penguin trust")
        shell.enter("/workflow list").see("PENDING")
        shell.enter("/quit")
        assert shell.exit_code() == 0
    assert standing_of(Workspace(place.folder)) is TrustStatus.UNMARKED


def test_trust_accepts_the_tracked_files_as_they_are(place: Place) -> None:
    git(place.folder, "init", "-q")
    git(place.folder, "add", "-f", ".penguin/penguin.db")
    assert standing_of(Workspace(place.folder)) is TrustStatus.TRACKED
    assert place.code(*FEEDBACK) == 1
    assert place.code("trust", "--yes") == 0
    assert place.code(*FEEDBACK) == 0
    git(place.folder, "add", "-f", ".penguin/penguin.db", ".penguin/engines")
    (place.folder / ".penguin" / "more").touch()
    git(place.folder, "add", "-f", ".penguin/more")
    assert place.code(*FEEDBACK) == 1, "a pull may have brought it"


def test_the_variable_trusts_every_opened_workspace(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENGUIN_TRUST", "1")
    assert place.code(*FEEDBACK, state=tmp_path / "fresh") == 0


@pytest.mark.parametrize("value", ["true", "yes", "on", " 1", "2", "TRUE"])
def test_another_value_of_the_variable_is_not_ignored_in_silence(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PENGUIN_TRUST", value)
    refused = program(place.folder, tmp_path / "fresh", *FEEDBACK)
    assert refused.code == 1
    assert "PENGUIN_TRUST is set, but trusts workspaces only if it is 1" in refused.err


@pytest.mark.parametrize("value", ["", "0"])
def test_the_variable_can_say_no(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PENGUIN_TRUST", value)
    refused = program(place.folder, tmp_path / "fresh", *FEEDBACK)
    assert refused.code == 1
    assert "PENGUIN_TRUST" not in refused.err


@pytest.mark.anyio
async def test_the_api_says_what_to_do(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    async with get_backend(workspace_path=place.folder) as backend:
        assert [info.task_id for info in await backend.list_workflows()] == ["quick"]
        with pytest.raises(WorkspaceNotTrusted) as caught:
            await backend.start_workflow("person")
    assert "penguin trust" in caught.value.hint
    with pytest.raises(WorkspaceNotTrusted):
        WorkflowStateStore(place.folder / ".penguin" / "penguin.db")


def test_an_unwritable_state_folder_is_reported(place: Place) -> None:
    shutil.rmtree(place.folder / ".penguin")
    place.state.with_name("file").write_text("")
    ran = program(place.folder, place.state.with_name("file"), "--detach", "-c", "/workflow start quick")
    assert ran.code == 1
    assert "XDG_STATE_HOME" in ran.err
    assert not (place.folder / ".penguin").exists()
    assert [path.name for path in place.folder.iterdir() if path.name.endswith(".new")] == []


def test_a_relative_state_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", "/home/ada")
    assert records_folder() == "/home/ada/.local/state/penguin/workspaces"


def test_several_processes_make_one_key(place: Place) -> None:
    shutil.rmtree(place.folder / ".penguin")
    module = "penguin.orchestration.runtime.workspace_trust"
    code = f"import sys; from {module} import *; open_workspace(Workspace(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(place.folder)]
    made = [subprocess.Popen(command, env={**os.environ, "XDG_STATE_HOME": str(place.state)}) for _ in range(6)]
    assert [process.wait(60) for process in made] == [0] * 6
    assert standing_of(Workspace(place.folder)) is TrustStatus.OWN


@pytest.mark.parametrize("name", ["history", "worker.log", "runs", "engines", "penguin.db", "penguin.db-wal"])
def test_a_link_is_never_followed(place: Place, tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    path = place.folder / ".penguin" / name
    if path.exists():
        shutil.move(path, target)
    elif name == "runs":
        target.mkdir()
    else:
        target.write_text("mine")
    path.symlink_to(target)
    mode = target.stat().st_mode
    ran = program(place.folder, place.state, "-o", "json", *FEEDBACK)
    assert ran.code == 1
    assert ran.documents[-1]["error"]["code"] == "unsafe_path"
    assert target.stat().st_mode == mode

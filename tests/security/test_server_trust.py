"""A repository does not choose the Temporal server that gets the user's API key."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.security.hostile import program
from tests.support.program import CONFIG, TASKS, Ran
from tests.support.terminal import open_terminal

from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.client.server_trust import ServerNotTrusted, accept_server, unaccepted_server
from penguin.orchestration.temporal.reader import TemporalReader

READING = ("/workflow list", "/workflow status", "/task list", "/blueprint lint", "/snapshot list", "/config")
REFUSED = (("-c", "/health"), ("-c", "/workflow start quick"), ("worker", "--until-settled"))


class Server:
    """A listener that counts its connections and ends each at once."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


class Clone:
    """A repository that was just cloned, whose penguin.yaml names a server."""

    def __init__(self, root: Path) -> None:
        self.server = Server()
        self.folder = root / "clone"
        self.state = root / "state"
        self.folder.mkdir()
        (self.folder / "tasks.md").write_text(TASKS)
        self.name_server(self.server.address)

    def name_server(self, address: str) -> None:
        temporal = f'{{backend: temporal, temporal: {{address: "{address}", auto_start: false}}}}'
        config = CONFIG.replace("{retry: {max_attempts: 2, initial_delay_sec: 0.05}}", temporal)
        (self.folder / "penguin.yaml").write_text(config)

    def __call__(self, *arguments: str) -> Ran:
        return program(self.folder, self.state, *arguments)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    monkeypatch.setenv("TEMPORAL_API_KEY", "the user's key")
    clone = Clone(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(clone.state))
    yield clone
    clone.server.close()


def test_nothing_connects_before_the_user_accepts_the_server(clone: Clone) -> None:
    for line in READING:
        ran = clone("-c", line)
        assert ran.code == 0, (line, ran)
    listed = clone("-c", "/workflow list")
    assert f"{clone.server.address} is not asked" in listed.err
    assert "penguin trust" in listed.err
    for arguments in REFUSED:
        ran = clone("-o", "json", *arguments)
        assert ran.code == 1, (arguments, ran)
        assert ran.documents[-1]["error"]["code"] == "not_trusted", (arguments, ran)
    assert clone("check").code == 0
    assert clone.server.connections == 0
    assert not (clone.folder / ".penguin").exists()


def test_a_shell_asks_and_connects_only_after_a_yes(clone: Clone) -> None:
    environment = {"XDG_STATE_HOME": str(clone.state), "HOME": str(clone.state)}
    with open_terminal(clone.folder, **environment) as shell:
        shell.see(clone.server.address).see("[y/N]").press("n\r").see("penguin>")
        shell.enter("/workflow list").see("is not asked")
        shell.press("/workflow status q\t").wait_until(lambda: shell.typed != "")
        shell.press("\x15").wait_until(lambda: shell.typed == "")
        shell.enter("/quit")
        assert shell.exit_code() == 0
    # A shell keeps its history in .penguin: that is no consent.
    assert clone("-c", "/workflow list").code == 0
    assert clone.server.connections == 0


def test_trust_shows_the_server_and_accepts_this_one_only(clone: Clone) -> None:
    shown = clone("trust")
    assert shown.code == 1
    assert clone.server.address in shown.out
    assert clone.server.connections == 0
    assert clone("trust", "--yes").code == 0
    assert clone("trust").code == 0
    assert clone("-c", "/workflow list").code == 3
    assert clone.server.connections > 0
    other = Server()
    clone.name_server(other.address)
    assert "is not asked" in clone("-c", "/workflow list").err
    assert clone("-c", "/health").code == 1
    assert other.connections == 0
    other.close()


@pytest.mark.parametrize("variable", ["TEMPORAL_ADDRESS", "PENGUIN_TRUST"])
def test_the_environment_is_the_users_own_choice(clone: Clone, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, clone.server.address if variable == "TEMPORAL_ADDRESS" else "1")
    assert clone("-c", "/workflow list").code == 3
    assert clone.server.connections > 0


def test_which_servers_need_consent(clone: Clone) -> None:
    workspace = Workspace(clone.folder)

    def asked(address: str, **environ: str) -> str:
        clone.name_server(address)
        return unaccepted_server(workspace, load_settings(clone.folder, environ=environ), environ)

    key = {"TEMPORAL_API_KEY": "x"}
    assert asked("temporal.example.com:7233") == "temporal.example.com:7233"
    assert asked("temporal.example.com:7233", TEMPORAL_ADDRESS="mine:7233", **key) == ""
    assert asked("localhost:7233") == ""
    assert asked("localhost:7233", **key) == "localhost:7233"
    assert asked("127.0.0.1.example.com:7233") == "127.0.0.1.example.com:7233"
    accept_server(workspace, "temporal.example.com:7233")
    assert asked("temporal.example.com:7233", **key) == ""
    assert asked("temporal.example.com:7234", **key) == "temporal.example.com:7234"


def test_the_reader_itself_refuses(clone: Clone) -> None:
    reader = TemporalReader(Workspace(clone.folder), load_settings(clone.folder))
    with pytest.raises(ServerNotTrusted, match=r"penguin\.yaml:\d+ names the Temporal server"):
        reader.list()
    reader.close()
    assert clone.server.connections == 0


def test_a_moved_workspace_keeps_its_consent(clone: Clone) -> None:
    assert clone("trust", "--yes").code == 0
    moved = clone.folder.with_name("moved")
    clone.folder.rename(moved)
    clone.folder = moved
    assert clone("-c", "/workflow list").code == 3
    assert clone("-c", "/workflow list").code == 3

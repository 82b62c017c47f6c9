"""The workspace's own server: shared by its users, ended by the last one, found after a kill, never in the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.network import free_port, is_listening
from tests.support.processes import is_alive
from tests.support.temporal_server import temporal_settings
from tests.support.waiting import PATIENCE, wait_until

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.client.connection import open_connection
from penguin.orchestration.temporal.client.namespace import RETENTION, missing_attributes, retention_of
from penguin.orchestration.temporal.dev_server import server as dev_server
from penguin.orchestration.temporal.dev_server import supervisor as keeper
from penguin.orchestration.temporal.dev_server.server import DevServer, ServerNotRunning, server_command, server_program

pytestmark = pytest.mark.anyio

USER = """
import asyncio, sys
from pathlib import Path
from penguin.orchestration.temporal.dev_server.server import DevServer
from penguin.orchestration.files.workspace import Workspace

async def main():
    server = DevServer(Workspace(Path(sys.argv[1])), sys.argv[2], "penguin", lambda text: print("narrated", text))
    print("at", await server.acquire(may_start=True), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.release()

asyncio.run(main())
"""

HOLD = """
import fcntl, sys
users = open(sys.argv[1], "w")
fcntl.flock(users, fcntl.LOCK_SH)
print(flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the workspace's server until it is told to leave."""

    def __init__(self, root: Path, address: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, os.fspath(root), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def address(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("at "):
                return line.split()[1]
        raise AssertionError("the process ended")

    def leave(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def workspaces(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Workspaces by name; whatever server a failing test leaves behind is ended."""
    roots: list[Path] = []

    def make(name: str) -> Path:
        root = tmp_path / name
        root.mkdir()
        roots.append(root)
        return root

    yield make
    for root in roots:
        if (record := record_of(root)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record["keeper"], signal.SIGTERM)
            wait_until(lambda root=root: record_of(root) is None)


def record_of(root: Path) -> dict[str, int] | None:
    try:
        found: dict[str, int] = json.loads((root / ".penguin/temporal/server.json").read_text())
    except FileNotFoundError:
        return None
    return found


def running(root: Path) -> dict[str, int]:
    record = record_of(root)
    assert record is not None
    return record


async def test_a_server_is_started_with_a_months_retention_and_ended_by_its_only_user(
    workspaces: Callable[[str], Path],
) -> None:
    root, said = workspaces("one"), []
    address = f"127.0.0.1:{free_port()}"
    connection = await open_connection(
        temporal_settings(root, address), Workspace(root), narrate=said.append, environ={}
    )
    assert (connection.address, connection.retention) == (address, RETENTION)
    assert said == [
        f"started a Temporal server at {address}; it is for development only, its data is in .penguin/temporal/"
    ]
    record = running(root)
    await connection.aclose()
    assert not is_alive(record["keeper"])
    assert not is_alive(record["server"])
    assert not is_listening(address)
    # What it holds, namespace and retention included, is there again.
    connection = await open_connection(temporal_settings(root, address), Workspace(root), environ={})
    assert await retention_of(connection.client) == RETENTION
    await connection.aclose()


async def test_a_namespace_that_is_named_while_it_runs_is_made(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    first = await open_connection(temporal_settings(root, address), Workspace(root), environ={})
    other = temporal_settings(root, address, namespace="other")
    # Several at once, as a shell and a script may be.
    found = await asyncio.gather(*(open_connection(other, Workspace(root), environ={}) for _ in range(3)))
    assert {(one.namespace, one.retention) for one in found} == {("other", RETENTION)}
    assert await missing_attributes(found[0].client) == []
    for connection in (first, *found):
        await connection.aclose()


def test_two_shells_share_one_server_and_the_last_one_out_ends_it(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    users = [User(root, address) for _ in range(2)]
    assert [user.address() for user in users] == [address] * 2
    record = running(root)
    users[0].leave()
    assert is_alive(record["server"])
    assert is_listening(address)
    users[1].leave()
    assert not is_alive(record["server"])
    assert record_of(root) is None


def test_a_killed_shell_leaves_the_server_to_the_next_user(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    first = User(root, address)
    assert first.address() == address
    record = running(root)
    first.kill()
    assert is_alive(record["server"])
    second = User(root, address)
    assert second.address() == address
    assert running(root) == record
    second.leave()
    assert not is_alive(record["server"])


def test_a_server_that_everybody_left_by_being_killed_ends_after_a_while(
    workspaces: Callable[[str], Path], tmp_path: Path
) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    impatient = tmp_path / "keeper.py"
    impatient.write_text(Path(keeper.__file__).read_text().replace("LINGER = 30.0", "LINGER = 0.3"))
    folder = root / ".penguin/temporal"
    folder.mkdir(parents=True)
    # A user that is there before the keeper is: this one does not wait for anybody.
    user = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder / keeper.USERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert user.stdout is not None
    user.stdout.readline()
    host, _, port = address.rpartition(":")
    command = server_command(server_program(), host, int(port), "penguin", folder / "server.db")
    subprocess.run([sys.executable, "-I", "-S", impatient, folder, host, port, *command], check=True)
    wait_until(lambda: record_of(root) is not None)
    record = running(root)
    assert is_alive(record["keeper"])
    user.kill()
    user.communicate()
    wait_until(lambda: not is_alive(record["keeper"]))
    assert not is_alive(record["server"])


def test_a_workspace_whose_path_is_no_utf_8_has_its_server_too(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces(os.fsdecode(b"caf\xe9")), f"127.0.0.1:{free_port()}"
    user = User(root, address)
    assert user.address() == address
    assert (root / ".penguin/temporal/server.db").exists()
    assert dev_server._is_dev_server(running(root)["port"])
    user.leave()
    assert record_of(root) is None


def test_a_killed_server_is_started_again_where_it_was(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    user = User(root, address)
    assert user.address() == address
    record = running(root)
    os.kill(record["server"], signal.SIGKILL)
    wait_until(lambda: running(root)["server"] != record["server"] and is_listening(address))
    assert running(root)["keeper"] == record["keeper"]
    user.leave()
    assert record_of(root) is None


def test_a_killed_keeper_takes_the_server_along_and_the_next_user_starts_anew(
    workspaces: Callable[[str], Path],
) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    first = User(root, address)
    assert first.address() == address
    record = running(root)
    os.kill(record["keeper"], signal.SIGKILL)
    wait_until(lambda: not is_alive(record["server"]))
    second = User(root, address)
    assert second.address() == address
    assert running(root)["server"] != record["server"]
    first.leave()
    assert is_listening(address)
    second.leave()
    assert record_of(root) is None


def test_another_workspaces_server_is_left_alone_and_a_free_port_taken(workspaces: Callable[[str], Path]) -> None:
    one, two, address = workspaces("one"), workspaces("two"), f"127.0.0.1:{free_port()}"
    theirs = User(one, address)
    assert theirs.address() == address
    record = running(one)
    ours = User(two, address)
    own = ours.address()
    assert own != address
    ours.leave()
    assert not is_listening(own)
    assert running(one) == record
    assert is_listening(address)
    theirs.leave()


def test_two_workspaces_that_start_at_once_get_a_server_each(workspaces: Callable[[str], Path]) -> None:
    roots, address = [workspaces("one"), workspaces("two")], f"127.0.0.1:{free_port()}"
    users = [User(root, address) for root in roots]
    assert len({user.address() for user in users}) == 2
    for user in users:
        user.leave()


async def test_a_server_started_by_hand_is_used_and_not_ended(workspaces: Callable[[str], Path]) -> None:
    root, port = workspaces("one"), free_port()
    program = [server_program(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]
    by_hand = subprocess.Popen(
        [*program, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root
    )
    try:
        wait_until(lambda: is_listening(f"127.0.0.1:{port}"))
        used = DevServer(Workspace(root), f"localhost:{port}", "penguin")
        assert await used.acquire(may_start=True) is None
        await used.release()
        assert is_listening(f"127.0.0.1:{port}")
        assert record_of(root) is None
    finally:
        by_hand.kill()
        by_hand.wait()


@pytest.mark.parametrize(
    ("address", "options"), [("127.0.0.1:{port}", {"auto_start": False}), ("no-such-host.invalid:{port}", {})]
)
async def test_none_is_started_without_auto_start_or_elsewhere(
    workspaces: Callable[[str], Path], address: str, options: dict[str, bool]
) -> None:
    root = workspaces("one")
    settings = temporal_settings(root, address.format(port=free_port()), **options)
    with pytest.raises(BackendUnavailable):
        await open_connection(settings, Workspace(root), environ={})
    assert not (root / ".penguin/temporal").exists()


async def test_who_only_reads_starts_none_but_uses_what_runs(workspaces: Callable[[str], Path]) -> None:
    root, address = workspaces("one"), f"127.0.0.1:{free_port()}"
    reader = DevServer(Workspace(root), address, "penguin")
    with pytest.raises(ServerNotRunning) as never:
        await reader.acquire(may_start=False)
    assert never.value.empty
    user = User(root, address)
    assert user.address() == address
    assert await reader.acquire(may_start=False) == address
    user.leave()
    assert is_listening(address)
    await reader.release()
    assert not is_listening(address)
    with pytest.raises(ServerNotRunning) as stopped:
        await reader.acquire(may_start=False)
    assert not stopped.value.empty


async def test_a_server_that_does_not_start_says_why(
    workspaces: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspaces("one")
    broken = root / "temporal"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(dev_server, "server_program", lambda: os.fspath(broken))
    with pytest.raises(BackendUnavailable, match="does not start: the disk is full"):
        await DevServer(Workspace(root), f"127.0.0.1:{free_port()}", "penguin").acquire(may_start=True)
    assert record_of(root) is None

"""The shell while the server hangs: keys are answered, commands can be stopped, and all goes on when it is back."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from tests.support.keys import BACKSPACE, CTRL_C, CTRL_D, CTRL_U, TAB
from tests.support.temporal_server import TemporalServer
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.terminal import Terminal, open_terminal

from penguin.orchestration.temporal.client.connection import CALL_LIMIT

LOOKS = 2.5
"""Seconds in which a shell looks at the server at least twice."""
AT_ONCE = CALL_LIMIT - 1
"""Seconds in which a key is seen, however busy the machine is: one that waits for the server takes longer."""


def test_a_server_that_hangs_stops_no_key(tmp_path: Path, own_server: TemporalServer) -> None:
    workspace = TemporalWorkspace(tmp_path, own_server.address, "hangs")
    workspace.tasks("a", "b")
    with open_terminal(tmp_path, TEMPORAL_AUTO_START="false") as terminal:
        terminal.see("No worker is running")
        terminal.enter("/workflow start a").see("workflow_id: ")
        terminal.wait_until(lambda: terminal.typed == "")
        own_server.freeze()
        try:
            keys_are_answered(terminal)
            terminal.press(CTRL_U, "/workflow pause itu", TAB)
            terminal.wait_until(lambda: (terminal.typed or "").startswith("/workflow pause ituv-a-"))
            terminal.press(CTRL_U)
            terminal.enter("/workflow status")
            terminal.press_until(CTRL_C, lambda: "interrupted; running workflows continue" in terminal.text)
        finally:
            own_server.thaw()
        terminal.press(CTRL_U)
        terminal.enter("/workflow list").see("I T U V")


def test_a_shell_can_be_quit_while_the_server_hangs(tmp_path: Path, own_server: TemporalServer) -> None:
    workspace = TemporalWorkspace(tmp_path, own_server.address, "hangs")
    workspace.tasks(
        {"id": "a", "phases": {"test": {"run": ["echo begun >> log; until test -e go; do sleep 0.05; done"]}}}
    )
    log = tmp_path / "log"
    with open_terminal(tmp_path) as terminal:
        terminal.enter("/workflow start a").see("workflow_id: ")
        terminal.wait_until(log.exists)
        terminal.wait_until(lambda: terminal.typed == "")
        own_server.freeze()
        try:
            terminal.press(CTRL_D).see("[l]ater").press("l")
            assert terminal.exit_code() == 0
        finally:
            own_server.thaw()
    # Whoever comes next goes on with the very step.
    with open_terminal(tmp_path) as terminal:
        (tmp_path / "go").touch()
        terminal.see("COMPLETED")
    assert log.read_text() == "begun\n"


def test_a_shell_has_one_connection_to_the_server(tmp_path: Path, own_server: TemporalServer) -> None:
    """Commands that read, workflows that are hosted here and attempts that run here share it."""
    workspace = TemporalWorkspace(tmp_path, own_server.address, "one")
    workspace.tasks("a")
    with open_terminal(tmp_path) as terminal:
        terminal.enter("/workflow start a").see("COMPLETED")
        terminal.enter("/workflow history a --events").see("started by")
        terminal.enter("/workflow list").see("I T U V")
        process = terminal.process.pid
        terminal.wait_until(lambda: connections(process, own_server.address) == 1)
        terminal.enter("/workflow retry a --from IMPLEMENT").see("Retry of ")
        terminal.wait_until(lambda: connections(process, own_server.address) == 1)


def connections(process: int, address: str) -> int:
    """How many established connections to an IPv4 address a process has. See proc(5), /proc/net/tcp."""
    host, port = address.split(":")
    remote = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{int(port):04X}"
    rows = (line.split() for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[2] == remote and row[3] == "01"}
    files = Path(f"/proc/{process}/fd").iterdir()
    return sum(_link(file) in sockets for file in files)


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        # Closed meanwhile.
        return ""


def keys_are_answered(terminal: Terminal) -> None:
    """Type for as long as it takes to get into the way of the looks."""
    begun = time.monotonic()
    while time.monotonic() - begun < LOOKS:
        for key, typed in (("x", "x"), (BACKSPACE, "")):
            pressed = time.monotonic()
            terminal.press(key)
            terminal.wait_until(lambda typed=typed: terminal.typed == typed)  # type: ignore[misc]
            assert time.monotonic() - pressed < AT_ONCE

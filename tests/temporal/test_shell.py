"""The shell while the server hangs: keys are answered, commands can be stopped, and all goes on when it is back."""

from __future__ import annotations

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
            terminal.press_until(CTRL_C, lambda: "stopped; what runs goes on" in terminal.text)
        finally:
            own_server.thaw()
        terminal.press(CTRL_U)
        terminal.enter("/workflow list").see("STARTED")


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
            terminal.press(CTRL_D).see("[l]eave").press("l")
            assert terminal.exit_code() == 0
        finally:
            own_server.thaw()
    # Whoever comes next goes on with the very step.
    with open_terminal(tmp_path) as terminal:
        (tmp_path / "go").touch()
        terminal.see("COMPLETED")
    assert log.read_text() == "begun\n"


def keys_are_answered(terminal: Terminal) -> None:
    """Type for as long as it takes to get into the way of the looks."""
    begun = time.monotonic()
    while time.monotonic() - begun < LOOKS:
        for key, typed in (("x", "x"), (BACKSPACE, "")):
            pressed = time.monotonic()
            terminal.press(key)
            terminal.wait_until(lambda typed=typed: terminal.typed == typed)  # type: ignore[misc]
            assert time.monotonic() - pressed < AT_ONCE

"""The shell while the server hangs: keys are answered, commands can be stopped, and all goes on when it is back."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.temporal_server import Serving
from tests.support.temporal_workspace import TemporalSpace
from tests.support.terminal import Pseudo, terminal

from penguin.orchestration.temporal.client.connection import CALL_LIMIT

CTRL_C, CTRL_D, CTRL_U, TAB, BACKSPACE = "\x03", "\x04", "\x15", "\t", "\x7f"
LOOKS = 2.5
"""Seconds in which a shell looks at the server at least twice."""
AT_ONCE = CALL_LIMIT - 1
"""Seconds in which a key is seen, however busy the machine is: one that waits for the server takes longer."""


def test_a_server_that_hangs_stops_no_key(tmp_path: Path, own_server: Serving) -> None:
    space = TemporalSpace(tmp_path, own_server.address, "hangs")
    space.tasks("a", "b")
    with terminal(tmp_path, TEMPORAL_AUTO_START="false") as pseudo:
        pseudo.see("No worker is running")
        pseudo.enter("/workflow start a").see("workflow_id: ")
        pseudo.until(lambda: pseudo.typed == "")
        own_server.freeze()
        try:
            keys_are_answered(pseudo)
            pseudo.press(CTRL_U, "/workflow pause itu", TAB)
            pseudo.until(lambda: (pseudo.typed or "").startswith("/workflow pause ituv-a-"))
            pseudo.press(CTRL_U)
            pseudo.enter("/workflow status")
            pseudo.insist(CTRL_C, lambda: "stopped; what runs goes on" in pseudo.text)
        finally:
            own_server.thaw()
        pseudo.press(CTRL_U)
        pseudo.enter("/workflow list").see("STARTED")


def test_a_server_that_hangs_keeps_nobody_in_a_shell(tmp_path: Path, own_server: Serving) -> None:
    space = TemporalSpace(tmp_path, own_server.address, "hangs")
    space.tasks({"id": "a", "phases": {"test": {"run": ["echo begun >> log; until test -e go; do sleep 0.05; done"]}}})
    log = tmp_path / "log"
    with terminal(tmp_path) as pseudo:
        pseudo.enter("/workflow start a").see("workflow_id: ")
        pseudo.until(log.exists)
        pseudo.until(lambda: pseudo.typed == "")
        own_server.freeze()
        try:
            pseudo.press(CTRL_D).see("[l]eave").press("l")
            assert pseudo.exit_code() == 0
        finally:
            own_server.thaw()
    # Whoever comes next goes on with the very step.
    with terminal(tmp_path) as pseudo:
        (tmp_path / "go").touch()
        pseudo.see("COMPLETED")
    assert log.read_text() == "begun\n"


def keys_are_answered(pseudo: Pseudo) -> None:
    """Type for as long as it takes to get into the way of the looks."""
    begun = time.monotonic()
    while time.monotonic() - begun < LOOKS:
        for key, typed in (("x", "x"), (BACKSPACE, "")):
            pressed = time.monotonic()
            pseudo.press(key)
            pseudo.until(lambda typed=typed: pseudo.typed == typed)  # type: ignore[misc]
            assert time.monotonic() - pressed < AT_ONCE

"""Real terminals of all kinds: narrow, resized, without UTF-8, without answers, inside tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.keys import CTRL_C, CTRL_D
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_until
from tests.support.workspace import HeldWorkspace, SampleWorkspace

from penguin_repl.text.width import display_width

pytestmark = pytest.mark.acceptance

WIDE = "漢字 und 👨\u200d👩\u200d👧 im Titel"


def test_the_window_can_be_resized_while_typing(held: HeldWorkspace) -> None:
    with open_terminal(held.root, columns=100) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.wait_until(lambda: terminal.typed == "").press("/workf")
        terminal.wait_until(lambda: terminal.typed == "/workf")
        terminal.resize(60, 20)
        terminal.press("low st")
        terminal.wait_until(lambda: terminal.typed == "/workflow st")
        terminal.resize(120, 40)
        terminal.press("atus")
        held.go.touch()
        terminal.see("COMPLETED").wait_until(lambda: terminal.typed == "/workflow status")
        terminal.press(" auth\r").see("Progress: 100%")
        assert sum("COMPLETED" in line and "ituv-" in line for line in terminal.text.splitlines()) == 1


@pytest.mark.parametrize("environment", [{}, {"ACCESSIBLE": "1"}], ids=["drawn", "plain"])
def test_forty_columns_are_enough(held: HeldWorkspace, environment: dict[str, str]) -> None:
    held.go.touch()
    with open_terminal(held.root, columns=40, rows=20, PAGER="cat", **environment) as terminal:
        terminal.enter("/workflow start auth --wait").see("COMPLETED").enter("/workflow list")
        terminal.see("STATUS").wait_until(lambda: terminal.typed == "")
        info = held.newest()
        assert info is not None
        shown = [line.rstrip() for line in terminal.text.splitlines()]
        row = f"{info.workflow_id}  COMPLETED  DONE" if environment else "auth  ✓ ✓ ✓ ✓  COMPLETED"
        assert any(line.startswith(row) for line in shown), "an id is never folded"
        terminal.press("/workflow results auth\r").see("VERIFY")
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_D)
        assert terminal.exit_code() == 0


def test_without_a_cursor_report_only_the_toolbar_is_missing(held: HeldWorkspace) -> None:
    with open_terminal(held.root, PROMPT_TOOLKIT_NO_CPR="1") as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.enter("/workflow list").see("RUNNING").see("TEST")
        held.go.touch()
        terminal.see("COMPLETED").wait_until(lambda: terminal.typed == "").press("/wor", "k")
        terminal.wait_until(lambda: terminal.typed == "/work").press(CTRL_C)
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_D)
        assert terminal.exit_code() == 0


@pytest.mark.parametrize("width", [40, 100])
def test_wide_characters_are_not_split(workspace: SampleWorkspace, width: int) -> None:
    workspace.tasks({"id": "auth", "title": WIDE + " wide" * 20})
    with open_terminal(workspace.root, columns=width, ACCESSIBLE="1") as terminal:
        terminal.enter("/task list").see("auth")
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_D)
        assert terminal.exit_code() == 0
        lines = terminal.raw.decode().replace("\r", "").split("\n")
        titled = [line for line in lines if "wide" in line or "漢" in line]
        assert all(display_width(line) <= width for line in titled)
        assert "👨\u200d👩\u200d👧" in "".join(titled)


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii", "LC_ALL": "", "LANG": ""},
        {"LC_ALL": "C", "ACCESSIBLE": "1"},
        {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"},
    ],
    ids=lambda environment: "-".join(environment),
)
def test_without_utf8_nothing_fails(held: HeldWorkspace, environment: dict[str, str]) -> None:
    held.tasks({"id": "auth", "title": WIDE}, {"id": "mail", "depends_on": ["auth"]})
    held.go.touch()
    with open_terminal(held.root, **environment) as terminal:
        terminal.enter("/task graph").see("`- mail")
        terminal.wait_until(lambda: terminal.typed == "").press("/workflow start auth\r")
        terminal.see("COMPLETED").wait_until(lambda: terminal.typed == "").press(CTRL_D)
        assert terminal.exit_code() == 0
        assert "Traceback" not in terminal.text
        assert "Error" not in terminal.text
        assert "?" not in terminal.text
        for drawn in "→…·└─█░":
            assert drawn not in terminal.text


SHELL = shlex.join([sys.executable, "-m", "penguin_repl"])


class Pane:
    """A shell in a window of tmux."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", os.fspath(socket)]

    def run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, timeout=60, check=True).stdout

    def see(self, text: str) -> None:
        screen = ""

        def shows() -> bool:
            nonlocal screen
            screen = self.run("capture-pane", "-p")
            return text in screen

        wait_until(shows, repr(text), details=lambda: screen)

    def type(self, line: str) -> None:
        self.run("send-keys", line, "Enter")


@contextmanager
def tmux(folder: Path, socket: Path, command: str = SHELL) -> Iterator[Pane]:
    pane = Pane(socket)
    pane.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", os.fspath(folder), command)
    try:
        yield pane
    finally:
        # The server may have ended with its last window.
        subprocess.run([*pane._tmux, "kill-server"], capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_shell_in_tmux(held: HeldWorkspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    with tmux(held.root, tmp_path_factory.mktemp("t") / "s") as pane:
        pane.see("no workflow is running")
        pane.type("/workflow start auth")
        pane.see("auth TEST")
        pane.run("resize-window", "-x", "60", "-y", "15")
        pane.run("send-keys", "/workflow li")
        pane.see("penguin> /workflow li")
        held.go.touch()
        pane.see("COMPLETED")
        pane.see("penguin> /workflow li")
        pane.type("st")
        pane.see("I T U V")

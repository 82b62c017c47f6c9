"""Real terminals of all kinds: narrow, resized, without UTF-8, without answers, inside tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.shell.test_terminal import Work, until, work
from tests.support.terminal import terminal
from tests.support.workspace import PATIENCE, Space

from penguin_repl.text.width import columns

__all__ = ["work"]

CTRL_C, CTRL_D = "\x03", "\x04"
WIDE = "漢字 und 👨\u200d👩\u200d👧 im Titel"


def test_a_window_may_change_its_size_while_somebody_types(work: Work) -> None:
    with terminal(work.root, columns=100) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.until(lambda: pseudo.typed == "").press("/workf")
        pseudo.until(lambda: pseudo.typed == "/workf")
        pseudo.resize(60, 20)
        pseudo.press("low st")
        pseudo.until(lambda: pseudo.typed == "/workflow st")
        pseudo.resize(120, 40)
        pseudo.press("atus")
        work.go.touch()
        pseudo.see("COMPLETED").until(lambda: pseudo.typed == "/workflow status")
        pseudo.press(" auth\r").see("Progress: 100%")
        assert sum("COMPLETED" in line and "ituv-" in line for line in pseudo.text.splitlines()) == 1


@pytest.mark.parametrize("environment", [{}, {"ACCESSIBLE": "1"}], ids=["drawn", "plain"])
def test_forty_columns_will_do(work: Work, environment: dict[str, str]) -> None:
    work.go.touch()
    with terminal(work.root, columns=40, rows=20, PAGER="cat", **environment) as pseudo:
        pseudo.enter("/workflow start auth --wait").see("COMPLETED").enter("/workflow list")
        pseudo.see("WORKFLOW").until(lambda: pseudo.typed == "")
        info = work.newest()
        assert info is not None
        assert f"{info.workflow_id}  COMPLETED  DONE" in pseudo.text.splitlines(), "an id is never folded"
        pseudo.press("/workflow results auth\r").see("VERIFY")
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_D)
        assert pseudo.exit_code() == 0


def test_no_answer_to_where_the_cursor_is_costs_nothing_but_the_toolbar(work: Work) -> None:
    with terminal(work.root, PROMPT_TOOLKIT_NO_CPR="1") as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.enter("/workflow list").see("RUNNING").see("TEST")
        work.go.touch()
        pseudo.see("COMPLETED").until(lambda: pseudo.typed == "").press("/wor", "k")
        pseudo.until(lambda: pseudo.typed == "/work").press(CTRL_C)
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_D)
        assert pseudo.exit_code() == 0


@pytest.mark.parametrize("width", [40, 100])
def test_wide_letters_are_never_halved(space: Space, width: int) -> None:
    space.tasks({"id": "auth", "title": WIDE + " wide" * 20})
    with terminal(space.root, columns=width, ACCESSIBLE="1") as pseudo:
        pseudo.enter("/task list").see("auth")
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_D)
        assert pseudo.exit_code() == 0
        lines = pseudo.raw.decode().replace("\r", "").split("\n")
        titled = [line for line in lines if "wide" in line or "漢" in line]
        assert all(columns(line) <= width for line in titled)
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
def test_without_utf8_there_are_no_errors(work: Work, environment: dict[str, str]) -> None:
    work.tasks({"id": "auth", "title": WIDE}, {"id": "mail", "depends_on": ["auth"]})
    work.go.touch()
    with terminal(work.root, **environment) as pseudo:
        pseudo.enter("/task graph").see("`-- mail")
        pseudo.until(lambda: pseudo.typed == "").press("/workflow start auth\r")
        pseudo.see("COMPLETED").until(lambda: pseudo.typed == "").press(CTRL_D)
        assert pseudo.exit_code() == 0
        assert "Traceback" not in pseudo.text
        assert "Error" not in pseudo.text
        assert "?" not in pseudo.text
        for drawn in "→…·└─█░":
            assert drawn not in pseudo.text


class Pane:
    """A shell in a window of tmux."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", os.fspath(socket)]

    def run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, timeout=60, check=True).stdout

    def see(self, text: str) -> None:
        give_up = time.monotonic() + PATIENCE
        while text not in (screen := self.run("capture-pane", "-p")):
            assert time.monotonic() < give_up, screen
            time.sleep(0.05)

    def type(self, line: str) -> None:
        self.run("send-keys", line, "Enter")


@contextmanager
def tmux(folder: Path, socket: Path) -> Iterator[Pane]:
    pane = Pane(socket)
    command = shlex.join([sys.executable, "-m", "penguin_repl"])
    pane.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", os.fspath(folder), command)
    try:
        yield pane
    finally:
        # The last window may have taken the server along.
        subprocess.run([*pane._tmux, "kill-server"], capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_inside_tmux(work: Work, tmp_path_factory: pytest.TempPathFactory) -> None:
    with tmux(work.root, tmp_path_factory.mktemp("t") / "s") as pane:
        pane.see("nothing runs")
        pane.type("/workflow start auth")
        pane.see("auth TEST")
        pane.run("resize-window", "-x", "60", "-y", "15")
        pane.run("send-keys", "/workflow li")
        pane.see("penguin> /workflow li")
        work.go.touch()
        pane.see("COMPLETED")
        pane.see("penguin> /workflow li")
        pane.type("st")
        pane.see("WORKFLOW")

"""The panel in tmux, which wraps lines anew when its window changes, and shows the lines of its history again."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from datetime import UTC, datetime

import pytest
from docs.pictures.clock import PROGRAM, PictureClock
from tests.shell.test_terminal_kinds import Pane, tmux
from tests.support.waiting import wait_until
from tests.support.workspace import SampleWorkspace

from penguin_repl.live.reflow import rearranges_lines

pytestmark = pytest.mark.acceptance

SIZES = ((60, 40), (45, 40), (40, 20), (100, 18), (50, 12), (100, 5), (100, 3), (100, 40), (30, 5), (100, 40))
PAUSE = 0.5
"""Seconds between two captures of the screen that must be the same."""
TASKS = ("auth", "mail", "search")


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_no_line_of_the_panel_stays_and_no_other_is_erased(
    three: SampleWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # With a clock that stands still, nothing is drawn while tmux has the new size and the shell does not know it yet.
    folder = tmp_path_factory.mktemp("t")
    clock = PictureClock(folder / "clock", datetime(2026, 3, 2, 10, 15, tzinfo=UTC))
    command = ["env", *(f"{name}={value}" for name, value in clock.environment.items()), *PROGRAM]
    with tmux(three.root, folder / "s", shlex.join(command)) as pane:
        pane.see("no workflow is running")
        pane.type("/watch on")
        for task in TASKS:
            pane.type(f"/workflow start {task}")
            pane.see(f"{task} TEST")
        pane.type("/task list")
        pane.see("auth    medium")
        terminal = os.open(pane.run("display-message", "-p", "#{pane_tty}").strip(), os.O_RDONLY | os.O_NOCTTY)
        for columns, rows in SIZES:
            pane.run("resize-window", "-x", str(columns), "-y", str(rows))
            # Before, the shell may still draw for the old size.
            wait_until(lambda size=(columns, rows): os.get_terminal_size(terminal) == size, "the size of the terminal")
            wait_until(
                lambda: _settled(pane) and _is_clean(_screen(pane)),
                f"a clean screen of {columns} columns and {rows} rows",
                details=lambda: _screen(pane),
            )
        os.close(terminal)
        (three.root / "go").touch()
        pane.see("COMPLETED")


def _screen(pane: Pane) -> str:
    """Return the screen with the lines of its history, from the first command on."""
    screen = pane.run("capture-pane", "-p", "-J", "-S", "-100")
    return screen[screen.find("penguin> /watch on") :]


def _settled(pane: Pane) -> bool:
    """Return whether nothing is being drawn."""
    before = _screen(pane)
    time.sleep(PAUSE)
    return _screen(pane) == before


def _is_clean(screen: str) -> bool:
    """Return whether there are the printed lines once, the panel at most once, and the prompt and the toolbar once."""
    counts = [
        len(re.findall(pattern, screen, re.MULTILINE))
        for pattern in (
            r"^penguin> /task list|^(?:auth|mail|search) +medium",
            r"^ TASK ",
            r"^ (?:auth|mail|search) +.*TEST",
            r"^penguin>\s*$",
            r"^ 3 running",
        )
    ]
    return counts[0] == 4 and counts[1] <= 1 and counts[2] <= 3 and counts[3] == 1 and counts[4] == 1


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200"}, True),
        ({"TERM": "screen", "STY": "12.pts-0", "VTE_VERSION": "7200"}, False),
        ({}, False),
    ],
)
def test_terminals_that_wrap_lines_anew(environ: dict[str, str], expected: bool) -> None:
    assert rearranges_lines(environ) is expected

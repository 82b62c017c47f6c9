"""The panel and the view on a real pseudo-terminal, with resizes and signals."""

from __future__ import annotations

import re
import signal

import pytest
from tests.support.terminal import Terminal, open_terminal
from tests.support.workspace import SampleWorkspace

pytestmark = pytest.mark.acceptance

TASKS = ("auth", "mail", "search")
SIZES = {4: (90, 44), 9: (110, 12), 15: (140, 48)}
"""Columns and rows of the window, by number of keys."""
LOWER = ((44, 20), (30, 9), (44, 7), (12, 8), (40, 5), (24, 10))
"""Rows of a window that grows, and then shrinks before it shows the output for the larger size."""


def start(terminal: Terminal) -> None:
    terminal.enter("/watch on")
    for task in TASKS:
        terminal.enter(f"/workflow start {task}").see(f"Started ITUV workflow for task {task}")
    terminal.wait_until(lambda: terminal.text.count("waiting for go") == 3)


def test_every_key_arrives_while_workflows_finish_and_the_window_changes(three: SampleWorkspace) -> None:
    with open_terminal(three.root, columns=120, rows=40) as terminal:
        try:
            start(terminal)
            (three.root / "go").touch()
            so_far = ""
            for place, key in enumerate("/workflow results search"):
                terminal.press(key)
                so_far += key
                terminal.wait_until(lambda so_far=so_far: terminal.typed == so_far.strip())
                if place in SIZES:
                    terminal.resize(*SIZES[place])
            terminal.wait_until(lambda: "no workflow is running" in terminal.text)
            assert terminal.typed == so_far
            for task in TASKS:
                # Count the lines that scrolled away, too.
                assert (
                    len(re.findall(rf"ituv-{task}-[0-9a-f]{{6}}\S* \x1b.{{,9}}COMPLETED", terminal.raw.decode())) == 1
                )
            assert "waiting for go" not in terminal.text
        finally:
            (three.root / "go").touch()


def drawn(terminal: Terminal) -> list[str]:
    """The starts of the lines of the panel and the toolbar."""
    return re.findall(rf"^ ({'|'.join(TASKS)}|and|3)(?= +(?:.*TEST|\d more|running))", terminal.text, re.MULTILINE)


def test_the_panel_is_cleared_when_the_window_shrinks(three: SampleWorkspace) -> None:
    with open_terminal(three.root, columns=100, rows=40) as terminal:
        try:
            start(terminal)
            terminal.wait_until(lambda: terminal.typed == "")
            for high, low in LOWER:
                terminal.resize(100, high)
                terminal.wait_for_output()
                terminal.resize(100, low)
                rows = [*TASKS] if low >= 9 else ["auth", "and"] if low >= 6 else []
                terminal.wait_until(lambda rows=rows: drawn(terminal) == [*rows, "3"] and terminal.typed == "")
        finally:
            (three.root / "go").touch()


def test_a_signal_ends_the_view_and_leaves_a_usable_terminal(three: SampleWorkspace) -> None:
    with open_terminal(three.root) as terminal:
        try:
            start(terminal)
            terminal.enter("/workflow watch").see("q back")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.exit_code() == 0
            assert terminal.raw.rindex(b"\x1b[?1049l") > terminal.raw.rindex(b"\x1b[?1049h")
            # The cursor is visible again.
            assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.rindex(b"\x1b[?25l")
        finally:
            (three.root / "go").touch()

"""The panel and the view at a real pseudo-terminal, with resizes and signals."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from tests.support.terminal import Pseudo, terminal
from tests.support.workspace import Space

TASKS = ("auth", "mail", "search")
SIZES = {4: (90, 44), 9: (110, 12), 15: (140, 48)}
"""Columns and rows of the window after so many keys."""
LOWER = ((44, 20), (30, 9), (44, 7), (12, 8), (40, 5), (24, 10))
"""Rows of a window that is made higher, and then lower before it shows what was written for the higher one."""


@pytest.fixture
def three(tmp_path: Path) -> Space:
    """Three tasks whose TEST lasts until it is let go."""
    space = Space(tmp_path)
    space.configure(max_parallel=3)
    space.tasks(*TASKS)
    held = "echo waiting for go; while [ ! -e go ]; do sleep 0.05; done"
    path = tmp_path / "penguin.yaml"
    path.write_text(path.read_text().replace('"test": {"run": ["true"]}', f'"test": {{"run": ["{held}"]}}'))
    return space


def start(pseudo: Pseudo) -> None:
    pseudo.enter("/watch on")
    for task in TASKS:
        pseudo.enter(f"/workflow start {task}").see(f"Started ITUV workflow for task {task}")
    pseudo.until(lambda: pseudo.text.count("waiting for go") == 3)


def test_every_key_arrives_while_workflows_finish_and_the_window_changes(three: Space) -> None:
    with terminal(three.root, columns=120, rows=40) as pseudo:
        try:
            start(pseudo)
            (three.root / "go").touch()
            so_far = ""
            for place, key in enumerate("/workflow results search"):
                pseudo.press(key)
                so_far += key
                pseudo.until(lambda so_far=so_far: pseudo.typed == so_far.strip())
                if place in SIZES:
                    pseudo.resize(*SIZES[place])
            pseudo.until(lambda: "nothing runs" in pseudo.text)
            assert pseudo.typed == so_far
            for task in TASKS:
                # Those that scrolled away count, too.
                assert len(re.findall(rf"ituv-{task}-[0-9a-f]{{6}} \x1b.{{,9}}COMPLETED", pseudo.raw.decode())) == 1
            assert "waiting for go" not in pseudo.text
        finally:
            (three.root / "go").touch()


def drawn(pseudo: Pseudo) -> list[str]:
    """What the lines of the panel and the toolbar begin with."""
    return re.findall(rf"^ ({'|'.join(TASKS)}|and|3)(?= +(?:TEST|\d more|running))", pseudo.text, re.MULTILINE)


def test_nothing_of_the_panel_is_left_where_the_window_gets_lower(three: Space) -> None:
    with terminal(three.root, columns=100, rows=40) as pseudo:
        try:
            start(pseudo)
            pseudo.until(lambda: pseudo.typed == "")
            for high, low in LOWER:
                pseudo.resize(100, high)
                pseudo.written()
                pseudo.resize(100, low)
                rows = [*reversed(TASKS)] if low >= 9 else ["search", "and"] if low >= 6 else []
                pseudo.until(lambda rows=rows: drawn(pseudo) == [*rows, "3"] and pseudo.typed == "")
        finally:
            (three.root / "go").touch()


def test_a_signal_ends_the_view_and_leaves_a_usable_terminal(three: Space) -> None:
    with terminal(three.root) as pseudo:
        try:
            start(pseudo)
            pseudo.enter("/workflow watch").see("q back")
            pseudo.process.send_signal(signal.SIGTERM)
            assert pseudo.exit_code() == 0
            assert pseudo.raw.rindex(b"\x1b[?1049l") > pseudo.raw.rindex(b"\x1b[?1049h")
            # The cursor is there again.
            assert pseudo.raw.rindex(b"\x1b[?25h") > pseudo.raw.rindex(b"\x1b[?25l")
        finally:
            (three.root / "go").touch()

"""Plain terminals: no escape sequence, and the same functions."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.render.test_render import info
from tests.support.keys import BACKSPACE, CTRL_C, CTRL_D, CTRL_R, HOME, LEFT, RIGHT, TAB, UP
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_until
from tests.support.workspace import HeldWorkspace, SampleWorkspace

from penguin_commands.results.changes import WaitProgress
from penguin_repl.output.print_result import show_progress
from penguin_repl.output.screen import Screen, Style
from penguin_repl.shell.plain_echo import Echo
from penguin_repl.text.width import display_width

pytestmark = pytest.mark.acceptance

PLAIN = pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"ACCESSIBLE": "1"}],
    ids=["dumb", "no-color", "accessible"],
)


@PLAIN
def test_a_whole_session_has_no_escape_sequence(held: HeldWorkspace, environment: dict[str, str]) -> None:
    with open_terminal(held.root, **environment) as terminal:
        terminal.enter("/task list").see("Log in")
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.wait_until(lambda: terminal.typed == "").press("/work")
        terminal.wait_until(lambda: terminal.typed == "/work")
        held.go.touch()
        terminal.see("COMPLETED").wait_until(lambda: terminal.typed == "/work")
        terminal.press("flow li", TAB)
        terminal.wait_until(lambda: terminal.typed == "/workflow list").press("\r")
        terminal.see("WORKFLOW").wait_until(lambda: terminal.typed == "")
        terminal.press("/nonsense\r")
        terminal.see("unknown command").wait_until(lambda: terminal.typed == "")
        terminal.press("half a line", CTRL_C)
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press(CTRL_D)
        assert terminal.exit_code() == 0
        assert b"\x1b" not in terminal.raw
        assert terminal.raw.count(b"COMPLETED") == 2, "the notice, and the list"


@PLAIN
def test_the_quit_question_has_no_escape_sequence(held: HeldWorkspace, environment: dict[str, str]) -> None:
    with open_terminal(held.root, **environment) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_D)
        terminal.see("[s]tay?").press("s")
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_D)
        terminal.wait_until(lambda: terminal.text.count("[s]tay?") == 2).press("c")
        terminal.see("[N]o?").press("y")
        assert terminal.exit_code() == 0
        assert b"\x1b" not in terminal.raw
    info = held.newest()
    assert info is not None
    assert info.status == "CANCELLED"


@pytest.mark.skipif(not shutil.which("script"), reason="script is not installed")
@PLAIN
def test_a_recorded_session_has_no_escape_sequence(held: HeldWorkspace, environment: dict[str, str]) -> None:
    held.go.touch()
    lines = "/task list\n/workflow start auth --wait\n/workflow results auth\n/workflow logs auth\n/help\n/quit\n"
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m penguin_repl", os.devnull],
        input=lines.encode(),
        cwd=held.root,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"PASSED" in done.stdout
    assert b"\x1b" not in done.stdout


def test_several_completions_are_listed(workspace: SampleWorkspace) -> None:
    with open_terminal(workspace.root, ACCESSIBLE="1") as terminal:
        terminal.wait_until(lambda: terminal.typed == "").press("/workflow re", TAB)
        terminal.see("resume").see("retry").see("results")
        terminal.wait_until(lambda: terminal.typed == "/workflow re").press("tr", TAB)
        terminal.wait_until(lambda: terminal.typed == "/workflow retry")
        assert b"\x1b" not in terminal.raw


@PLAIN
def test_lines_can_be_edited_and_recalled(workspace: SampleWorkspace, environment: dict[str, str]) -> None:
    with open_terminal(workspace.root, **environment) as terminal:
        terminal.enter("/task list").see("Log in")
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press("/tsk show", *[LEFT] * 7, "a", HOME, RIGHT, RIGHT, "漢", BACKSPACE)
        terminal.wait_until(lambda: terminal.typed == "/task show")
        terminal.press(CTRL_C)
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press(UP)
        terminal.wait_until(lambda: terminal.typed == "/task list")
        terminal.press(BACKSPACE * 4, "show search\r")
        terminal.see("Task search")


def test_history_search_is_printed(workspace: SampleWorkspace) -> None:
    with open_terminal(workspace.root, ACCESSIBLE="1") as terminal:
        for line in ("/task show auth", "/task show mail", "/task list"):
            terminal.enter(line)
        terminal.wait_until(lambda: terminal.typed == "").press(CTRL_R, "auth")
        terminal.wait_until(lambda: terminal.typed == "(find 'auth') /task show auth").press("\r")
        terminal.wait_until(lambda: terminal.text.count("Task auth") == 2 or terminal.typed == "/task show auth")
        assert b"\x1b" not in terminal.raw


def test_waiting_prints_a_line_periodically(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("penguin_repl.output.screen.monotonic", lambda: now[0])
    err = io.StringIO()
    screen = Screen(Style(plain=True), io.StringIO(), err)
    for second in range(100):
        now[0] = float(second)
        show_progress(screen, WaitProgress((info(),), now[0]))
    show_progress(screen, None)
    lines = err.getvalue().splitlines()
    assert lines == [f"still waiting, {taken}: task-123 TEST (50%)" for taken in ("30s", "1m00s", "1m30s")]


def test_without_terminal_echo_the_line_is_not_echoed(workspace: SampleWorkspace) -> None:
    with open_terminal(workspace.root, TERM="dumb", echo=False) as terminal:
        terminal.see("penguin>").press("/task list\r")
        terminal.see("Log in")
        assert terminal.raw.count(b"/task list") == 1, "in the hint alone"


LETTERS = st.text(st.sampled_from("ab 漢é"), max_size=8)


@given(st.lists(st.tuples(LETTERS, st.integers(0, 8))))
def test_the_line_on_the_screen_is_the_line_that_is_typed(states: list[tuple[str, int]]) -> None:
    row: list[str] = []
    place = 0

    def put(text: str) -> None:
        nonlocal place
        for char in text:
            if char == "\b":
                place -= 1
                assert place >= 2, "the prompt stays"
            else:
                # A wide character takes two cells; the second one is empty.
                row[place : place + display_width(char)] = [char, *[""] * (display_width(char) - 1)]
                place += display_width(char)

    echo = Echo(put, "> ", lambda: 80)
    for text, cursor in states:
        cursor = min(cursor, len(text))
        echo.show(text, cursor)
        assert "".join(row).rstrip() == f"> {text}".rstrip()
        assert place == 2 + display_width(text[:cursor])


def test_a_line_that_wraps_is_shown_again_below() -> None:
    shown: list[str] = []
    echo = Echo(shown.append, "> ", lambda: 10)
    echo.show("abcdefghij", 10)
    echo.show("abcdefghi", 9)
    assert "".join(shown) == "> abcdefghij\n> abcdefghi"
    assert echo.again() == "> abcdefghi"


def test_typed_text_cannot_control_the_terminal() -> None:
    shown: list[str] = []
    Echo(shown.append, "> ", lambda: 80).show("a\x1b[2J\n", 6)
    assert "".join(shown) == "> a?[2J?"


@PLAIN
def test_signals_work_as_in_other_shells(held: HeldWorkspace, environment: dict[str, str]) -> None:
    with open_terminal(held.root, **environment) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.enter("/workflow wait auth").wait_until(lambda: terminal.typed != "")
        terminal.press_until(CTRL_C, lambda: "interrupted" in terminal.text)
        terminal.resize(40)
        terminal.enter("/workflow status auth").see("Status: RUNNING")
        terminal.wait_until(lambda: terminal.typed == "").press("half a line")
        terminal.wait_until(lambda: terminal.typed == "half a line").process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
        assert b"\x1b" not in terminal.raw
    info = held.newest()
    assert info is not None
    assert info.status == "RUNNING"

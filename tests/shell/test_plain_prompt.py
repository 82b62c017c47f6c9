"""Terminals that are written to line by line: no escape sequence, and nothing lost by it."""

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
from tests.shell.test_terminal import Work, until, work
from tests.support.terminal import terminal
from tests.support.workspace import Space

from penguin_commands.results.changes import Waiting
from penguin_repl.output.present import show_progress
from penguin_repl.output.screen import Screen, Style
from penguin_repl.shell.plain_prompt import Echo
from penguin_repl.text.width import columns

__all__ = ["work"]

UP, LEFT, RIGHT, HOME, CTRL_R = "\x1b[A", "\x1b[D", "\x1b[C", "\x01", "\x12"
CTRL_C, CTRL_D, TAB, ERASE = "\x03", "\x04", "\t", "\x7f"
PLAIN = pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"ACCESSIBLE": "1"}],
    ids=["dumb", "no-color", "accessible"],
)


@PLAIN
def test_a_day_in_a_shell_has_no_escape_sequence(work: Work, environment: dict[str, str]) -> None:
    with terminal(work.root, **environment) as pseudo:
        pseudo.enter("/task list").see("Log in")
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.until(lambda: pseudo.typed == "").press("/work")
        pseudo.until(lambda: pseudo.typed == "/work")
        work.go.touch()
        pseudo.see("COMPLETED").until(lambda: pseudo.typed == "/work")
        pseudo.press("flow li", TAB)
        pseudo.until(lambda: pseudo.typed == "/workflow list").press("\r")
        pseudo.see("WORKFLOW").until(lambda: pseudo.typed == "")
        pseudo.press("/nonsense\r")
        pseudo.see("unknown command").until(lambda: pseudo.typed == "")
        pseudo.press("half a line", CTRL_C)
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press(CTRL_D)
        assert pseudo.exit_code() == 0
        assert b"\x1b" not in pseudo.raw
        assert pseudo.raw.count(b"COMPLETED") == 2, "the notice, and the list"


@PLAIN
def test_the_question_at_the_end_has_none_either(work: Work, environment: dict[str, str]) -> None:
    with terminal(work.root, **environment) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_D)
        pseudo.see("[s]tay?").press("s")
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_D)
        pseudo.until(lambda: pseudo.text.count("[s]tay?") == 2).press("c")
        assert pseudo.exit_code() == 0
        assert b"\x1b" not in pseudo.raw
    info = work.newest()
    assert info is not None
    assert info.status == "CANCELLED"


@pytest.mark.skipif(not shutil.which("script"), reason="script is not installed")
@PLAIN
def test_script_records_none(work: Work, environment: dict[str, str]) -> None:
    work.go.touch()
    lines = "/task list\n/workflow start auth --wait\n/workflow results auth\n/workflow logs auth\n/help\n/quit\n"
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m penguin_repl", os.devnull],
        input=lines.encode(),
        cwd=work.root,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"PASSED" in done.stdout
    assert b"\x1b" not in done.stdout


def test_several_completions_are_listed(space: Space) -> None:
    with terminal(space.root, ACCESSIBLE="1") as pseudo:
        pseudo.until(lambda: pseudo.typed == "").press("/workflow re", TAB)
        pseudo.see("resume").see("retry").see("results")
        pseudo.until(lambda: pseudo.typed == "/workflow re").press("tr", TAB)
        pseudo.until(lambda: pseudo.typed == "/workflow retry")
        assert b"\x1b" not in pseudo.raw


@PLAIN
def test_lines_can_be_corrected_and_found_again(space: Space, environment: dict[str, str]) -> None:
    with terminal(space.root, **environment) as pseudo:
        pseudo.enter("/task list").see("Log in")
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press("/tsk show", *[LEFT] * 7, "a", HOME, RIGHT, RIGHT, "漢", ERASE)
        pseudo.until(lambda: pseudo.typed == "/task show")
        pseudo.press(CTRL_C)
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press(UP)
        pseudo.until(lambda: pseudo.typed == "/task list")
        pseudo.press(ERASE * 4, "show search\r")
        pseudo.see("Task search")


def test_a_line_of_the_past_is_searched_for_where_it_can_be_heard(space: Space) -> None:
    with terminal(space.root, ACCESSIBLE="1") as pseudo:
        for line in ("/task show auth", "/task show mail", "/task list"):
            pseudo.enter(line)
        pseudo.until(lambda: pseudo.typed == "").press(CTRL_R, "auth")
        pseudo.until(lambda: pseudo.typed == "(find 'auth') /task show auth").press("\r")
        pseudo.until(lambda: pseudo.text.count("Task auth") == 2 or pseudo.typed == "/task show auth")
        assert b"\x1b" not in pseudo.raw


def test_who_waits_is_told_now_and_then_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("penguin_repl.output.screen.monotonic", lambda: now[0])
    err = io.StringIO()
    screen = Screen(Style(plain=True), io.StringIO(), err)
    for second in range(100):
        now[0] = float(second)
        show_progress(screen, Waiting((info(),), now[0]))
    show_progress(screen, None)
    lines = err.getvalue().splitlines()
    assert lines == [f"still waiting, {taken}: task-123 TEST (50%)" for taken in ("30s", "1m00s", "1m30s")]


def test_emacs_shows_the_line_itself(space: Space) -> None:
    with terminal(space.root, TERM="dumb", echo=False) as pseudo:
        pseudo.see("penguin>").press("/task list\r")
        pseudo.see("Log in")
        assert pseudo.raw.count(b"/task list") == 1, "in the hint alone"


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
                # A wide character takes two cells, the second of which holds nothing.
                row[place : place + columns(char)] = [char, *[""] * (columns(char) - 1)]
                place += columns(char)

    echo = Echo(put, "> ", lambda: 80)
    for text, cursor in states:
        cursor = min(cursor, len(text))
        echo.show(text, cursor)
        assert "".join(row).rstrip() == f"> {text}".rstrip()
        assert place == 2 + columns(text[:cursor])


def test_a_line_that_wraps_is_shown_again_below() -> None:
    shown: list[str] = []
    echo = Echo(shown.append, "> ", lambda: 10)
    echo.show("abcdefghij", 10)
    echo.show("abcdefghi", 9)
    assert "".join(shown) == "> abcdefghij\n> abcdefghi"
    assert echo.again() == "> abcdefghi"


def test_nothing_that_is_typed_steers_the_terminal() -> None:
    shown: list[str] = []
    Echo(shown.append, "> ", lambda: 80).show("a\x1b[2J\n", 6)
    assert "".join(shown) == "> a?[2J?"


@PLAIN
def test_signals_mean_what_they_mean_elsewhere(work: Work, environment: dict[str, str]) -> None:
    with terminal(work.root, **environment) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.enter("/workflow wait auth").until(lambda: pseudo.typed != "")
        pseudo.insist(CTRL_C, lambda: "stopped; what runs goes on" in pseudo.text)
        pseudo.resize(40)
        pseudo.enter("/workflow status auth").see("Status: RUNNING")
        pseudo.until(lambda: pseudo.typed == "").press("half a line")
        pseudo.until(lambda: pseudo.typed == "half a line").process.send_signal(signal.SIGTERM)
        assert pseudo.exit_code() == 0
        assert b"\x1b" not in pseudo.raw
    info = work.newest()
    assert info is not None
    assert info.status == "RUNNING"

"""`/workflow start` without a task: it offers those that are ready."""

from __future__ import annotations

import pytest
from tests.support.keys import CTRL_C, CTRL_D, ENTER
from tests.support.program import Program
from tests.support.terminal import open_terminal

READY = "TASK is missing; ready: quick, gated, person, wrong"


@pytest.mark.parametrize("words", [("workflow", "start"), ("-c", "/workflow start")])
def test_without_a_terminal_it_lists_them(penguin: Program, words: tuple[str, ...]) -> None:
    ran = penguin(*words)
    assert (ran.code, ran.out) == (2, "")
    assert f"{READY}; /workflow start quick" in ran.err
    assert penguin("-o", "json", *words).documents[0]["error"]["code"] == "usage"


def test_a_script_never_asks(penguin: Program) -> None:
    (penguin.folder / "evening").write_text("/workflow start\n")
    with open_terminal(penguin.folder, "evening") as terminal:
        assert terminal.exit_code() == 2
        assert f"evening:1: {READY}" in terminal.text


def test_without_ready_tasks_it_says_so(penguin: Program) -> None:
    (penguin.folder / "tasks.md").write_text("---\nid: none\n---\n")
    ran = penguin("workflow", "start")
    assert (ran.code, "TASK is missing, and no task is ready; /task list" in ran.err) == (1, True)


def test_many_tasks_are_counted(penguin: Program) -> None:
    tasks = "".join(f"### {n}. Task {n}\n- **ID:** `t-{n}`\n" for n in range(1, 41))
    (penguin.folder / "tasks.md").write_text(f"---\nid: many\n---\n## Tasks\n{tasks}")
    assert "t-20 and 20 more; /workflow start t-1" in penguin("workflow", "start").err


@pytest.mark.parametrize("words", [("workflow", "start"), ("-c", "/workflow start")])
@pytest.mark.parametrize("answer", ["1", "quick"])
def test_on_a_terminal_it_asks(penguin: Program, words: tuple[str, ...], answer: str) -> None:
    with open_terminal(penguin.folder, *words) as terminal:
        terminal.see("Which task?").see("1  quick").see("Quick").see("[Enter: none]:").press(answer, ENTER)
        assert terminal.exit_code() == 0
        assert "Started ITUV workflow for task quick" in terminal.text
    assert penguin("workflow", "status", "quick", "-o", "json").documents[0]["status"] == "COMPLETED"


def test_a_wrong_number_is_asked_again(penguin: Program) -> None:
    with open_terminal(penguin.folder, "workflow", "start") as terminal:
        terminal.see("1 to 4").press("9", ENTER).see("'9' is no answer").press(ENTER)
        terminal.see("Nothing was started.")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 1)])
def test_a_question_can_be_left(penguin: Program, key: str, code: int) -> None:
    with open_terminal(penguin.folder, "workflow", "start") as terminal:
        terminal.see("[Enter: none]:").press(key)
        assert terminal.exit_code() == code
    assert penguin("workflow", "list", "-o", "json").documents == [{"workflows": []}]


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_the_shell_asks(penguin: Program, term: str) -> None:
    with open_terminal(penguin.folder, TERM=term, echo=term != "dumb") as terminal:
        terminal.enter("/workflow start --wait")
        terminal.see("Which task?").see("1  quick").see("[Enter: none]:").press("7", ENTER)
        terminal.see("'7' is no answer").press("1", ENTER)
        terminal.see("Started ITUV workflow for task quick").see("COMPLETED")
        terminal.enter("/workflow start")
        terminal.wait_until(lambda: terminal.text.count("Which task?") == 2 and terminal.lines[-1].startswith("1 to "))
        terminal.press(CTRL_C).see("Nothing was started.")
        terminal.enter("exit")
        assert terminal.exit_code() == 0


def test_ctrl_c_works_after_a_question(penguin: Program) -> None:
    """The prompt of the question must not take the signal handler of the command with it."""
    with open_terminal(penguin.folder) as terminal:
        terminal.enter("/workflow start --wait")
        terminal.see("[Enter: none]:").press("gated", ENTER).see("Started ITUV workflow for task gated")
        terminal.press_until(CTRL_C, lambda: "interrupted; running workflows continue" in terminal.text)
        (penguin.folder / "go").touch()
        terminal.see("COMPLETED")

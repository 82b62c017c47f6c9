"""The real program on a real pseudo-terminal: start, commands, Ctrl-C, Ctrl-D, and its end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.support.keys import CTRL_C, CTRL_D, TAB
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_until
from tests.support.workspace import HeldWorkspace

pytestmark = pytest.mark.acceptance


def test_a_command_completion_and_ctrl_d(held: HeldWorkspace) -> None:
    held.go.touch()
    with open_terminal(held.root) as terminal:
        terminal.enter("/task list").see("Log in")
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press("/workflow sta")
        terminal.see("Start a workflow for a task")
        terminal.press("rt", TAB)
        terminal.wait_until(lambda: terminal.typed == "/workflow start")
        terminal.press("au", TAB)
        terminal.wait_until(lambda: terminal.typed == "/workflow start auth")
        terminal.press("\r")
        terminal.see("Started ITUV workflow for task auth").see("COMPLETED")
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press(CTRL_D)
        assert terminal.exit_code() == 0
    assert not held.living_engines()


def test_keys_before_a_completion_wait_for_it(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press("/workf", TAB, "sta", TAB, "rt", TAB, "au", TAB)
        terminal.wait_until(lambda: terminal.typed == "/workflow start auth")


def test_ctrl_c_ends_the_wait_but_not_the_workflow(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        for number, waiting in enumerate(("/workflow wait auth", "/workflow logs auth -f"), 1):
            # Wait for it before the next key: a superfluous Ctrl-C may still be pending.
            terminal.wait_until(lambda: terminal.typed == "").press(waiting)
            terminal.wait_until(lambda: terminal.typed == waiting).press("\r")  # noqa: B023 - called at once
            notice = "interrupted; running workflows"
            terminal.press_until(CTRL_C, lambda: terminal.text.count(notice) == number)  # noqa: B023
            info = held.newest()
            assert info is not None
            assert (info.status, info.phase) == ("RUNNING", "TEST")
        held.go.touch()
        terminal.see("COMPLETED")
    assert held.began.read_text() == "began\n"


def test_the_next_shell_takes_over_from_a_killed_one(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.kill()
    with open_terminal(held.root) as terminal:
        terminal.see("1 workflow continues: ituv-auth-").see("at TEST")
        held.go.touch()
        terminal.see("COMPLETED")
    assert held.began.read_text() == "began\n", "the step was adopted, and not run again"


def test_sigterm_leaves_the_step_running_for_the_next_start(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.enter("/workflow start auth --wait").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
    info = held.newest()
    assert info is not None
    assert (info.status, info.phase) == ("RUNNING", "TEST")
    assert not held.living_engines()
    with open_terminal(held.root) as terminal:
        terminal.see("1 workflow continues: ituv-auth-")
        held.go.touch()
        terminal.see("COMPLETED")
    assert held.began.read_text() == "began\n"


def test_closing_the_window_stops_no_workflow(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.close()
        assert terminal.exit_code() == 0
    held.go.touch()
    wait_until(lambda: (info := held.newest()) is not None and info.status == "COMPLETED")
    wait_until(lambda: not held.living_engines())
    assert held.began.read_text() == "began\n"


def test_a_worker_continues_running_workflows(held: HeldWorkspace) -> None:
    with open_terminal(held.root) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press(CTRL_D)
        terminal.see("[k]eep running")
        terminal.press("k")
        terminal.see("a worker continues in the background")
        assert terminal.exit_code() == 0
    held.go.touch()
    wait_until(lambda: (info := held.newest()) is not None and info.status == "COMPLETED")
    wait_until(lambda: not held.living_engines())
    assert "all workflows are settled" in (held.root / ".penguin" / "worker.log").read_text()


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"PROMPT_TOOLKIT_NO_CPR": "1"}],
    ids=["dumb", "plain", "no-cpr"],
)
def test_a_plain_terminal_works(held: HeldWorkspace, environment: dict[str, str]) -> None:
    with open_terminal(held.root, **environment) as terminal:
        terminal.enter("/workflow start auth").see("workflow_id:")
        wait_until(held.began.exists)
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.press("/work")
        terminal.wait_until(lambda: terminal.typed == "/work")
        held.go.touch()
        terminal.see("COMPLETED").wait_until(lambda: terminal.typed == "/work")
        terminal.press(CTRL_C)
        terminal.enter("/nonsense").see("error: unknown command '/nonsense'")
        terminal.enter("/quit")
        assert terminal.exit_code() == 0


def test_without_a_workspace_init_is_suggested(tmp_path: Path) -> None:
    with open_terminal(tmp_path) as terminal:
        assert terminal.exit_code() == 1
        assert "penguin init" in terminal.text
        assert "penguin>" not in terminal.text
    assert not any(tmp_path.iterdir())

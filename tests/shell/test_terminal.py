"""The real program at a real pseudo-terminal: start, commands, Ctrl-C, Ctrl-D, and what survives its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.terminal import terminal
from tests.support.workspace import PATIENCE, Space

from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.runtime.engine_lock import living
from penguin.orchestration.store.queries import WorkflowReader

CTRL_C, CTRL_D, TAB = "\x03", "\x04", "\t"


class Work(Space):
    """Tasks whose TEST notes that it began, and lasts until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.tasks({"id": "auth", "title": "Log in"})
        self.began = root / "began"
        self.go = root / "go"
        script = "echo began >> began; while [ ! -e go ]; do sleep 0.02; done"
        config = (root / "penguin.yaml").read_text()
        (root / "penguin.yaml").write_text(
            config.replace('"test": {"run": ["true"]}', f'"test": {{"run": ["{script}"]}}')
        )

    def newest(self) -> WorkflowInfo | None:
        reader = WorkflowReader(self.root / ".penguin" / "penguin.db")
        try:
            return next(iter(reader.list(limit=1)), None)
        finally:
            reader.close()

    def engines(self) -> set[str]:
        return living(self.root / ".penguin" / "engines")


def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "the condition did not come true"
        time.sleep(0.01)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    work = Work(tmp_path)
    yield work
    # Whatever is still under way ends by itself.
    work.go.touch()


def test_a_command_completion_and_ctrl_d(work: Work) -> None:
    work.go.touch()
    with terminal(work.root) as pseudo:
        pseudo.enter("/task list").see("Log in")
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press("/workflow sta")
        pseudo.see("Start a task on its way")
        pseudo.press("rt", TAB)
        pseudo.until(lambda: pseudo.typed == "/workflow start")
        pseudo.press("au", TAB)
        pseudo.until(lambda: pseudo.typed == "/workflow start auth")
        pseudo.press("\r")
        pseudo.see("Started ITUV workflow for task auth").see("COMPLETED")
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press(CTRL_D)
        assert pseudo.exit_code() == 0
    assert not work.engines()


def test_keys_that_come_before_a_completion_wait_for_it(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press("/workf", TAB, "sta", TAB, "rt", TAB, "au", TAB)
        pseudo.until(lambda: pseudo.typed == "/workflow start auth")


def test_ctrl_c_ends_the_waiting_and_not_the_workflow(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        for number, waiting in enumerate(("/workflow wait auth", "/workflow logs auth -f"), 1):
            # Nothing follows it before it is there: a Ctrl-C more than was needed may still be on its way.
            pseudo.until(lambda: pseudo.typed == "").press(waiting)
            pseudo.until(lambda: pseudo.typed == waiting).press("\r")  # noqa: B023 - called at once
            pseudo.insist(CTRL_C, lambda: pseudo.text.count("stopped; what runs goes on") == number)  # noqa: B023
            info = work.newest()
            assert info is not None
            assert (info.status, info.phase) == ("RUNNING", "TEST")
        work.go.touch()
        pseudo.see("COMPLETED")
    assert work.began.read_text() == "began\n"


def test_a_killed_shell_is_taken_up_by_the_next_one(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.kill()
    with terminal(work.root) as pseudo:
        pseudo.see("1 workflow goes on: ituv-auth-").see("at TEST")
        work.go.touch()
        pseudo.see("COMPLETED")
    assert work.began.read_text() == "began\n", "the step was adopted, and not run again"


def test_told_to_end_it_leaves_its_step_running_for_the_next_start(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.enter("/workflow start auth --wait").see("workflow_id:")
        until(work.began.exists)
        pseudo.process.send_signal(signal.SIGTERM)
        assert pseudo.exit_code() == 0
    info = work.newest()
    assert info is not None
    assert (info.status, info.phase) == ("RUNNING", "TEST")
    assert not work.engines()
    with terminal(work.root) as pseudo:
        pseudo.see("1 workflow goes on: ituv-auth-")
        work.go.touch()
        pseudo.see("COMPLETED")
    assert work.began.read_text() == "began\n"


def test_nothing_stops_because_a_window_did(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.close()
        assert pseudo.exit_code() == 0
    work.go.touch()
    until(lambda: (info := work.newest()) is not None and info.status == "COMPLETED")
    until(lambda: not work.engines())
    assert work.began.read_text() == "began\n"


def test_a_worker_keeps_what_runs_running(work: Work) -> None:
    with terminal(work.root) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press(CTRL_D)
        pseudo.see("[k]eep them running")
        pseudo.press("k")
        pseudo.see("a worker goes on in the background")
        assert pseudo.exit_code() == 0
    work.go.touch()
    until(lambda: (info := work.newest()) is not None and info.status == "COMPLETED")
    until(lambda: not work.engines())
    assert "everything is settled" in (work.root / ".penguin" / "worker.log").read_text()


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"PROMPT_TOOLKIT_NO_CPR": "1"}],
    ids=["dumb", "plain", "no-cpr"],
)
def test_a_plain_terminal_will_do(work: Work, environment: dict[str, str]) -> None:
    with terminal(work.root, **environment) as pseudo:
        pseudo.enter("/workflow start auth").see("workflow_id:")
        until(work.began.exists)
        pseudo.until(lambda: pseudo.typed == "")
        pseudo.press("/work")
        pseudo.until(lambda: pseudo.typed == "/work")
        work.go.touch()
        pseudo.see("COMPLETED").until(lambda: pseudo.typed == "/work")
        pseudo.press(CTRL_C)
        pseudo.enter("/nonsense").see("error: unknown command '/nonsense'")
        pseudo.enter("/quit")
        assert pseudo.exit_code() == 0


def test_without_a_workspace_it_says_what_to_type(tmp_path: Path) -> None:
    with terminal(tmp_path) as pseudo:
        assert pseudo.exit_code() == 1
        assert "penguin init" in pseudo.text
        assert "penguin>" not in pseudo.text
    assert not any(tmp_path.iterdir())

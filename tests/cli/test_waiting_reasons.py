"""The reasons in `status` why a workflow does not run, through the real program and real engines."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.support.program import CONFIG, TASKS, Program
from tests.support.waiting import PATIENCE, wait_until


@pytest.fixture
def slow(tmp_path: Path) -> Program:
    """A workspace in which a failed task waits long for its next attempt."""
    (tmp_path / "penguin.yaml").write_text(CONFIG.replace("initial_delay_sec: 0.05", "initial_delay_sec: 3000"))
    (tmp_path / "tasks.md").write_text(TASKS)
    return Program(tmp_path)


@pytest.fixture
def worker(slow: Program) -> Iterator[Callable[[], None]]:
    """Start an engine that takes over all workflows; it is killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def begin() -> None:
        process = slow.begin("worker")
        begun.append(process)
        assert process.stderr is not None
        assert "worker: running" in process.stderr.readline()

    yield begin
    (slow.folder / "go").touch()
    for process in begun:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def status_lines(penguin: Program, task: str, wanted: str) -> dict[str, str]:
    """Wait until the reason matches; return the lines of `status` by their names."""
    out = ""

    def matching() -> dict[str, str]:
        nonlocal out
        out = penguin("-c", f"/workflow status {task}").out
        lines = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
        return lines if re.fullmatch(wanted, lines.get("Reason", "")) else {}

    lines = wait_until(matching, f"the reason {wanted}", details=lambda: out)
    assert lines.get("Next", "\0") not in lines["Reason"], "nothing is said twice"
    return lines


def detached(penguin: Program, *commands: str) -> None:
    words = [word for command in commands for word in ("-c", command)]
    assert penguin("--detach", *words).code == 0


def test_no_engine_is_alive(slow: Program) -> None:
    ran = slow("--detach", "-c", "/workflow start quick")
    assert "no engine is running" in ran.err
    lines = status_lines(slow, "quick", "no shell or worker is running")
    assert (lines["Status"], lines["Next"]) == ("PENDING", "penguin, or penguin worker")


def test_a_dependency(slow: Program, worker: Callable[[], None]) -> None:
    detached(slow, "/workflow start after --with-deps", "/workflow pause quick")
    worker()
    lines = status_lines(slow, "after", r"waits for quick \(paused\)")
    assert lines["Status"] == "PENDING"
    assert "Next" not in lines


def test_a_blocked_dependency(slow: Program, worker: Callable[[], None]) -> None:
    (slow.folder / "tasks.md").write_text(TASKS.replace("**Dependencies:** quick", "**Dependencies:** person"))
    worker()
    detached(slow, "/workflow start after --with-deps")
    lines = status_lines(slow, "after", r"waits for person \(blocked, needs a person\)")
    assert lines["Status"] == "PENDING"
    assert re.fullmatch(r"/workflow approve ituv-person-[0-9a-f]{6} --by NAME", lines["Next"])


def test_the_working_tree(slow: Program, worker: Callable[[], None]) -> None:
    worker()
    detached(slow, "/workflow start gated")
    wait_until(lambda: "Phase: VERIFY" in slow("-c", "/workflow status gated").out, "VERIFY")
    detached(slow, "/workflow start quick")
    lines = status_lines(slow, "quick", r"waits for the working tree, held by gated \(running\)")
    assert "Next" not in lines


def test_the_working_tree_of_a_workflow_whose_engine_was_killed(slow: Program) -> None:
    worker = slow.begin("worker")
    assert worker.stderr is not None
    assert "worker: running" in worker.stderr.readline()
    detached(slow, "/workflow start gated")
    wait_until(lambda: "Phase: VERIFY" in slow("-c", "/workflow status gated").out, "VERIFY")
    worker.kill()
    worker.communicate(timeout=PATIENCE)
    detached(slow, "/workflow start quick")
    holder = r"waits for the working tree, held by gated \(running\)"
    assert (
        status_lines(slow, "quick", f"{holder}; no shell or worker is running")["Next"] == "penguin, or penguin worker"
    )
    (slow.folder / "go").touch()
    ran = slow("-c", "/workflow cancel quick", "-c", "/workflow start quick --wait")
    assert ran.code == 0, ran.err
    assert "Status: COMPLETED" in slow("-c", "/workflow status gated").out


def test_changes_that_another_workflow_left(slow: Program) -> None:
    git(slow.folder, "init", "-q")
    (slow.folder / "penguin.yaml").write_text(CONFIG.replace("echo done", 'echo "$PENGUIN_TASK_ID" > made.txt'))
    assert slow("-c", "/workflow start person").code == 5
    assert slow("-c", "/workflow start quick").code == 0
    shown = slow("-c", "/workflow status quick").out
    contained = r"the working tree contained changes of (ituv-person-[0-9a-f]{6}) \(BLOCKED\): made\.txt"
    note = re.search(rf"^Note: {contained}$", shown, re.MULTILINE)
    assert note is not None, shown
    results = slow("-c", "/workflow results quick").out
    assert f"When IMPLEMENT attempt 1 started, {note[0].removeprefix('Note: ')}" in results
    documents = slow("-o", "json", "-c", "/workflow status quick", "-c", "/workflow results quick").documents
    expected = [{"workflow_id": note[1], "status": "BLOCKED", "files": ["made.txt"], "count": 1}]
    assert documents[0]["left_changes"] == expected
    assert documents[1]["results"][0]["evidence"]["left_changes"] == expected


def test_back_off(slow: Program, worker: Callable[[], None]) -> None:
    worker()
    detached(slow, "/workflow start wrong")
    reason = r"retrying at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d with VERIFY; VERIFY FAILED: .*"
    lines = status_lines(slow, "wrong", reason)
    assert lines["Status"] == "RUNNING"
    assert not {"Next", "Error"} & lines.keys()


def test_paused_by_a_person(slow: Program) -> None:
    slow("--detach", "-c", "/workflow start quick", "-c", "/workflow pause quick", LOGNAME="ada")
    lines = status_lines(slow, "quick", "paused by ada")
    assert (lines["Status"], re.sub("[0-9a-f]{6}$", "", lines["Next"])) == ("PAUSED", "/workflow resume ituv-quick-")


def test_blocked_with_its_reason(slow: Program) -> None:
    slow("-c", "/workflow start person")
    lines = status_lines(slow, "person", r"VERIFY is UNVERIFIED: .*looks good.*")
    assert lines["Status"] == "BLOCKED"
    assert re.fullmatch(r"/workflow approve ituv-person-[0-9a-f]{6} --by NAME", lines["Next"])
    assert "Error" not in lines
    table = slow("-c", "/workflow status").out.splitlines()
    assert table[-1].endswith(f": {lines['Reason']}  →  {lines['Next']}")
    ran = slow("-c", "/workflow wait person")
    assert ran.err.count("UNVERIFIED") == ran.err.count("/workflow approve") == 1

"""Alerts about workflows that ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.support.processes import is_alive
from tests.support.shell_session import ShellSession, run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.testing import scripted_phases
from penguin_repl.shell import alerts as notifier

pytestmark = pytest.mark.anyio

RECORD = """
import json, os, sys
kept = {name: value for name, value in os.environ.items() if name.startswith("PENGUIN_")}
with open("called", "a") as file:
    file.write(json.dumps([sys.argv[1:], kept]) + "\\n")
"""


@pytest.fixture
def personal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of personal settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings" / "penguin" / "config.yaml"
    path.parent.mkdir(parents=True)
    return path


def like(personal: Path, **taste: object) -> None:
    personal.write_text(json.dumps({"ui": taste}))


def calls(workspace: SampleWorkspace) -> list[tuple[list[str], dict[str, str]]]:
    try:
        return [tuple(json.loads(line)) for line in (workspace.root / "called").read_text().splitlines()]
    except FileNotFoundError:
        return []


async def finished(shell: ShellSession) -> str:
    """Run a workflow to its end; return its id."""
    await shell.enter("/workflow start auth")
    info = await shell.status("auth", "COMPLETED")
    await shell.see(f"{info.workflow_id} COMPLETED")
    await shell.wait_until(lambda: shell.typed == "")
    return info.workflow_id


async def test_a_long_workflow_rings_the_bell(workspace: SampleWorkspace, personal: Path) -> None:
    like(personal, notify_after=0)
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await finished(shell)
            await shell.wait_until(lambda: shell.screen.bells == 1)


async def test_a_short_workflow_does_not_ring(workspace: SampleWorkspace, personal: Path) -> None:
    like(personal, notify_after=60)
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await finished(shell)
            assert shell.screen.bells == 0


async def test_a_command_gets_the_notice_as_one_argument(workspace: SampleWorkspace, personal: Path) -> None:
    like(personal, notify_after=0, notify=[sys.executable, "-c", RECORD, "$(touch oops)"])
    with scripted_phases({"TEST": ["UNVERIFIED"]}):
        async with run_shell(workspace.root, columns=200) as shell:
            await shell.enter("/workflow start auth")
            info = await shell.status("auth", "BLOCKED")
            await shell.wait_until(lambda: calls(workspace))
            ((arguments, environment),) = calls(workspace)
            notice = next(line for line in shell.screen.lines if "BLOCKED at TEST" in line)
            assert arguments == ["$(touch oops)", notice]
            assert environment["PENGUIN_NOTICE"] == notice
            assert environment["PENGUIN_WORKFLOW_IDS"] == info.workflow_id
            assert environment["PENGUIN_STATUSES"] == "BLOCKED"
            assert f"→  /workflow approve {info.task_id}" in notice
            assert shell.screen.bells == 0
            assert not (workspace.root / "oops").exists()


async def test_a_command_that_cannot_be_run_is_reported_once(workspace: SampleWorkspace, personal: Path) -> None:
    like(personal, notify_after=0, notify=["no-such-program"])
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await finished(shell)
            await shell.see("ui.notify: can't run no-such-program: ")
            await finished(shell)
            await shell.wait_until(lambda: shell.typed == "")
            assert shell.screen.text.count("ui.notify") == 1


FAILING = {
    "exit code": ("exit 3", "ended with exit code 3"),
    "signal": ("kill -9 $$", "was ended by SIGKILL"),
    "not a program": ("", "can't run"),
}


@pytest.mark.parametrize(("script", "said"), FAILING.values(), ids=FAILING)
async def test_a_command_that_fails_is_reported(
    workspace: SampleWorkspace, personal: Path, script: str, said: str
) -> None:
    program = workspace.write("my notifier", f"#!/bin/sh\n{script}\n" if script else "\0")
    program.chmod(0o700)
    like(personal, notify_after=0, notify=[str(program), 'a "b" $(touch oops)'])
    with scripted_phases():
        async with run_shell(workspace.root, columns=200) as shell:
            await finished(shell)
            await shell.see("ui.notify: ")
            await shell.see(said)
    assert not (workspace.root / "oops").exists()


async def test_a_command_that_hangs_is_ended_with_what_it_started(
    workspace: SampleWorkspace, personal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "COMMAND_TIMEOUT", 0.5)
    script = "trap '' TERM; sleep 1000 & echo $! > child.new; mv child.new child; wait; sleep 1000"
    like(personal, notify_after=0, notify=["/bin/sh", "-c", script])
    with scripted_phases():
        async with run_shell(workspace.root, columns=200) as shell:
            await finished(shell)
            await shell.see("ui.notify: /bin/sh was stopped after 0.5 s")
            child = int((workspace.root / "child").read_text())
            await shell.wait_until(lambda: not is_alive(child))
            await finished(shell)


async def test_what_a_command_prints_does_not_reach_the_terminal(workspace: SampleWorkspace, personal: Path) -> None:
    script = 'printf "\\033[2J\\033]0;owned\\007"; printf "\\033[2Jowned" >&2; printf owned > /dev/tty; touch called'
    like(personal, notify_after=0, notify=["/bin/sh", "-c", script])
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            workflow_id = await finished(shell)
            await shell.wait_until(lambda: (workspace.root / "called").exists())
            assert f"{workflow_id} COMPLETED" in shell.screen.text
            assert "owned" not in shell.screen.text


async def test_the_bell_rings_during_the_view(workspace: SampleWorkspace, personal: Path) -> None:
    like(personal, notify_after=0)
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.status("auth", "RUNNING")
            await shell.enter("/workflow watch")
            await shell.wait_until(lambda: shell.screen.alternate)
            script.release("TEST")
            await shell.wait_until(lambda: shell.screen.bells == 1)
            assert shell.screen.alternate

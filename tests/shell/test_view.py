"""The full-screen view, on a screen in this process."""

from __future__ import annotations

import re

import pytest
from tests.support.keys import CTRL_C
from tests.support.shell_session import ShellSession, run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

DOWN, UP = "\x1b[B", "\x1b[A"


async def watch(shell: ShellSession, line: str = "/workflow watch") -> None:
    """Show the view."""
    await shell.enter(line)
    await shell.wait_until(lambda: shell.screen.alternate and "q back" in shell.screen.text)


async def started(shell: ShellSession, *tasks: str) -> list[str]:
    for task in tasks:
        await shell.enter(f"/workflow start {task}")
        await shell.see(f"Started ITUV workflow for task {task}")
    return [(await shell.status(task, "RUNNING")).workflow_id for task in tasks]


async def test_the_view_restores_the_screen(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await started(shell, "auth")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.wait_until(lambda: shell.typed == "")
            before = shell.screen.lines[: shell.screen.lines.index("penguin>")]
            await watch(shell)
            await shell.see("✓ IMPLEMENT #1")
            await shell.see("▸ TEST #2")
            shell.press("q")
            await shell.wait_until(lambda: not shell.screen.alternate and shell.typed == "")
            assert shell.screen.lines[: len(before) + 2] == [*before, "penguin> /workflow watch", "penguin>"]


async def test_arrows_select_the_workflow_for_the_keys(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=2)
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root, rows=24) as shell:
            auth, mail = await started(shell, "auth", "mail")
            await watch(shell)
            # The oldest comes first.
            await shell.see(f" {auth}  RUNNING at TEST")
            shell.press(DOWN)
            await shell.see(f" {mail}  RUNNING at TEST")
            shell.press(UP)
            await shell.see(f" {auth}  RUNNING at TEST")
            shell.press("p")
            await shell.wait_until(lambda: re.search("auth .* paused", shell.screen.text))
            await shell.see(f" {auth}  PAUSED at TEST")
            shell.press("r")
            await shell.see(f" {auth}  RUNNING at TEST")
            shell.press("c")
            await shell.see(f"Cancel {auth} and stop its steps? [y/n]")
            shell.press("n")
            await shell.see("q back")
            shell.press("c", "y")
            await shell.status("auth", "CANCELLED")
            await shell.see(f" {mail}  RUNNING at TEST")
            shell.press(CTRL_C)
            await shell.wait_until(lambda: not shell.screen.alternate)
            await shell.see(f"{auth} CANCELLED at TEST")


async def test_output_is_shown_as_it_is_written(workspace: SampleWorkspace) -> None:
    lines = "; ".join(f"echo line {number} 漢字" for number in range(60))
    script = f"{lines}; while [ ! -e more ]; do sleep 0.02; done; echo the end; exec sleep 60"
    workspace.tasks({"id": "auth", "title": "Log in", "phases": {"implement": {"run": ["true", script]}}})
    async with run_shell(workspace.root, columns=40, rows=20) as shell:
        (workflow_id,) = await started(shell, "auth")
        await watch(shell, "/workflow watch auth")
        await shell.see("line 59 漢字")
        assert "✓ true" in shell.screen.text
        assert "line 20 " not in shell.screen.text
        shell.press("l")
        await shell.wait_until(lambda: "line 45 漢字" in shell.screen.text)
        shell.press("\x1b[5~", "\x1b[5~")
        await shell.wait_until(lambda: "line 25 漢字" in shell.screen.text and "line 59" not in shell.screen.text)
        shell.press("\x1b[6~", "\x1b[6~")
        (workspace.root / "more").touch()
        await shell.see("the end")
        assert all(len(line) <= 40 for line in shell.screen.lines)
        shell.press("l", "c", "y")
        await shell.status("auth", "CANCELLED")
        await shell.see(f" {workflow_id}  CANCELLED")
        shell.press("q")
        await shell.wait_until(lambda: not shell.screen.alternate and shell.typed == "")


async def test_notices_wait_until_the_view_is_closed(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            (workflow_id,) = await started(shell, "auth")
            await watch(shell)
            script.release("TEST")
            await shell.status("auth", "COMPLETED")
            await shell.see("No workflow is running")
            assert f"{workflow_id} COMPLETED" not in shell.screen.text
            shell.press("q")
            await shell.see(f"{workflow_id} COMPLETED")
            await shell.wait_until(lambda: shell.typed == "")


async def test_the_window_can_be_resized_during_the_view(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            (workflow_id,) = await started(shell, "auth")
            await watch(shell)
            for columns, rows in ((40, 10), (20, 4), (120, 40)):
                shell.resize(columns, rows)
                await shell.wait_until(lambda: shell.screen.lines[-1].endswith("q back"))
            await shell.see(f" {workflow_id}  RUNNING at TEST")
            shell.press("q")
            await shell.wait_until(lambda: not shell.screen.alternate)


async def test_an_unknown_workflow_is_an_error(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter("/workflow watch nowhere")
        await shell.see("there is no workflow 'nowhere'")

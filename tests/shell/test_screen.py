"""The shell on a screen in this process."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from tests.support.keys import CTRL_C, CTRL_D, ENTER, TAB
from tests.support.shell_session import run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_an_empty_workspace_gets_a_hint(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.see("No workflows yet")
        assert "/task list" in shell.screen.text


async def test_messages_wrap_between_words(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root, columns=60) as shell:
        await shell.enter("/clear")
        await shell.see("hint: /help lists the commands")
        lines = shell.screen.lines
        start = next(index for index, line in enumerate(lines) if line.startswith("error: "))
        end = lines.index("  /clear", start)
        message = " ".join(line.strip() for line in lines[start:end])
        assert end - start > 1
        assert all(f" /{word}" in message for word in ("workflow", "blueprint", "watch", "quit"))


async def test_a_notice_does_not_disturb_the_typed_text(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.see("workflow_id: ituv-auth-")
            await shell.wait_until(lambda: shell.typed == "")
            shell.press("/workflow li")
            await shell.wait_until(lambda: shell.typed == "/workflow li")

            script.release("TEST")

            await shell.see("COMPLETED")
            await shell.wait_until(lambda: shell.typed == "/workflow li")
            lines = shell.screen.lines
            assert sum("COMPLETED" in line for line in lines) == 1
            assert next(n for n, line in enumerate(lines) if "COMPLETED" in line) < lines.index("penguin> /workflow li")
            shell.press("st\r")
            await shell.see("WORKFLOW")
            assert "ituv-auth-" in shell.screen.text


async def test_the_notice_of_a_blocked_workflow_has_the_next_command(workspace: SampleWorkspace) -> None:
    with scripted_phases({"VERIFY": ["UNVERIFIED"]}):
        async with run_shell(workspace.root, columns=160) as shell:
            await shell.enter("/workflow start auth")
            info = await shell.status("auth", "BLOCKED")
            await shell.see("BLOCKED at VERIFY: ")
            notice = next(line for line in shell.screen.lines if "BLOCKED at VERIFY" in line)
            assert f"→  /workflow approve {info.task_id}" in notice


async def test_each_block_is_reported_once(workspace: SampleWorkspace) -> None:
    workspace.configure(retry={"max_attempts": 1})
    with scripted_phases({"TEST": ["FAILED", "FAILED"]}):
        async with run_shell(workspace.root, columns=160) as shell:
            for times in (1, 2, 3):
                await shell.enter(f"/workflow {'start' if times == 1 else 'resume'} auth")
                status = "BLOCKED" if times < 3 else "COMPLETED"
                await shell.wait_until(
                    lambda times=times, status=status: (
                        shell.screen.text.count("BLOCKED at TEST:") == min(times, 2)
                        and shell.session.reader.list(limit=1)[0].status == status
                    )
                )
            await shell.see("COMPLETED")
            assert shell.screen.text.count("BLOCKED at TEST:") == 2


async def test_disk_trouble_and_its_end_are_reported_once(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.see("No workflows yet")
        trouble = shell.session.backend.on_trouble  # type: ignore[attr-defined]
        for problem in ("the disk is full", "the disk is full", ""):
            trouble(problem)
        await shell.see("writing to disk works again")
        assert shell.screen.text.count("the disk is full") == 1


async def test_a_background_error_is_one_line(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.see("No workflows yet")
        broken = ValueError("no such thing")
        await asyncio.to_thread(logging.getLogger("library").error, "it broke", exc_info=broken)
        await shell.see("it broke: ValueError: no such thing")
        asyncio.get_running_loop().call_soon(lambda: {}["nothing"])  # type: ignore[misc]
        await shell.see("KeyError: 'nothing'")
        assert "Traceback" not in shell.screen.text
        await shell.wait_until(lambda: shell.typed == "")


async def test_the_toolbar_shows_what_runs(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.wait_until(lambda: shell.toolbar == "no workflow is running")
            await shell.enter("/workflow start auth")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.enter("/workflow start mail")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST · 1 waiting")
            script.release("TEST")
            await shell.wait_until(lambda: shell.toolbar == "no workflow is running")


async def test_workflows_of_another_process_are_reported_too(workspace: SampleWorkspace) -> None:
    with scripted_phases({"USE": ["UNVERIFIED"]}) as script:
        async with run_shell(workspace.root, columns=160) as shell, workspace.backend() as other:
            await shell.see("No workflows yet")
            script.hold("TEST")
            workflow_id = await other.start_workflow("auth")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            script.release("TEST")
            await shell.see(f"{workflow_id} BLOCKED at USE: ")
            await other.cancel_workflow(workflow_id)
            await shell.see(f"{workflow_id} CANCELLED at USE")
            assert shell.screen.text.count("BLOCKED") == 1


async def test_ctrl_c_clears_the_line(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.wait_until(lambda: shell.typed == "")
        shell.press("/workflow start nonsense")
        await shell.wait_until(lambda: shell.typed == "/workflow start nonsense")
        shell.press(CTRL_C)
        await shell.wait_until(lambda: shell.typed == "")
        shell.press(CTRL_C)
        await shell.see("Ctrl-D or /quit quits")
        await shell.enter("/health")
        await shell.see("active workflows")


async def test_tab_completes_up_to_a_line_that_can_be_run(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.wait_until(lambda: shell.typed == "")
        for typed, completed in (
            ("/wor", "/workflow "),
            ("start", "/workflow start "),
            ("Sea", "/workflow start search"),
        ):
            shell.press(typed, TAB)
            # Only the position of the cursor shows the space; without the wait, more keys would come before the
            # completion.
            await shell.wait_until(lambda completed=completed: shell.typed == completed.strip())
            await shell.wait_until(lambda completed=completed: shell.screen.column >= len(f"penguin> {completed}"))


async def test_the_completion_menu_explains_its_entries(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.wait_until(lambda: shell.typed == "")
        shell.press("/workflow start ")
        await shell.see("Send mail")
        assert "Log in" in shell.screen.text
        shell.press(TAB, TAB, " ")
        await shell.wait_until(lambda: shell.typed == "/workflow start mail")


async def test_a_line_without_a_slash_is_an_error_with_the_nearest_match(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter("workflow list")
        await shell.see("error: commands begin with a slash: /workflow list")
        await shell.enter("penguin workflow list")
        await shell.see("no 'penguin' before them: /workflow list")
        await shell.enter("start mail")
        await shell.see("error: 'start' is not a command; did you mean /workflow start mail?")
        await shell.enter("/workflow lisst")
        await shell.see("did you mean list?")
        await shell.see("hint: usage: /workflow list")
        await shell.enter("/workflow status nowhere")
        await shell.see("error: there is no workflow 'nowhere'")
        assert "Traceback" not in shell.screen.text


@pytest.mark.parametrize("word", ["help workflow retry", "? workflow retry"])
async def test_help_needs_no_slash(workspace: SampleWorkspace, word: str) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter(word)
        await shell.see("Usage: /workflow retry ID")


@pytest.mark.parametrize("word", ["exit", "quit", " quit "])
async def test_quitting_needs_no_slash(workspace: SampleWorkspace, word: str) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter(word)
        await shell.ended()


async def test_pasted_lines_run_one_by_one(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await shell.wait_until(lambda: shell.typed == "")
            shell.press("\x1b[200~/workflow start auth\n/workflow start mail\x1b[201~", "\r")
            await shell.status("auth", "COMPLETED")
            await shell.status("mail", "COMPLETED")


async def test_a_wait_is_reported_once(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth --wait")
            await shell.see("COMPLETED")
            await shell.wait_until(lambda: shell.typed == "")
            assert shell.screen.text.count("COMPLETED") == 1


async def test_quitting_without_running_workflows_asks_nothing(workspace: SampleWorkspace) -> None:
    for way in ("/quit\r", CTRL_D):
        async with run_shell(workspace.root) as shell:
            await shell.wait_until(lambda shell=shell: shell.typed == "")
            shell.press(way)
            await shell.ended()
            assert "[s]tay" not in shell.screen.text


async def test_quitting_with_running_workflows_asks(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.wait_until(lambda: shell.typed == "")
            shell.press(CTRL_D)
            await shell.see("1 workflow runs: ituv-auth-")
            await shell.see("[k]eep running in a worker, continue [l]ater, [c]ancel")
            shell.press("s")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.enter("/quit")
            await shell.wait_until(lambda: shell.screen.text.count("[s]tay?") == 2)
            shell.press("c")
            await shell.see("Cancel 1 workflow? Running steps are stopped. [y]es, [N]o?")
            shell.press(ENTER)
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.enter("/quit")
            await shell.wait_until(lambda: shell.screen.text.count("[s]tay?") == 3)
            shell.press("c")
            await shell.wait_until(lambda: shell.screen.text.count("[N]o?") == 2)
            shell.press("y")
            await shell.ended()
            assert (await shell.status("auth", "CANCELLED")).phase == "TEST"


async def test_workflows_continue_at_the_next_start(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.wait_until(lambda: shell.toolbar == "1 running: auth TEST")
            await shell.wait_until(lambda: shell.typed == "")
            shell.press(CTRL_D)
            await shell.see("[s]tay?")
            shell.press("l")
            await shell.ended()
            assert (await shell.status("auth", "RUNNING")).phase == "TEST"
        async with run_shell(workspace.root) as shell:
            await shell.see("1 workflow continues: ituv-auth-")
            script.release("TEST")
            await shell.status("auth", "COMPLETED")
            await shell.see("COMPLETED")


async def test_an_invalid_configuration_can_be_fixed_without_a_restart(workspace: SampleWorkspace) -> None:
    good = (workspace.root / "penguin.yaml").read_text()
    (workspace.root / "penguin.yaml").write_text(json.dumps({"projekt": {}}))
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await shell.see("error: ")
            assert "projekt" in shell.screen.text
            (workspace.root / "penguin.yaml").write_text(good)
            await shell.enter("/workflow start auth")
            await shell.status("auth", "COMPLETED")


async def test_the_history_is_private_and_shared_between_shells(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as one, run_shell(workspace.root) as two:
        await one.enter("/health")
        await one.see("active workflows")
        await two.enter("/config")
        await two.see("orchestration.temporal.address")
        await two.enter("/task list")
        await two.see("Send mail")
    kept = workspace.root / ".penguin" / "history"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [line for line in kept.read_text().splitlines() if line.startswith("+")] == [
        "+/health",
        "+/config",
        "+/task list",
    ]


async def test_a_narrow_screen_works(workspace: SampleWorkspace) -> None:
    with scripted_phases({"TEST": ["UNVERIFIED"]}):
        async with run_shell(workspace.root, columns=40, rows=16) as shell:
            await shell.enter("/workflow start auth")
            await shell.see("BLOCKED at TEST")
            await shell.wait_until(lambda: shell.toolbar == "1 blocked: auth")
            await shell.wait_until(lambda: shell.typed == "")

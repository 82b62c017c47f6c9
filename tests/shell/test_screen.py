"""What a person at a shell sees, on a screen in this process."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from tests.support.shell_session import CTRL_C, CTRL_D, TAB, shell
from tests.support.workspace import Space

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_an_empty_workspace_gets_a_hint(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.see("Nothing was started here yet")
        assert "/task list" in glass.screen.text


async def test_a_notice_leaves_alone_what_is_being_typed(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth")
            await glass.see("workflow_id: ituv-auth-")
            await glass.until(lambda: glass.typed == "")
            glass.press("/workflow li")
            await glass.until(lambda: glass.typed == "/workflow li")

            script.release("TEST")

            await glass.see("COMPLETED")
            await glass.until(lambda: glass.typed == "/workflow li")
            lines = glass.screen.lines
            assert sum("COMPLETED" in line for line in lines) == 1
            assert next(n for n, line in enumerate(lines) if "COMPLETED" in line) < lines.index("penguin> /workflow li")
            glass.press("st\r")
            await glass.see("WORKFLOW")
            assert "ituv-auth-" in glass.screen.text


async def test_a_blocked_workflow_comes_with_the_command_that_gets_it_out(space: Space) -> None:
    with scripted_phases({"VERIFY": ["UNVERIFIED"]}):
        async with shell(space.root, columns=160) as glass:
            await glass.enter("/workflow start auth")
            info = await glass.status("auth", "BLOCKED")
            await glass.see("BLOCKED at VERIFY: ")
            notice = next(line for line in glass.screen.lines if "BLOCKED at VERIFY" in line)
            assert f"→  /workflow approve {info.workflow_id}" in notice


async def test_each_time_that_it_blocks_is_told_once(space: Space) -> None:
    space.configure(retry={"max_attempts": 1})
    with scripted_phases({"TEST": ["FAILED", "FAILED"]}):
        async with shell(space.root, columns=160) as glass:
            for times in (1, 2, 3):
                await glass.enter(f"/workflow {'start' if times == 1 else 'resume'} auth")
                status = "BLOCKED" if times < 3 else "COMPLETED"
                await glass.until(
                    lambda times=times, status=status: (
                        glass.screen.text.count("BLOCKED at TEST:") == min(times, 2)
                        and glass.session.reader.list(limit=1)[0].status == status
                    )
                )
            await glass.see("COMPLETED")
            assert glass.screen.text.count("BLOCKED at TEST:") == 2


async def test_disk_trouble_is_told_once_and_so_is_its_end(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.see("Nothing was started")
        trouble = glass.session.backend.on_trouble  # type: ignore[attr-defined]
        for problem in ("the disk is full", "the disk is full", ""):
            trouble(problem)
        await glass.see("the disk takes records again")
        assert glass.screen.text.count("the disk is full") == 1


async def test_what_breaks_in_the_background_takes_one_line(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.see("Nothing was started")
        broken = ValueError("no such thing")
        await asyncio.to_thread(logging.getLogger("library").error, "it broke", exc_info=broken)
        await glass.see("it broke: ValueError: no such thing")
        asyncio.get_running_loop().call_soon(lambda: {}["nothing"])  # type: ignore[misc]
        await glass.see("KeyError: 'nothing'")
        assert "Traceback" not in glass.screen.text
        await glass.until(lambda: glass.typed == "")


async def test_the_toolbar_tells_what_runs(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.until(lambda: glass.toolbar == "nothing runs")
            await glass.enter("/workflow start auth")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            await glass.enter("/workflow start mail")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST · 1 waiting")
            script.release("TEST")
            await glass.until(lambda: glass.toolbar == "nothing runs")


async def test_what_another_process_runs_is_told_too(space: Space) -> None:
    with scripted_phases({"USE": ["UNVERIFIED"]}) as script:
        async with shell(space.root, columns=160) as glass, space.backend() as other:
            await glass.see("Nothing was started")
            script.hold("TEST")
            workflow_id = await other.start_workflow("auth")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            script.release("TEST")
            await glass.see(f"{workflow_id} BLOCKED at USE: ")
            await other.cancel_workflow(workflow_id)
            await glass.see(f"{workflow_id} CANCELLED at USE")
            assert glass.screen.text.count("BLOCKED") == 1


async def test_ctrl_c_clears_the_line(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.until(lambda: glass.typed == "")
        glass.press("/workflow start nonsense")
        await glass.until(lambda: glass.typed == "/workflow start nonsense")
        glass.press(CTRL_C)
        await glass.until(lambda: glass.typed == "")
        glass.press(CTRL_C)
        await glass.see("Ctrl-D or /quit leaves")
        await glass.enter("/health")
        await glass.see("connected: yes")


async def test_tab_completes_up_to_a_line_that_can_be_run(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.until(lambda: glass.typed == "")
        for typed, completed in (
            ("/wor", "/workflow "),
            ("start", "/workflow start "),
            ("Sea", "/workflow start search"),
        ):
            glass.press(typed, TAB)
            # The space shows in the place of the cursor alone; without it, more keys would come before the completion.
            await glass.until(lambda completed=completed: glass.typed == completed.strip())
            await glass.until(lambda completed=completed: glass.screen.column >= len(f"penguin> {completed}"))


async def test_what_is_chosen_from_the_menu_is_explained_there(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.until(lambda: glass.typed == "")
        glass.press("/workflow start ")
        await glass.see("Send mail")
        assert "Log in" in glass.screen.text
        glass.press(TAB, TAB, " ")
        await glass.until(lambda: glass.typed == "/workflow start mail")


async def test_a_line_without_a_slash_is_an_error_with_the_nearest_match(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.enter("workflow list")
        await glass.see("error: commands begin with a slash: /workflow")
        await glass.enter("/workflow lisst")
        await glass.see("did you mean list?")
        await glass.see("hint: usage: /workflow list")
        await glass.enter("/workflow status nowhere")
        await glass.see("error: there is no workflow 'nowhere'")
        assert "Traceback" not in glass.screen.text


async def test_lines_that_are_pasted_together_are_run_one_by_one(space: Space) -> None:
    with scripted_phases():
        async with shell(space.root) as glass:
            await glass.until(lambda: glass.typed == "")
            glass.press("\x1b[200~/workflow start auth\n/workflow start mail\x1b[201~", "\r")
            await glass.status("auth", "COMPLETED")
            await glass.status("mail", "COMPLETED")


async def test_waiting_says_it_once(space: Space) -> None:
    with scripted_phases():
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth --wait")
            await glass.see("COMPLETED")
            await glass.until(lambda: glass.typed == "")
            assert glass.screen.text.count("COMPLETED") == 1


async def test_leaving_with_nothing_running_asks_nothing(space: Space) -> None:
    for way in ("/quit\r", CTRL_D):
        async with shell(space.root) as glass:
            await glass.until(lambda glass=glass: glass.typed == "")
            glass.press(way)
            await glass.ended()
            assert "[s]tay" not in glass.screen.text


async def test_leaving_while_something_runs_asks(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            await glass.until(lambda: glass.typed == "")
            glass.press(CTRL_D)
            await glass.see("1 workflow runs: ituv-auth-")
            await glass.see("[k]eep them running, [l]eave them for the next start, [c]ancel")
            glass.press("s")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            await glass.enter("/quit")
            await glass.until(lambda: glass.screen.text.count("[s]tay?") == 2)
            glass.press("c")
            await glass.ended()
            assert (await glass.status("auth", "CANCELLED")).phase == "TEST"


async def test_what_was_left_goes_on_at_the_next_start(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            await glass.until(lambda: glass.typed == "")
            glass.press(CTRL_D)
            await glass.see("[s]tay?")
            glass.press("l")
            await glass.ended()
            assert (await glass.status("auth", "RUNNING")).phase == "TEST"
        async with shell(space.root) as glass:
            await glass.see("1 workflow goes on: ituv-auth-")
            script.release("TEST")
            await glass.status("auth", "COMPLETED")
            await glass.see("COMPLETED")


async def test_a_broken_configuration_can_be_mended_without_a_new_start(space: Space) -> None:
    good = (space.root / "penguin.yaml").read_text()
    (space.root / "penguin.yaml").write_text(json.dumps({"projekt": {}}))
    with scripted_phases():
        async with shell(space.root) as glass:
            await glass.see("error: ")
            assert "projekt" in glass.screen.text
            (space.root / "penguin.yaml").write_text(good)
            await glass.enter("/workflow start auth")
            await glass.status("auth", "COMPLETED")


async def test_lines_are_kept_for_their_owner_and_shared_between_shells(space: Space) -> None:
    async with shell(space.root) as one, shell(space.root) as two:
        await one.enter("/health")
        await one.see("connected: yes")
        await two.enter("/config")
        await two.see("orchestration.temporal.address")
        await two.enter("/task list")
        await two.see("Send mail")
    kept = space.root / ".penguin" / "history"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [line for line in kept.read_text().splitlines() if line.startswith("+")] == [
        "+/health",
        "+/config",
        "+/task list",
    ]


async def test_a_narrow_screen_is_enough(space: Space) -> None:
    with scripted_phases({"TEST": ["UNVERIFIED"]}):
        async with shell(space.root, columns=40, rows=16) as glass:
            await glass.enter("/workflow start auth")
            await glass.see("BLOCKED at TEST")
            await glass.until(lambda: glass.toolbar == "1 blocked: auth")
            await glass.until(lambda: glass.typed == "")

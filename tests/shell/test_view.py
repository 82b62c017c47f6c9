"""The full-screen view, on a screen in this process."""

from __future__ import annotations

import pytest
from tests.support.shell_session import CTRL_C, Glass, shell
from tests.support.workspace import Space

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

DOWN, UP = "\x1b[B", "\x1b[A"


async def watch(glass: Glass, line: str = "/workflow watch") -> None:
    """Have the view on the screen."""
    await glass.enter(line)
    await glass.until(lambda: glass.screen.alternate and "q back" in glass.screen.text)


async def started(glass: Glass, *tasks: str) -> list[str]:
    for task in tasks:
        await glass.enter(f"/workflow start {task}")
        await glass.see(f"Started ITUV workflow for task {task}")
    return [(await glass.status(task, "RUNNING")).workflow_id for task in tasks]


async def test_it_gives_the_screen_back_as_it_was(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await started(glass, "auth")
            await glass.until(lambda: glass.toolbar == "1 running: auth TEST")
            await glass.until(lambda: glass.typed == "")
            before = glass.screen.lines[: glass.screen.lines.index("penguin>")]
            await watch(glass)
            await glass.see("✓ IMPLEMENT #1")
            await glass.see("▸ TEST #2")
            glass.press("q")
            await glass.until(lambda: not glass.screen.alternate and glass.typed == "")
            assert glass.screen.lines[: len(before) + 2] == [*before, "penguin> /workflow watch", "penguin>"]


async def test_arrows_choose_what_keys_steer(space: Space) -> None:
    space.configure(max_parallel=2)
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root, rows=24) as glass:
            auth, mail = await started(glass, "auth", "mail")
            await watch(glass)
            # The newest comes first.
            await glass.see(f" {mail}  RUNNING at TEST")
            glass.press(DOWN)
            await glass.see(f" {auth}  RUNNING at TEST")
            glass.press("p")
            await glass.see("auth  TEST paused")
            await glass.see(f" {auth}  PAUSED at TEST")
            glass.press("r")
            await glass.see(f" {auth}  RUNNING at TEST")
            glass.press("c")
            await glass.see(f"Cancel {auth} and all that it runs? [y/n]")
            glass.press("n")
            await glass.see("q back")
            glass.press("c", "y")
            await glass.status("auth", "CANCELLED")
            await glass.see(f" {mail}  RUNNING at TEST")
            glass.press(CTRL_C)
            await glass.until(lambda: not glass.screen.alternate)
            await glass.see(f"{auth} CANCELLED at TEST")


async def test_what_is_printed_is_seen_as_it_comes(space: Space) -> None:
    lines = "; ".join(f"echo line {number} 漢字" for number in range(60))
    script = f"{lines}; while [ ! -e more ]; do sleep 0.02; done; echo the end; exec sleep 60"
    space.tasks({"id": "auth", "title": "Log in", "phases": {"implement": {"run": ["true", script]}}})
    async with shell(space.root, columns=40, rows=20) as glass:
        (workflow_id,) = await started(glass, "auth")
        await watch(glass, "/workflow watch auth")
        await glass.see("line 59 漢字")
        assert "✓ true" in glass.screen.text
        assert "line 20 " not in glass.screen.text
        glass.press("l")
        await glass.until(lambda: "line 45 漢字" in glass.screen.text)
        glass.press("\x1b[5~", "\x1b[5~")
        await glass.until(lambda: "line 25 漢字" in glass.screen.text and "line 59" not in glass.screen.text)
        glass.press("\x1b[6~", "\x1b[6~")
        (space.root / "more").touch()
        await glass.see("the end")
        assert all(len(line) <= 40 for line in glass.screen.lines)
        glass.press("l", "c", "y")
        await glass.status("auth", "CANCELLED")
        await glass.see(f" {workflow_id}  CANCELLED")
        glass.press("q")
        await glass.until(lambda: not glass.screen.alternate and glass.typed == "")


async def test_notices_wait_until_it_is_left(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            (workflow_id,) = await started(glass, "auth")
            await watch(glass)
            script.release("TEST")
            await glass.status("auth", "COMPLETED")
            await glass.see("Nothing runs")
            assert f"{workflow_id} COMPLETED" not in glass.screen.text
            glass.press("q")
            await glass.see(f"{workflow_id} COMPLETED")
            await glass.until(lambda: glass.typed == "")


async def test_the_window_may_change_while_it_is_there(space: Space) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            (workflow_id,) = await started(glass, "auth")
            await watch(glass)
            for columns, rows in ((40, 10), (20, 4), (120, 40)):
                glass.resize(columns, rows)
                await glass.until(lambda: glass.screen.lines[-1].endswith("q back"))
            await glass.see(f" {workflow_id}  RUNNING at TEST")
            glass.press("q")
            await glass.until(lambda: not glass.screen.alternate)


async def test_what_is_unknown_is_an_error(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.enter("/workflow watch nowhere")
        await glass.see("there is no workflow 'nowhere'")

"""The panel above the input line, while somebody types: on a screen in this process."""

from __future__ import annotations

import re

import pytest
from tests.support.shell_session import CTRL_C, Glass, shell
from tests.support.workspace import Space

from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

TASKS = ("auth", "mail", "search")
WHOLE = (
    r"penguin>.*",
    r"Nothing was started here yet\..*",
    r" shows what can be, /help all commands;| ?Ctrl-D leaves\.",
    r"Started ITUV workflow for task \w+",
    r"workflow_id: ituv-\w+-[0-9a-f]{6}",
    r"ituv-\w+-[0-9a-f]{6} COMPLETED(  →  /workflow results ituv-\w+-[0-9a-f]{6})?",
    r" (auth|mail|search) +(IMPLEMENT|TEST|USE|VERIFY|waiting)( +[█░]{8})?( +\d+%)?( +#\d)?( +\d+m\d\ds)?",
    r" and \d more",
    r" +ituv-\w+-[0-9a-f]{6}  \w+: [A-Z]+.*",
    r" (nothing runs|\d (running|waiting).*)",
)
"""What a line may look like; anything else was torn."""


def torn(glass: Glass) -> list[str]:
    """The lines that are not what somebody wrote."""
    return [line for line in glass.screen.lines if line and not any(re.fullmatch(known, line) for known in WHOLE)]


def panel(glass: Glass) -> list[str]:
    """The lines above the prompt that belong to the panel."""
    lines = glass.screen.lines
    prompts = [number for number, line in enumerate(lines) if line.startswith("penguin>")]
    return [
        line
        for line in lines[: prompts[-1] if prompts else 0]
        if re.match(r" (\S+ +(IMPLEMENT|TEST|USE|VERIFY|waiting)|and \d+ more)", line)
    ]


def later(order: AttemptOrder) -> float:
    """Seconds: one after the other they come to their end."""
    return 0.1 * (TASKS.index(order.definition.task.id) + 1)


async def three(glass: Glass) -> list[str]:
    """Start three workflows; their ids."""
    for task in TASKS:
        await glass.enter(f"/workflow start {task}")
        await glass.see(f"Started ITUV workflow for task {task}")
    return [(await glass.status(task, "RUNNING")).workflow_id for task in TASKS]


async def type_in(glass: Glass, text: str, so_far: str = "") -> None:
    """Type key by key, each as soon as the one before is seen."""
    for key in text:
        glass.press(key)
        so_far += key
        expected = so_far.strip()
        await glass.until(lambda expected=expected: glass.typed == expected)


def assert_told_once(glass: Glass, ids: list[str]) -> None:
    for workflow_id in ids:
        assert sum(line.startswith(f"{workflow_id} COMPLETED") for line in glass.screen.lines) == 1


@pytest.mark.parametrize("columns", [100, 40])
async def test_typing_while_workflows_finish(space: Space, columns: int) -> None:
    space.configure(max_parallel=3)
    with scripted_phases(delay=later) as script:
        script.hold("TEST")
        async with shell(space.root, columns=columns, rows=40) as glass:
            await glass.enter("/watch on")
            ids = await three(glass)
            await glass.until(lambda: len(panel(glass)) == 3 and all("TEST" in line for line in panel(glass)))
            script.release("TEST")

            command = "/workflow results search"
            await type_in(glass, command)
            await glass.until(lambda: not panel(glass) and glass.toolbar == "nothing runs")

            assert glass.typed == command
            assert_told_once(glass, ids)
            assert not torn(glass)
            glass.press("\r")
            await glass.see("PASSED")


async def test_typing_while_workflows_finish_and_the_window_changes(space: Space) -> None:
    space.configure(max_parallel=3)
    with scripted_phases(delay=later) as script:
        script.hold("TEST")
        async with shell(space.root, columns=100, rows=40) as glass:
            await glass.enter("/watch on")
            ids = await three(glass)
            await glass.until(lambda: len(panel(glass)) == 3)
            script.release("TEST")

            await type_in(glass, "/workflow ")
            glass.resize(60, 32)
            await type_in(glass, "results ", "/workflow ")
            glass.resize(110, 36)
            await type_in(glass, "search", "/workflow results ")
            await glass.until(lambda: not panel(glass) and glass.toolbar == "nothing runs")

            assert glass.typed == "/workflow results search"
            assert_told_once(glass, ids)
            assert not torn(glass)


async def test_it_takes_a_third_of_the_window_and_counts_the_others(space: Space) -> None:
    space.tasks(*(f"task-{number}" for number in range(9)))
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root, rows=18) as glass:
            await glass.enter("/watch on")
            await glass.enter("/blueprint run b")
            await glass.until(lambda: len(panel(glass)) == 6 and panel(glass)[-1] == " and 4 more")
            # Until one has begun, all wait.
            await glass.until(lambda: re.match(" task-0 +TEST", "".join(panel(glass))))
            glass.resize(100, 12)
            await glass.until(lambda: len(panel(glass)) == 4 and panel(glass)[-1] == " and 6 more")
            glass.resize(100, 5)
            await glass.until(lambda: not panel(glass) and glass.typed == "")
            glass.resize(100, 30)
            await glass.until(lambda: len(panel(glass)) == 9)


async def test_it_shows_attempt_time_left_and_the_last_line(space: Space) -> None:
    steps = {"run": ["echo one; printf 'zwei \\033[31m你好'; exec sleep 60"]}
    space.configure(phase_timeouts={"test": 3600})
    space.tasks({"id": "auth", "title": "Log in", "phases": {"test": steps}})
    async with shell(space.root) as glass:
        await glass.enter("/watch on")
        await glass.enter("/workflow start auth")
        row = r" auth  TEST  ████░░░░  50%  #2  59m\d\ds  zwei 你好"
        await glass.until(lambda: any(re.fullmatch(row, line) for line in panel(glass)))
        before = panel(glass)
        # The time goes on though nothing happens.
        await glass.until(lambda: panel(glass) != before)
        await glass.enter("/workflow cancel auth")
        await glass.see("CANCELLED")


async def test_it_can_be_wanted_and_is_gone_when_the_line_is_entered(space: Space) -> None:
    (space.root / "penguin.yaml").write_text(
        (space.root / "penguin.yaml").read_text().replace("{", '{"ui": {"panel": true}, ', 1)
    )
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth")
            await glass.until(lambda: "TEST" in "".join(panel(glass)))
            await glass.enter("/health")
            await glass.see("connected: yes")
            await glass.until(lambda: len(panel(glass)) == 1)
            assert glass.screen.text.count("50%") == 1
            glass.press(CTRL_C)
            await glass.enter("/watch")
            await glass.until(lambda: not panel(glass) and glass.typed == "")
            await glass.enter("/watch sideways")
            await glass.see("unknown choice 'sideways'; there are: on, off")

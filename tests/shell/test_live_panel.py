"""The panel above the input line while the user types, on a screen in this process."""

from __future__ import annotations

import re

import pytest
from tests.support.keys import CTRL_C
from tests.support.shell_session import ShellSession, run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

TASKS = ("auth", "mail", "search")
WHOLE = (
    r"penguin>.*",
    r"No workflows yet\..*",
    r"  tasks, /help the commands; Ctrl-D",
    r"  quits\.",
    r"Started ITUV workflow for task \w+",
    r"workflow_id: ituv-\w+-[0-9a-f]{6}",
    r"ituv-\w+-[0-9a-f]{6} COMPLETED(  →  /workflow results ituv-\w+-[0-9a-f]{6})?",
    r" TASK +.*",
    r" (auth|mail|search) +([✓●○] ){3}[✓●○] +(IMPLEMENT|TEST|USE|VERIFY|waiting)( +\d/\d)?( +\d+s)?( +waits for .*)?",
    r" and \d more",
    r" +ituv-\w+-[0-9a-f]{6}  \w+: [A-Z]+.*",
    r" (no workflow is running|\d (running|waiting).*)",
)
"""The possible lines; any other line is torn."""


def torn(shell: ShellSession) -> list[str]:
    """Return the torn lines."""
    return [line for line in shell.screen.lines if line and not any(re.fullmatch(known, line) for known in WHOLE)]


def panel(shell: ShellSession) -> list[str]:
    """Return the lines of the panel above the prompt."""
    lines = shell.screen.lines
    prompts = [number for number, line in enumerate(lines) if line.startswith("penguin>")]
    return [
        line
        for line in lines[: prompts[-1] if prompts else 0]
        if re.match(r" (\S+ .*(IMPLEMENT|TEST|USE|VERIFY|waiting)|and \d+ more)", line)
    ]


def later(order: AttemptOrder) -> float:
    """Seconds between the ends of the workflows."""
    return 0.1 * (TASKS.index(order.definition.task.id) + 1)


async def three(shell: ShellSession) -> list[str]:
    """Start three workflows; return their ids."""
    for task in TASKS:
        await shell.enter(f"/workflow start {task}")
        await shell.see(f"Started ITUV workflow for task {task}")
    return [(await shell.status(task, "RUNNING")).workflow_id for task in TASKS]


async def type_in(shell: ShellSession, text: str, so_far: str = "") -> None:
    """Type key by key, each as soon as the previous one is shown."""
    for key in text:
        shell.press(key)
        so_far += key
        expected = so_far.strip()
        await shell.wait_until(lambda expected=expected: shell.typed == expected)


def assert_told_once(shell: ShellSession, ids: list[str]) -> None:
    for workflow_id in ids:
        assert sum(line.startswith(f"{workflow_id} COMPLETED") for line in shell.screen.lines) == 1


@pytest.mark.parametrize("columns", [100, 40])
async def test_typing_while_workflows_finish(workspace: SampleWorkspace, columns: int) -> None:
    workspace.configure(max_parallel=3)
    with scripted_phases(delay=later) as script:
        script.hold("TEST")
        async with run_shell(workspace.root, columns=columns, rows=40) as shell:
            await shell.enter("/watch on")
            ids = await three(shell)
            await shell.wait_until(lambda: len(panel(shell)) == 3 and all("TEST" in line for line in panel(shell)))
            script.release("TEST")

            command = "/workflow results search"
            await type_in(shell, command)
            await shell.wait_until(lambda: not panel(shell) and shell.toolbar == "no workflow is running")

            assert shell.typed == command
            assert_told_once(shell, ids)
            assert not torn(shell)
            shell.press("\r")
            await shell.see("PASSED")


async def test_typing_while_workflows_finish_and_the_window_changes(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=3)
    with scripted_phases(delay=later) as script:
        script.hold("TEST")
        async with run_shell(workspace.root, columns=100, rows=40) as shell:
            await shell.enter("/watch on")
            ids = await three(shell)
            await shell.wait_until(lambda: len(panel(shell)) == 3)
            script.release("TEST")

            await type_in(shell, "/workflow ")
            shell.resize(60, 32)
            await type_in(shell, "results ", "/workflow ")
            shell.resize(110, 36)
            await type_in(shell, "search", "/workflow results ")
            await shell.wait_until(lambda: not panel(shell) and shell.toolbar == "no workflow is running")

            assert shell.typed == "/workflow results search"
            assert_told_once(shell, ids)
            assert not torn(shell)


async def test_the_panel_takes_a_third_of_the_window_and_counts_the_others(workspace: SampleWorkspace) -> None:
    workspace.tasks(*(f"task-{number}" for number in range(9)))
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root, rows=18) as shell:
            await shell.enter("/watch on")
            await shell.enter("/blueprint run b")
            await shell.wait_until(lambda: len(panel(shell)) == 5 and panel(shell)[-1] == " and 5 more")
            # All wait until one has begun.
            await shell.wait_until(lambda: re.match(" task-0 .*TEST", "".join(panel(shell))))
            shell.resize(100, 12)
            await shell.wait_until(lambda: len(panel(shell)) == 3 and panel(shell)[-1] == " and 7 more")
            shell.resize(100, 5)
            await shell.wait_until(lambda: not panel(shell) and shell.typed == "")
            shell.resize(100, 30)
            await shell.wait_until(lambda: len(panel(shell)) == 9)


async def test_the_panel_starts_with_what_needs_a_person(workspace: SampleWorkspace) -> None:
    workspace.configure(max_parallel=1)
    workspace.tasks("runs", "waits", "blocks", {"id": "depends", "title": "depends", "dependencies": ["runs"]})
    with scripted_phases(tasks={"blocks": {"TEST": ["UNVERIFIED"]}}) as script:
        async with run_shell(workspace.root, columns=120, rows=30) as shell:
            await shell.enter("/watch on")
            await shell.enter("/workflow start blocks")
            await shell.status("blocks", "BLOCKED")
            script.hold("IMPLEMENT")
            for task in ("runs", "depends", "waits"):
                await shell.enter(f"/workflow start {task}")
            await shell.see("1 running: runs IMPLEMENT · 1 blocked: blocks · 2 waiting")
            rows = [
                r" blocks +✓ ! ○ ○  blocked .*/workflow approve blocks --by NAME  TEST is UNVERIFIED.*",
                r" runs +● ○ ○ ○  IMPLEMENT .*",
                r" depends +○ ○ ○ ○  waiting .*  waits for runs \(running\)",
                r" waits +○ ○ ○ ○  waiting .*  waits for a slot, held by runs",
            ]
            await shell.wait_until(
                lambda: all(any(re.fullmatch(row, line) for line in shell.screen.lines) for row in rows)
            )
            shown = [line.split()[0] for line in shell.screen.lines if re.match(r" (blocks|runs|depends|waits) ", line)]
            assert shown[:2] == ["blocks", "runs"]
            assert sorted(shown[2:]) == ["depends", "waits"]


async def test_the_panel_shows_gates_attempt_time_and_last_line(workspace: SampleWorkspace) -> None:
    steps = {"run": ["echo one; printf 'zwei \\033[31m你好'; exec sleep 60"]}
    workspace.tasks({"id": "auth", "title": "Log in", "phases": {"test": steps}})
    async with run_shell(workspace.root) as shell:
        await shell.enter("/watch on")
        await shell.enter("/workflow start auth")
        row = r" auth  ✓ ● ○ ○  TEST  +1/3 +\d+s  zwei 你好"
        await shell.wait_until(lambda: any(re.fullmatch(row, line) for line in panel(shell)))
        before = panel(shell)
        # The elapsed time changes although nothing happens.
        await shell.wait_until(lambda: panel(shell) != before)
        await shell.enter("/workflow cancel auth")
        await shell.see("CANCELLED")


async def test_the_panel_is_removed_when_a_line_is_entered(workspace: SampleWorkspace) -> None:
    (workspace.root / "penguin.yaml").write_text(
        (workspace.root / "penguin.yaml").read_text().replace("{", '{"ui": {"panel": true}, ', 1)
    )
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.wait_until(lambda: "TEST" in "".join(panel(shell)))
            await shell.enter("/health")
            await shell.see("active workflows")
            await shell.wait_until(lambda: len(panel(shell)) == 1)
            assert shell.screen.text.count("I T U V") == 1
            shell.press(CTRL_C)
            await shell.enter("/watch")
            await shell.wait_until(lambda: not panel(shell) and shell.typed == "")
            await shell.enter("/watch sideways")
            await shell.see("unknown choice 'sideways'; choose from: on, off")

"""The greeting of a shell."""

from __future__ import annotations

import re

import pytest
from tests.support.shell_session import run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.testing import scripted_phases
from penguin_repl.shell.greeting import greeting_lines

pytestmark = pytest.mark.anyio


UNCHECKED = {"TEST": ["UNVERIFIED"]}


async def test_the_shell_opens_with_what_needs_a_person(workspace: SampleWorkspace) -> None:
    tasks = [f"task-{number}" for number in range(5)]
    workspace.tasks(*tasks, "later")
    with scripted_phases(tasks=dict.fromkeys(tasks, UNCHECKED)) as script:
        async with run_shell(workspace.root, columns=140) as shell:
            for task in tasks:
                await shell.enter(f"/workflow start {task}")
                await shell.status(task, "BLOCKED")
            script.hold("IMPLEMENT")
            await shell.enter("/workflow start later")
            await shell.see("1 running: later IMPLEMENT")
            reader = shell.session.open_local_reader()
            running = list(greeting_lines(reader, 140, names_running=True))[-1]
            reader.close()
            assert running.text == "1 running  →  /workflow watch"
            await shell.enter("/workflow pause later")
            await shell.see("1 paused: later")
            script.release("IMPLEMENT")
            await shell.status("later", "PAUSED")
    async with run_shell(workspace.root, columns=140) as shell:
        await shell.see("3 more blocked  →  /workflow list --status blocked")
        named = [line for line in shell.screen.lines if re.match(r"ituv-task-\d-\w+ BLOCKED at TEST: ", line)]
        assert [line.split("-")[2] for line in named] == ["0", "1"]
        assert all("  →  /workflow " in line for line in named)
        await shell.wait_until(lambda: re.search(r"ituv-later-\w+ PAUSED.*→  /workflow resume", shell.screen.text))

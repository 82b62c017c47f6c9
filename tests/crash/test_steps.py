"""Steps that die alone, with their launcher, or with the machine."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.crash.crash_workspace import CrashWorkspace, gates
from tests.support.processes import is_alive, kill
from tests.support.waiting import wait_until

from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import process_tree

pytestmark = pytest.mark.anyio


def leave_running(workspace: CrashWorkspace) -> None:
    """Kill an engine in the middle of TEST; its launcher and the step survive."""
    workspace.tasks({"id": "a", "phases": gates(hold="go")})
    engine = workspace.spawn(("engine",), ("start", "a"), ("seen", "began-test"))
    wait_until((workspace.root / "began-test").exists, "the step", process=engine)
    kill(engine.pid)
    engine.communicate()


def kill_all(workspace: CrashWorkspace) -> None:
    """Kill the launcher and everything that it started, as a power cut does."""
    kill(*workspace.launchers(), *workspace.steps())
    wait_until(lambda: not workspace.launchers() and not workspace.steps(), "the end of all processes")


def edit_mark(workspace: CrashWorkspace, line: int, **changes: Any) -> None:
    """Change the start mark of the step of TEST."""
    (mark,) = workspace.files.runs.glob(f"*/*-test/*{records.STARTED}")
    lines = mark.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changes)
    mark.write_text("".join(f"{text}\n" for text in lines))


async def ends_well(workspace: CrashWorkspace, *, lost: int) -> list[str]:
    """Let the next engine complete `a`; return its history."""
    workspace.touch("go")
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound(lost=lost)
    return workspace.story()


async def test_a_killed_step_is_an_error_and_is_retried(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    (line,) = [line for line in (workspace.root / "steps").read_text().splitlines() if " test begin" in line]
    async with workspace.backend() as backend:
        await backend.run_engine()
        kill(int(line.split()[-1]))
        workspace.touch("go")
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound()
    assert any("TEST attempt 2 ERROR" in line for line in workspace.story())
    assert any("TEST attempt 3 PASSED" in line for line in workspace.story())


async def test_a_step_is_killed_while_no_engine_lives(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill(*workspace.steps())
    assert any("TEST attempt 2 ERROR" in line for line in await ends_well(workspace, lost=0))


async def test_engine_launcher_and_step_die_together(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill_all(workspace)
    assert any("TEST attempt 2 interrupted by a crash" in line for line in await ends_well(workspace, lost=1))


async def test_an_attempt_interrupted_by_a_reboot_is_not_spent(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill_all(workspace)
    edit_mark(workspace, 0, boot="another")
    assert not [line for line in await ends_well(workspace, lost=1) if "interrupted" in line]


async def test_a_process_id_of_an_earlier_boot_is_ignored(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill_all(workspace)
    edit_mark(workspace, 0, boot="another")
    edit_mark(workspace, 1, pid=os.getpid(), ticks=process_tree.start_ticks(os.getpid()))
    await ends_well(workspace, lost=1)


async def test_a_reused_process_id_is_neither_waited_for_nor_killed(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill_all(workspace)
    ticks = process_tree.start_ticks(os.getpid())
    assert ticks is not None
    edit_mark(workspace, 1, pid=os.getpid(), ticks=ticks - 1)
    await ends_well(workspace, lost=1)
    assert is_alive(os.getpid())


async def test_cancelling_after_engine_and_launcher_died_ends_the_step(workspace: CrashWorkspace) -> None:
    leave_running(workspace)
    kill(*workspace.launchers())
    assert workspace.steps()
    async with workspace.backend() as backend:
        await backend.cancel_workflow(workspace.infos()["a"].workflow_id)
        assert await workspace.settle(backend) == {"a": "CANCELLED"}
    workspace.assert_sound()


async def test_a_step_that_crashes_three_times_is_an_error(workspace: CrashWorkspace) -> None:
    workspace.configure(retry={"max_attempts": 1})
    # Without a file for the record, every launcher dies there.
    workspace.run_to_end(("engine",), ("start", "a"), everywhere="spawn.after")
    assert workspace.infos()["a"].status == "BLOCKED"
    assert any("interrupted by a crash 3 times" in line for line in workspace.story())
    workspace.assert_sound(lost=2)


# --- recipes with a server beside them ---


def serve(workspace: CrashWorkspace) -> None:
    """USE starts a server and sends it two requests; the second waits for the file `go`."""
    steps = [
        {"shell": "./step server stop", "background": True},
        {"shell": "./step first began-server"},
        {"shell": "./step second go"},
    ]
    phases = gates() | {"use": {"recipes": True}}
    workspace.tasks({"id": "a", "phases": phases, "recipe": steps})


SERVING = (("engine",), ("start", "a"), ("seen", "began-second"))


def begun(workspace: CrashWorkspace) -> dict[str, int]:
    return {key[3]: count for key, count in workspace.runs().items() if key[1] == "USE"}


async def test_a_server_outlives_the_engine_and_ends_with_its_recipe(workspace: CrashWorkspace) -> None:
    serve(workspace)
    engine = workspace.spawn(*SERVING)
    wait_until((workspace.root / "began-second").exists, "the second question", process=engine)
    kill(engine.pid)
    engine.communicate()
    await ends_well(workspace, lost=0)
    assert begun(workspace) == {"server": 1, "first": 1, "second": 1}


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_clock_that_was_set_beside_a_server_repeats_nothing(workspace: CrashWorkspace, jump: float) -> None:
    serve(workspace)
    engine = workspace.spawn(*SERVING)
    wait_until((workspace.root / "began-second").exists, "the second question", process=engine)
    kill(engine.pid)
    engine.communicate()
    (ended,) = workspace.files.runs.glob(f"*/*-use/*first*{records.EXITED}")
    fields = json.loads(ended.read_text())
    ended.write_text(json.dumps(fields | {"started": fields["started"] + jump}))
    await ends_well(workspace, lost=0)
    assert begun(workspace) == {"server": 1, "first": 1, "second": 1}


@pytest.mark.parametrize("failpoint", ["stop.before", "stop.after", "report.before:3"])
async def test_the_engine_dies_while_a_recipe_ends(workspace: CrashWorkspace, failpoint: str) -> None:
    serve(workspace)
    workspace.touch("go")
    workspace.run_until_killed(*SERVING, failpoint=failpoint)
    await ends_well(workspace, lost=0)
    assert begun(workspace) == {"server": 1, "first": 1, "second": 1}


async def test_steps_that_used_a_lost_server_run_again(workspace: CrashWorkspace) -> None:
    serve(workspace)
    engine = workspace.spawn(*SERVING)
    wait_until((workspace.root / "began-second").exists, "the second question", process=engine)
    kill(engine.pid)
    engine.communicate()
    kill_all(workspace)
    workspace.touch("go")
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    assert begun(workspace) == {"server": 2, "first": 2, "second": 2}
    assert workspace.steps() == []

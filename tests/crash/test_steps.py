"""Steps that die themselves, with their launcher, or with the machine; and what runs beside them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.crash.crash_workspace import Yard, alive, gates, wait_for

from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import tree

pytestmark = pytest.mark.anyio


def leave_running(yard: Yard) -> None:
    """An engine is killed in the middle of TEST; its launcher and the step live."""
    yard.tasks({"id": "a", "phases": gates(hold="go")})
    engine = yard.spawn(("engine",), ("start", "a"), ("seen", "began-test"))
    wait_for((yard.root / "began-test").exists, "the step", beside=engine)
    yard.kill(engine.pid)
    engine.communicate()


def kill_all(yard: Yard) -> None:
    """As a power cut does: the launcher and everything that it started."""
    yard.kill(*yard.launchers(), *yard.steps())
    wait_for(lambda: not yard.launchers() and not yard.steps(), "the end of all processes")


def edit_mark(yard: Yard, line: int, **told: Any) -> None:
    """Change what the start mark of the step of TEST says."""
    (mark,) = yard.space.runs.glob(f"*/*-test/*{records.STARTED}")
    lines = mark.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | told)
    mark.write_text("".join(f"{text}\n" for text in lines))


async def ends_well(yard: Yard, *, lost: int) -> list[str]:
    """The next engine takes `a` home; its history."""
    yard.touch("go")
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound(lost=lost)
    return yard.story()


async def test_a_step_that_somebody_kills_is_an_error_and_tried_again(yard: Yard) -> None:
    leave_running(yard)
    (line,) = [line for line in (yard.root / "steps").read_text().splitlines() if " test begin" in line]
    async with yard.backend() as backend:
        await backend.run_engine()
        yard.kill(int(line.split()[-1]))
        yard.touch("go")
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound()
    assert any("TEST attempt 2 ERROR" in line for line in yard.story())
    assert any("TEST attempt 3 PASSED" in line for line in yard.story())


async def test_a_step_is_killed_while_no_engine_lives(yard: Yard) -> None:
    leave_running(yard)
    yard.kill(*yard.steps())
    assert any("TEST attempt 2 ERROR" in line for line in await ends_well(yard, lost=0))


async def test_engine_launcher_and_step_die_together(yard: Yard) -> None:
    leave_running(yard)
    kill_all(yard)
    assert any("TEST attempt 2 interrupted by a crash" in line for line in await ends_well(yard, lost=1))


async def test_what_died_with_the_machine_is_run_again_unspent(yard: Yard) -> None:
    leave_running(yard)
    kill_all(yard)
    edit_mark(yard, 0, boot="another")
    assert not [line for line in await ends_well(yard, lost=1) if "interrupted" in line]


async def test_a_process_id_of_an_earlier_boot_is_nobody(yard: Yard) -> None:
    leave_running(yard)
    kill_all(yard)
    edit_mark(yard, 0, boot="another")
    edit_mark(yard, 1, pid=os.getpid(), ticks=tree.start_ticks(os.getpid()))
    await ends_well(yard, lost=1)


async def test_a_reused_process_id_is_neither_waited_for_nor_killed(yard: Yard) -> None:
    leave_running(yard)
    kill_all(yard)
    ticks = tree.start_ticks(os.getpid())
    assert ticks is not None
    edit_mark(yard, 1, pid=os.getpid(), ticks=ticks - 1)
    await ends_well(yard, lost=1)
    assert alive(os.getpid())


async def test_cancelling_after_engine_and_launcher_died_ends_the_step(yard: Yard) -> None:
    leave_running(yard)
    yard.kill(*yard.launchers())
    assert yard.steps()
    async with yard.backend() as backend:
        await backend.cancel_workflow(yard.infos()["a"].workflow_id)
        assert await yard.settle(backend) == {"a": "CANCELLED"}
    yard.assert_sound()


async def test_a_step_that_crashes_three_times_is_an_error(yard: Yard) -> None:
    yard.configure(retry={"max_attempts": 1})
    # Without a file to leave word in: every launcher dies there.
    yard.lives(("engine",), ("start", "a"), everywhere="spawn.after")
    assert yard.infos()["a"].status == "BLOCKED"
    assert any("interrupted by a crash 3 times" in line for line in yard.story())
    yard.assert_sound(lost=2)


# --- recipes with a server beside them ---


def serve(yard: Yard) -> None:
    """USE starts a server, asks it twice, and the second time takes as long as `go` is not there."""
    steps = [
        {"shell": "./step server stop", "background": True},
        {"shell": "./step first began-server"},
        {"shell": "./step second go"},
    ]
    phases = gates() | {"use": {"recipes": True}}
    yard.tasks({"id": "a", "phases": phases, "recipe": steps})


SERVING = (("engine",), ("start", "a"), ("seen", "began-second"))


def begun(yard: Yard) -> dict[str, int]:
    return {key[3]: count for key, count in yard.runs().items() if key[1] == "USE"}


async def test_a_server_outlives_the_engine_and_ends_with_its_recipe(yard: Yard) -> None:
    serve(yard)
    engine = yard.spawn(*SERVING)
    wait_for((yard.root / "began-second").exists, "the second question", beside=engine)
    yard.kill(engine.pid)
    engine.communicate()
    await ends_well(yard, lost=0)
    assert begun(yard) == {"server": 1, "first": 1, "second": 1}


@pytest.mark.parametrize("failpoint", ["stop.before", "stop.after", "report.before:3"])
async def test_the_engine_dies_as_a_recipe_ends(yard: Yard, failpoint: str) -> None:
    serve(yard)
    yard.touch("go")
    yard.dies(*SERVING, failpoint=failpoint)
    await ends_well(yard, lost=0)
    assert begun(yard) == {"server": 1, "first": 1, "second": 1}


async def test_with_the_server_all_that_was_asked_of_it_is_lost(yard: Yard) -> None:
    serve(yard)
    engine = yard.spawn(*SERVING)
    wait_for((yard.root / "began-second").exists, "the second question", beside=engine)
    yard.kill(engine.pid)
    engine.communicate()
    kill_all(yard)
    yard.touch("go")
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    assert begun(yard) == {"server": 2, "first": 2, "second": 2}
    assert yard.steps() == []

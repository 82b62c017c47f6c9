"""Engines and launchers that are killed: what runs is adopted, what ended is read, nothing is run twice unknowingly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time

import msgspec
import pytest
from tests.execution.attempt_workspace import House, alive, beside, kill, until

from penguin.orchestration.backend import Verdict
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import tree
from penguin.orchestration.execution.runner_api import Control, Stop
from penguin.orchestration.execution.step_files import Exit, Mark

HOLD = "echo x >> second; while ! test -e go; do sleep 0.01; done; echo end"


def test_a_killed_engine_loses_nothing(house: House) -> None:
    order = house.order("echo x >> first", HOLD, "echo x >> third")
    engine = house.engine(order)

    async def scenario() -> None:
        await until((house.root / "second").exists, "the second step")
        kill(engine.pid)
        engine.wait()
        attempt = await beside(house.attempt(order, engine="two"))
        await asyncio.sleep(0.1)  # So that it is adopted while it runs.
        house.write("go", "")
        result = await attempt
        assert result.verdict is Verdict.PASSED
        assert result.steps[1].excerpt == "end\n"

    asyncio.run(scenario())
    assert [house.count(name) for name in ("first", "second", "third")] == [1, 1, 1]


def test_a_step_that_ended_while_nobody_looked_is_not_run_again(house: House) -> None:
    order = house.order("echo x >> second; while ! test -e go; do sleep 0.01; done; exit 3")
    engine = house.engine(order)

    async def scenario() -> None:
        await until((house.root / "second").exists, "the step")
        kill(engine.pid)
        engine.wait()
        house.write("go", "")
        await until(lambda: list(house.run_dir.glob("*.exit.json")), "the exit record")
        result = await house.attempt(order, engine="two")
        assert (result.verdict, result.steps[0].exit_code) == (Verdict.FAILED, 3)

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_an_abandoned_attempt_is_taken_up_by_the_same_engine(house: House) -> None:
    async def scenario() -> None:
        phases, order = house.phases(), house.order(HOLD)
        for _ in range(3):
            attempt = await beside(phases.run(order, Control()))
            await until((house.root / "second").exists, "the step")
            attempt.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await attempt
        attempt = await beside(phases.run(order, Control()))
        house.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert house.count("second") == 1


@pytest.mark.parametrize("turns", range(8))
def test_an_attempt_abandoned_at_any_moment_starts_once(house: House, turns: int) -> None:
    async def scenario() -> None:
        phases, order = house.phases(), house.order("echo x >> second")
        attempt = await beside(phases.run(order, Control()))
        if turns:
            await until(lambda: house.run_dir.exists(), "the run folder")
            for _ in range(turns * 3):
                await asyncio.sleep(0)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attempt
        assert (await phases.run(order, Control())).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_aclose_leaves_the_step_running(house: House) -> None:
    async def scenario() -> None:
        order = house.order(HOLD)
        first = house.phases("one")
        attempt = await beside(first.run(order, Control()))
        await until((house.root / "second").exists, "the step")
        await first.aclose()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        house.write("go", "")
        assert (await house.attempt(order, engine="two")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_aclose_lets_nobody_wait_for_the_word_that_a_step_runs(house: House) -> None:
    async def scenario() -> None:
        phases = house.phases()
        attempt = await beside(phases.run(house.order(HOLD), Control()))
        while not any(mark.stat().st_size for mark in house.run_dir.glob("*.start.json")):
            # No pause: the launcher tells of a start a few milliseconds later.
            await asyncio.sleep(0)
        await phases.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(attempt, 5)
        house.write("go", "")
        assert (await house.attempt(house.order(HOLD), engine="two")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_a_killed_launcher_interrupts_and_the_next_run_is_the_next_try(house: House) -> None:
    command = "echo $$ >> second; test $(wc -l < second) = 2 || sleep 600"

    async def scenario() -> None:
        phases, order = house.phases(), house.order("true", command)
        control = Control()
        attempt = await beside(phases.run(order, control))
        await until(lambda: house.count("second") == 1, "the step")
        (launcher,) = house.launchers()
        kill(launcher)
        await until(lambda: not alive(launcher), "the launcher's death")
        control.ask(Stop.NOW)  # Otherwise the step may go on until its time is up.
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        assert not alive(int(house.read("second").split()[0]))
        assert (await phases.run(order, Control())).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert house.count("second") == 2
    assert house.started("echo") == 2
    assert house.started("true") == 1


def test_what_a_step_printed_is_shown_whoever_sees_its_end(house: House) -> None:
    async def scenario() -> None:
        order = house.order("echo told; " + HOLD)
        phases = house.phases("one")
        attempt = await beside(phases.run(order, Control()))
        await until((house.root / "second").exists, "the step")
        await phases.aclose()
        await asyncio.wait({attempt})
        # Adopted by an engine that reads in the mark how it was started.
        adopting = house.phases("two")
        attempt = await beside(adopting.run(order, Control()))
        (log,) = house.run_dir.glob("*.log")
        await until(lambda: log.read_text() == "told\n", "the output")
        kill(house.launchers()[0])
        house.write("go", "")
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        (step,) = result.steps
        assert step.argv == ("/bin/sh", "-c", "echo told; " + HOLD)
        assert step.excerpt == "told\n"
        assert step.output == str(log.relative_to(house.root))
        await adopting.aclose()

    asyncio.run(scenario())


def test_a_stop_outlives_the_launcher_that_was_asked(house: House) -> None:
    async def scenario() -> None:
        control = Control()
        attempt = await beside(
            house.attempt(house.order("trap '' TERM; echo $$ > second; sleep 60; sleep 600"), control)
        )
        await until(lambda: house.count("second"), "the step")
        (launcher,) = house.launchers()
        os.kill(launcher, signal.SIGSTOP)
        control.ask(Stop.CANCEL)
        await asyncio.sleep(0.05)  # Until it was sent.
        kill(launcher)
        assert (await attempt).cause == "crash"
        assert not alive(int(house.read("second")))

    asyncio.run(scenario())


def test_time_outs_hold_without_a_launcher(house: House) -> None:
    async def scenario() -> None:
        order = house.order("(trap '' TERM; echo $$ > second; while :; do sleep 0.1; done)", timeout=1.0)
        attempt = await beside(house.attempt(order))
        await until(lambda: house.count("second"), "the step")
        kill(house.launchers()[0])
        result = await attempt
        assert result.cause == "crash"
        assert not alive(int(house.read("second")))

    asyncio.run(scenario())


def test_engine_and_launcher_killed_together(house: House) -> None:
    order = house.order("echo $$ >> second; test $(wc -l < second) = 2 || sleep 1")
    engine = house.engine(order)

    async def scenario() -> None:
        await until(lambda: house.count("second"), "the step")
        kill(house.launchers()[0])
        kill(engine.pid)
        engine.wait()
        result = await house.attempt(order, engine="two")
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        assert (await house.attempt(order, engine="three")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 2


def leave_mark(house: House, **told: object) -> None:
    """As if a launcher had died in the middle of the first step, `echo x >> second`."""
    house.run_dir.mkdir(parents=True)
    stem = str(house.run_dir / "01-echo-x-second.1")
    mark = Mark(
        id=stem,
        mark=records.mark_name(stem),
        boot=tree.boot_id(),
        launcher=str(house.engines / "gone"),
        started=time.time() - 5,
        deadline=time.monotonic() + 600,
        grace=0.2,
    )
    (house.run_dir / "01-echo-x-second.1.start.json").write_text(
        json.dumps({**msgspec.to_builtins(mark), **told}) + "\n"
    )


def test_a_reused_process_id_is_nobody(house: House) -> None:
    ticks = tree.start_ticks(os.getpid())
    assert ticks is not None
    leave_mark(house, pid=os.getpid(), ticks=ticks - 1)
    result = house.run("echo x >> second")
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
    assert house.run("echo x >> second").verdict is Verdict.PASSED
    assert house.started("echo") == 2


def test_after_another_boot_a_step_is_simply_run_again(house: House) -> None:
    leave_mark(house, boot="another", pid=os.getpid(), ticks=tree.start_ticks(os.getpid()))
    assert house.run("echo x >> second").verdict is Verdict.PASSED
    assert house.started("echo") == 2


def test_an_exit_record_that_cannot_be_read_counts_as_absent(house: House) -> None:
    house.run("echo x >> second")
    (record,) = house.run_dir.glob("*.exit.json")
    record.write_bytes(record.read_bytes()[:20])
    assert house.run("echo x >> second").cause == "crash"
    assert house.run("echo x >> second").verdict is Verdict.PASSED
    assert house.count("second") == 2


def test_a_launcher_ends_when_nobody_needs_it(house: House) -> None:
    async def scenario() -> None:
        await house.attempt(house.order("true"))
        (launcher,) = house.launchers()
        await until(lambda: not alive(launcher), "the end of the launcher")
        assert {path.name for path in (house.engines / "one").iterdir()} == {"launcher.lock"}

    asyncio.run(scenario())


def test_paths_may_be_long(house: House) -> None:
    house.engines = house.engines / ("x" * 150)
    assert house.run("true").verdict is Verdict.PASSED


def test_records_tell_who_counts() -> None:
    assert [Exit(id="x", why=why).counts for why in (None, "timeout", "ended", "stopped", "crash", "lease")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]

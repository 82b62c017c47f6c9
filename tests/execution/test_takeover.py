"""Killed engines and launchers: running steps are adopted, ended ones are read, and no step runs twice by mistake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time

import msgspec
import pytest
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.processes import is_alive, kill
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import process_tree
from penguin.orchestration.execution.runner_api import Stop, StopControl
from penguin.orchestration.execution.step_files import ExitRecord, StartMark

HOLD = "echo x >> second; while ! test -e go; do sleep 0.01; done; echo end"


def test_a_killed_engine_loses_nothing(workspace: AttemptWorkspace) -> None:
    order = workspace.order("echo x >> first", HOLD, "echo x >> third")
    engine = workspace.engine(order)

    async def scenario() -> None:
        await wait_until_async((workspace.root / "second").exists, "the second step")
        kill(engine.pid)
        engine.wait()
        attempt = await start_task(workspace.attempt(order, engine="two"))
        await asyncio.sleep(0.1)  # It must be adopted while it runs.
        workspace.write("go", "")
        result = await attempt
        assert result.verdict is Verdict.PASSED
        assert result.steps[1].excerpt == "end\n"

    asyncio.run(scenario())
    assert [workspace.count(name) for name in ("first", "second", "third")] == [1, 1, 1]


def test_a_step_that_ended_between_engines_is_not_run_again(workspace: AttemptWorkspace) -> None:
    order = workspace.order("echo x >> second; while ! test -e go; do sleep 0.01; done; exit 3")
    engine = workspace.engine(order)

    async def scenario() -> None:
        await wait_until_async((workspace.root / "second").exists, "the step")
        kill(engine.pid)
        engine.wait()
        workspace.write("go", "")
        await wait_until_async(lambda: list(workspace.run_dir.glob("*.exit.json")), "the exit record")
        result = await workspace.attempt(order, engine="two")
        assert (result.verdict, result.steps[0].exit_code) == (Verdict.FAILED, 3)

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_an_abandoned_attempt_is_continued_by_the_same_engine(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        phases, order = workspace.phases(), workspace.order(HOLD)
        for _ in range(3):
            attempt = await start_task(phases.run(order, StopControl()))
            await wait_until_async((workspace.root / "second").exists, "the step")
            attempt.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await attempt
        attempt = await start_task(phases.run(order, StopControl()))
        workspace.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert workspace.count("second") == 1


@pytest.mark.parametrize("turns", range(8))
def test_an_attempt_abandoned_at_any_moment_starts_once(workspace: AttemptWorkspace, turns: int) -> None:
    async def scenario() -> None:
        phases, order = workspace.phases(), workspace.order("echo x >> second")
        attempt = await start_task(phases.run(order, StopControl()))
        if turns:
            await wait_until_async(lambda: workspace.run_dir.exists(), "the run folder")
            for _ in range(turns * 3):
                await asyncio.sleep(0)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attempt
        assert (await phases.run(order, StopControl())).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_aclose_leaves_the_step_running(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        order = workspace.order(HOLD)
        first = workspace.phases("one")
        attempt = await start_task(first.run(order, StopControl()))
        await wait_until_async((workspace.root / "second").exists, "the step")
        await first.aclose()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        workspace.write("go", "")
        assert (await workspace.attempt(order, engine="two")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_aclose_ends_waits_for_the_start_of_a_step(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        phases = workspace.phases()
        attempt = await start_task(phases.run(workspace.order(HOLD), StopControl()))
        while not any(mark.stat().st_size for mark in workspace.run_dir.glob("*.start.json")):
            # Without a pause: the launcher reports a start a few milliseconds later.
            await asyncio.sleep(0)
        await phases.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(attempt, 5)
        workspace.write("go", "")
        assert (await workspace.attempt(workspace.order(HOLD), engine="two")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_a_killed_launcher_interrupts_and_the_step_starts_again(workspace: AttemptWorkspace) -> None:
    command = "echo $$ >> second; test $(wc -l < second) = 2 || sleep 600"

    async def scenario() -> None:
        phases, order = workspace.phases(), workspace.order("true", command)
        control = StopControl()
        attempt = await start_task(phases.run(order, control))
        await wait_until_async(lambda: workspace.count("second") == 1, "the step")
        (launcher,) = workspace.launchers()
        kill(launcher)
        await wait_until_async(lambda: not is_alive(launcher), "the launcher's death")
        control.request_stop(Stop.NOW)  # Otherwise the step may continue until its time-out.
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        assert not is_alive(int(workspace.read("second").split()[0]))
        assert (await phases.run(order, StopControl())).verdict is Verdict.PASSED
        await phases.aclose()

    asyncio.run(scenario())
    assert workspace.count("second") == 2
    assert workspace.started("echo") == 2
    assert workspace.started("true") == 1


def test_output_of_a_step_is_shown_after_a_takeover(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        order = workspace.order("echo told; " + HOLD)
        phases = workspace.phases("one")
        attempt = await start_task(phases.run(order, StopControl()))
        await wait_until_async((workspace.root / "second").exists, "the step")
        await phases.aclose()
        await asyncio.wait({attempt})
        # An engine adopts it, and reads from the mark how it was started.
        adopting = workspace.phases("two")
        attempt = await start_task(adopting.run(order, StopControl()))
        (log,) = workspace.run_dir.glob("*.log")
        await wait_until_async(lambda: log.read_text() == "told\n", "the output")
        kill(workspace.launchers()[0])
        workspace.write("go", "")
        result = await attempt
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        (step,) = result.steps
        assert step.argv == ("/bin/sh", "-c", "echo told; " + HOLD)
        assert step.excerpt == "told\n"
        assert step.output == str(log.relative_to(workspace.root))
        await adopting.aclose()

    asyncio.run(scenario())


def test_a_stop_survives_the_launcher(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        control = StopControl()
        attempt = await start_task(
            workspace.attempt(workspace.order("trap '' TERM; echo $$ > second; sleep 60; sleep 600"), control)
        )
        await wait_until_async(lambda: workspace.count("second"), "the step")
        (launcher,) = workspace.launchers()
        os.kill(launcher, signal.SIGSTOP)
        control.request_stop(Stop.CANCEL)
        await asyncio.sleep(0.05)  # Wait until it is sent.
        kill(launcher)
        assert (await attempt).cause == "crash"
        assert not is_alive(int(workspace.read("second")))

    asyncio.run(scenario())


def test_time_outs_hold_without_a_launcher(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        order = workspace.order("(trap '' TERM; echo $$ > second; while :; do sleep 0.1; done)", timeout=1.0)
        attempt = await start_task(workspace.attempt(order))
        await wait_until_async(lambda: workspace.count("second"), "the step")
        kill(workspace.launchers()[0])
        result = await attempt
        assert result.cause == "crash"
        assert not is_alive(int(workspace.read("second")))

    asyncio.run(scenario())


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_the_duration_of_a_lost_step_is_true_though_the_clock_is_set(
    workspace: AttemptWorkspace, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(HOLD)))
        await wait_until_async((workspace.root / "second").exists, "the step")
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        await asyncio.sleep(0.2)
        kill(*workspace.launchers())
        workspace.write("go", "")
        (step,) = (await attempt).steps
        assert 0.2 <= step.duration < 600

    asyncio.run(scenario())


def test_engine_and_launcher_killed_together(workspace: AttemptWorkspace) -> None:
    order = workspace.order("echo $$ >> second; test $(wc -l < second) = 2 || sleep 1")
    engine = workspace.engine(order)

    async def scenario() -> None:
        await wait_until_async(lambda: workspace.count("second"), "the step")
        kill(workspace.launchers()[0])
        kill(engine.pid)
        engine.wait()
        result = await workspace.attempt(order, engine="two")
        assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
        assert (await workspace.attempt(order, engine="three")).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 2


def leave_mark(workspace: AttemptWorkspace, **changes: object) -> None:
    """Leave a mark as if a launcher had died in the middle of the first step, `echo x >> second`."""
    workspace.run_dir.mkdir(parents=True)
    stem = str(workspace.run_dir / "01-echo-x-second.1")
    mark = StartMark(
        id=stem,
        mark=records.mark_name(stem),
        boot=process_tree.boot_id(),
        launcher=str(workspace.engines / "gone"),
        started=time.time() - 5,
        deadline=time.monotonic() + 600,
        grace=0.2,
    )
    (workspace.run_dir / "01-echo-x-second.1.start.json").write_text(
        json.dumps({**msgspec.to_builtins(mark), **changes}) + "\n"
    )


def test_a_reused_process_id_is_ignored(workspace: AttemptWorkspace) -> None:
    ticks = process_tree.start_ticks(os.getpid())
    assert ticks is not None
    leave_mark(workspace, pid=os.getpid(), ticks=ticks - 1)
    result = workspace.run("echo x >> second")
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "crash")
    assert workspace.run("echo x >> second").verdict is Verdict.PASSED
    assert workspace.started("echo") == 2


def test_after_a_reboot_a_step_runs_again(workspace: AttemptWorkspace) -> None:
    leave_mark(workspace, boot="another", pid=os.getpid(), ticks=process_tree.start_ticks(os.getpid()))
    assert workspace.run("echo x >> second").verdict is Verdict.PASSED
    assert workspace.started("echo") == 2


def test_an_exit_record_that_cannot_be_read_counts_as_absent(workspace: AttemptWorkspace) -> None:
    workspace.run("echo x >> second")
    (record,) = workspace.run_dir.glob("*.exit.json")
    record.write_bytes(record.read_bytes()[:20])
    assert workspace.run("echo x >> second").cause == "crash"
    assert workspace.run("echo x >> second").verdict is Verdict.PASSED
    assert workspace.count("second") == 2


def test_an_idle_launcher_ends(workspace: AttemptWorkspace) -> None:
    async def scenario() -> None:
        await workspace.attempt(workspace.order("true"))
        (launcher,) = workspace.launchers()
        await wait_until_async(lambda: not is_alive(launcher), "the end of the launcher")
        assert {path.name for path in (workspace.engines / "one").iterdir()} == {"launcher.lock"}

    asyncio.run(scenario())


def test_long_paths_work(workspace: AttemptWorkspace) -> None:
    workspace.engines = workspace.engines / ("x" * 150)
    assert workspace.run("true").verdict is Verdict.PASSED


def test_which_exit_records_are_results() -> None:
    assert [
        ExitRecord(id="x", why=why).is_result for why in (None, "timeout", "ended", "stopped", "crash", "lease")
    ] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]

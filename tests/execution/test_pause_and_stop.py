"""Pausing, stopping and continuing an attempt."""

from __future__ import annotations

import asyncio

from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, Stop, StopControl


def stopped_at(workspace: AttemptWorkspace, order: AttemptOrder, file: str, *asks: Stop | None) -> AttemptResult:
    """Run an attempt; when `file` appears, request these stops, then create the file `go`."""

    async def scenario() -> AttemptResult:
        control = StopControl()
        attempt = await start_task(workspace.attempt(order, control))
        await wait_until_async((workspace.root / file).exists, file)
        for stop in asks:
            control.request_stop(stop)
            await asyncio.sleep(0.02)
        workspace.write("go", "")
        result: AttemptResult = await attempt
        return result

    return asyncio.run(scenario())


STEP = "echo x >> first; while ! test -e go; do sleep 0.01; done"


def test_a_pause_lets_the_step_end_and_repeats_nothing(workspace: AttemptWorkspace) -> None:
    order = workspace.order(STEP, "echo y >> second")
    result = stopped_at(workspace, order, "first", Stop.PAUSE)
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "pause")
    assert [step.verdict for step in result.steps] == [Verdict.PASSED]
    assert not (workspace.root / "second").exists()
    result = asyncio.run(workspace.attempt(order, engine="two"))
    assert (result.verdict, len(result.steps)) == (Verdict.PASSED, 2)
    assert (workspace.count("first"), workspace.count("second")) == (1, 1)


def test_a_withdrawn_pause_stops_nothing(workspace: AttemptWorkspace) -> None:
    result = stopped_at(workspace, workspace.order(STEP, "true"), "first", Stop.PAUSE, None)
    assert result.verdict is Verdict.PASSED


def test_a_pause_during_the_last_step_keeps_its_result(workspace: AttemptWorkspace) -> None:
    result = stopped_at(workspace, workspace.order("true", STEP), "first", Stop.PAUSE)
    assert (result.verdict, result.cause) == (Verdict.PASSED, "")


def test_a_pause_before_the_first_step_starts_nothing(workspace: AttemptWorkspace) -> None:
    async def scenario() -> AttemptResult:
        control = StopControl()
        control.request_stop(Stop.PAUSE)
        return await workspace.attempt(workspace.order("touch never"), control)

    assert asyncio.run(scenario()).cause == "pause"
    assert not (workspace.root / "never").exists()


def test_pause_now_stops_the_step_which_runs_again(workspace: AttemptWorkspace) -> None:
    order = workspace.order("echo x >> zero", STEP)
    result = stopped_at(workspace, order, "first", Stop.PAUSE, Stop.NOW)
    assert (result.verdict, result.cause) == (Verdict.INTERRUPTED, "now")
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, Verdict.INTERRUPTED]
    result = asyncio.run(workspace.attempt(order))
    assert result.verdict is Verdict.PASSED
    assert (workspace.count("zero"), workspace.count("first")) == (1, 2)
    assert (result.steps[1].output or "").endswith(".2.log")


def test_a_pause_does_not_use_up_the_time_out(workspace: AttemptWorkspace) -> None:
    order = workspace.order(STEP, "sleep 0.3", timeout=3.0)
    stopped_at(workspace, order, "first", Stop.PAUSE)

    async def later() -> AttemptResult:
        await asyncio.sleep(2.8)  # This test needs real time.
        return await workspace.attempt(order)

    assert asyncio.run(later()).verdict is Verdict.PASSED

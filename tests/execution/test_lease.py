"""Steps under a lease: they end when it lapses, also without engine or launcher."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import AttemptWorkspace, start_task
from tests.support.processes import is_alive, kill
from tests.support.waiting import wait_until_async

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import RecipeStep
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import lease_reader as line
from penguin.orchestration.execution.launcher import process_tree
from penguin.orchestration.execution.launcher.boottime_timer import BoottimeTimer
from penguin.orchestration.execution.runner_api import Stop, StopControl
from penguin.orchestration.execution.step_lease import StepLease, now

HOLD = "echo $$ >> second; while ! test -e go; do sleep 0.01; done; echo end"
STUBBORN = """
import os, signal, time
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("grandchild", "w").write(f"{os.getpid()}\\n")
time.sleep(600)
"""
WITH_GRANDCHILD = (
    "(python3 stubborn.py &); while ! test -s grandchild; do sleep 0.01; done; echo $$ >> second; sleep 600"
)
SHORT = 1.0
"""Seconds. It is renewed a hundred times as often until the step runs, so a slow start does not matter."""
LONG = 600.0
LAPSED = "the lease on the steps lapsed"


@pytest.fixture
def lease(workspace: AttemptWorkspace) -> StepLease:
    workspace.write("stubborn.py", STUBBORN)
    return StepLease(workspace.root / ".penguin" / "temporal" / "lease")


async def until_begun(workspace: AttemptWorkspace, lease: StepLease, count: int = 1) -> None:
    """Renew the lease until the step runs."""

    def begun() -> bool:
        lease.renew(SHORT)
        return workspace.count("second") >= count

    await wait_until_async(begun, "the step")


def pids(workspace: AttemptWorkspace, *names: str) -> list[int]:
    return [int(line) for name in names for line in workspace.read(name).split()]


def assert_lapsed(result: AttemptResult) -> None:
    assert (result.verdict, result.cause, result.reason) == (Verdict.INTERRUPTED, "crash", LAPSED)


def endings(workspace: AttemptWorkspace) -> list[str | None]:
    """Return the causes of the ends of the steps."""
    ended = [
        records.read_exit(str(path)[: -len(records.EXITED)]) for path in workspace.run_dir.glob("*" + records.EXITED)
    ]
    return sorted((exit_.why for exit_ in ended if exit_), key=str)


# Steps under a lease


def test_a_step_runs_as_long_as_its_lease_is_renewed(workspace: AttemptWorkspace, lease: StepLease) -> None:
    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(HOLD), lease=lease.path))
        await until_begun(workspace, lease)
        first = lease.lapses_at()
        lease.renew(LONG)
        await wait_until_async(lambda: now() > first + 0.3, "the time after the first deadline")
        assert is_alive(*pids(workspace, "second"))
        workspace.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_a_lapsed_lease_ends_the_whole_tree(workspace: AttemptWorkspace, lease: StepLease) -> None:
    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(WITH_GRANDCHILD), lease=lease.path))
        await until_begun(workspace, lease)
        deadline = lease.lapses_at()
        assert_lapsed(await attempt)
        assert now() >= deadline
        assert not any(map(is_alive, pids(workspace, "second", "grandchild")))

    asyncio.run(scenario())
    assert endings(workspace) == ["lease"]


def test_sigterm_comes_first(workspace: AttemptWorkspace, lease: StepLease) -> None:
    async def scenario() -> None:
        order = workspace.order("trap 'echo bye; exit 0' TERM; echo $$ >> second; while :; do sleep 0.05; done")
        attempt = await start_task(workspace.attempt(order, lease=lease.path))
        await until_begun(workspace, lease)
        result = await attempt
        assert_lapsed(result)
        assert "bye" in result.steps[0].excerpt

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_bytes(line.lease_line("another boot", now() + LONG)),
        lambda path: path.write_text("nonsense"),
        lambda path: path.write_bytes(line.lease_line(process_tree.boot_id(), now() + LONG).rstrip()),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["missing", "another boot", "nonsense", "cut off", "no file"],
)
@pytest.mark.parametrize("when", ["before the start", "while it runs"])
def test_an_invalid_lease_has_lapsed(
    workspace: AttemptWorkspace, lease: StepLease, spoil: Callable[[Path], object], when: str
) -> None:
    async def scenario() -> None:
        if when == "before the start":
            lease.renew(LONG)
            spoil(lease.path)
        attempt = await start_task(workspace.attempt(workspace.order(HOLD), lease=lease.path))
        if when == "while it runs":
            await until_begun(workspace, lease)
            spoil(lease.path)
        assert_lapsed(await attempt)

    asyncio.run(scenario())
    assert workspace.count("second") == (1 if when == "while it runs" else 0)


def test_a_lapsed_lease_starts_no_step_and_a_new_one_continues(workspace: AttemptWorkspace, lease: StepLease) -> None:
    order = workspace.order(f"echo x >> first; rm {lease.path}", "echo x >> second")
    lease.renew(LONG)
    result = asyncio.run(workspace.attempt(order, lease=lease.path))
    assert_lapsed(result)
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, Verdict.INTERRUPTED]
    assert workspace.count("second") == 0
    lease.renew(LONG)
    assert asyncio.run(workspace.attempt(order, lease=lease.path)).verdict is Verdict.PASSED
    assert (workspace.count("first"), workspace.count("second")) == (1, 1)


def test_a_step_in_the_background_has_the_lease_too(workspace: AttemptWorkspace, lease: StepLease) -> None:
    recipe = [
        RecipeStep(kind="shell", source="echo $$ > server; sleep 600", background=True),
        RecipeStep(kind="shell", source="trap '' TERM; echo $$ >> second; sleep 600"),
    ]

    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(recipe=recipe), lease=lease.path))
        await until_begun(workspace, lease)
        assert_lapsed(await attempt)
        assert not any(map(is_alive, pids(workspace, "server", "second")))

    asyncio.run(scenario())
    assert set(endings(workspace)) <= {"lease", "stopped"}


def test_the_first_stop_request_is_the_cause(workspace: AttemptWorkspace, lease: StepLease) -> None:
    async def scenario() -> None:
        control = StopControl()
        order = workspace.order("trap '' TERM; echo $$ >> second; while :; do sleep 0.05; done")
        phases = workspace.phases(grace=2 * SHORT, lease=lease.path)
        attempt = await start_task(phases.run(order, control))
        await until_begun(workspace, lease)
        control.request_stop(Stop.CANCEL)
        assert (await attempt).cause == "cancel"
        assert not lease.holds()
        await phases.aclose()

    asyncio.run(scenario())


# Dead engines and dead launchers


def test_the_launcher_of_a_killed_engine_ends_its_step_by_itself(workspace: AttemptWorkspace, lease: StepLease) -> None:
    order = workspace.order(WITH_GRANDCHILD.replace("sleep 600", "test $(wc -l < second) = 2 || sleep 600"))
    engine = workspace.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(workspace, lease)
        kill(engine.pid)
        engine.wait()
        await wait_until_async(lambda: endings(workspace) == ["lease"], "the end of the step")
        assert not any(map(is_alive, pids(workspace, "second", "grandchild")))
        lease.renew(LONG)
        assert (await workspace.attempt(order, engine="two", lease=lease.path)).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 2


def test_the_step_of_a_killed_engine_is_adopted_within_the_lease(workspace: AttemptWorkspace, lease: StepLease) -> None:
    order = workspace.order(HOLD)
    engine = workspace.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(workspace, lease)
        kill(engine.pid)
        engine.wait()
        first = lease.lapses_at()
        lease.renew(LONG)
        attempt = await start_task(workspace.attempt(order, engine="two", lease=lease.path))
        await wait_until_async(lambda: now() > first + 0.3, "the time after the first deadline")
        workspace.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert workspace.count("second") == 1


def test_an_adopted_step_keeps_its_lease(workspace: AttemptWorkspace, lease: StepLease) -> None:
    order = workspace.order(HOLD)
    engine = workspace.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(workspace, lease)
        kill(engine.pid)
        engine.wait()
        assert_lapsed(await workspace.attempt(order, engine="two"))

    asyncio.run(scenario())
    assert not is_alive(*pids(workspace, "second"))


def test_without_a_launcher_the_engine_keeps_the_lease(workspace: AttemptWorkspace, lease: StepLease) -> None:
    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(WITH_GRANDCHILD), lease=lease.path))
        await until_begun(workspace, lease)
        kill(workspace.launchers()[0])
        deadline = lease.lapses_at()
        assert_lapsed(await attempt)
        assert now() >= deadline
        assert not any(map(is_alive, pids(workspace, "second", "grandchild")))

    asyncio.run(scenario())
    assert endings(workspace) == ["lease"]


def test_without_a_launcher_a_renewed_lease_keeps_the_step_running(
    workspace: AttemptWorkspace, lease: StepLease
) -> None:
    async def scenario() -> None:
        attempt = await start_task(workspace.attempt(workspace.order(HOLD), lease=lease.path))
        await until_begun(workspace, lease)
        (launcher,) = workspace.launchers()
        # Finding the launcher takes time on a busy machine.
        lease.renew(SHORT)
        first = lease.lapses_at()
        kill(launcher)
        lease.renew(LONG)
        await wait_until_async(lambda: now() > first + 0.3, "the time after the first deadline")
        assert is_alive(*pids(workspace, "second"))
        workspace.write("go", "")
        result = await attempt
        assert (result.cause, endings(workspace)) == ("crash", ["crash"])
        assert result.reason != LAPSED

    asyncio.run(scenario())


def test_the_next_engine_ends_an_orphaned_step_after_its_lease(workspace: AttemptWorkspace, lease: StepLease) -> None:
    order = workspace.order(WITH_GRANDCHILD)
    engine = workspace.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(workspace, lease)
        kill(workspace.launchers()[0])
        kill(engine.pid)
        engine.wait()
        await wait_until_async(lambda: not lease.holds(), "the lapse")
        assert_lapsed(await workspace.attempt(order, engine="two", lease=lease.path))
        assert not any(map(is_alive, pids(workspace, "second", "grandchild")))

    asyncio.run(scenario())


# The file


def test_a_lease_is_a_private_file_and_leaves_nothing_beside_it(lease: StepLease) -> None:
    assert not lease.holds()
    lease.renew(LONG)
    assert lease.holds()
    assert lease.path.stat().st_mode & 0o777 == 0o600
    assert lease.path.parent.stat().st_mode & 0o777 == 0o700
    assert list(lease.path.parent.iterdir()) == [lease.path]
    assert LONG - 60 < lease.lapses_at() - now() <= LONG


def test_a_late_renewal_does_not_shorten_the_lease(lease: StepLease) -> None:
    deadline = now() + LONG
    lease.renew_until(deadline)
    lease.renew_until(deadline - 5)
    assert lease.lapses_at() == deadline
    lease.path.write_bytes(line.lease_line("another boot", deadline + LONG))
    lease.renew_until(deadline)
    assert lease.lapses_at() == deadline


def test_a_past_deadline_has_lapsed(lease: StepLease) -> None:
    lease.renew(-1)
    assert not lease.holds()


def test_a_failed_write_is_reported_and_leaves_nothing(lease: StepLease) -> None:
    lease.path.mkdir(parents=True)
    with pytest.raises(OSError, match="lease"):
        lease.renew(LONG)
    assert list(lease.path.parent.iterdir()) == [lease.path]


@given(deadline=st.floats(allow_nan=False, allow_infinity=False), cut=st.integers(min_value=0))
def test_a_truncated_line_is_not_read(tmp_path_factory: pytest.TempPathFactory, deadline: float, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "whole"
    whole = line.lease_line("boot", deadline)
    path.write_bytes(whole)
    assert line.read_deadline(str(path), "boot") == deadline
    path.write_bytes(whole[: cut % len(whole)])
    assert line.read_deadline(str(path), "boot") == line.LAPSED


@given(data=st.binary(max_size=60))
@example(b"boot inf\n")
@example(b"boot nan\n")
@example(b"boot 1.0 2.0\n")
@example(b"boot " + b"9" * 500 + b"\n")
@example(b"\xff 1.0\n")
def test_an_unreadable_lease_has_lapsed(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "nonsense"
    path.write_bytes(data)
    assert line.read_deadline(str(path), "boot") == line.LAPSED


def test_a_timer_expires_once_and_can_be_set_again() -> None:
    def rings(seconds: float) -> bool:
        return bool(select.select([alarm.fd], [], [], seconds)[0])

    alarm = BoottimeTimer()
    for at in (now() - 1, 0.0, line.LAPSED, now() + 0.05):
        alarm.set(at)
        assert rings(10)
        assert now() >= at
        alarm.acknowledge()
        assert not rings(0)
    alarm.set(now() + 0.05)
    alarm.set(float("inf"))
    assert not rings(0.2)
    alarm.close()

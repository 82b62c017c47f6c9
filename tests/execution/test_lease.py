"""Steps under a lease: they run as long as it holds and no longer, whoever of engine and launcher is alive."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.execution.attempt_workspace import House, alive, beside, kill, until

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import RecipeStep
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher import lease as line
from penguin.orchestration.execution.launcher import tree
from penguin.orchestration.execution.launcher.alarm import Alarm
from penguin.orchestration.execution.lease import Lease, now
from penguin.orchestration.execution.runner_api import Control, Stop

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
"""Seconds. Renewed every hundredth of that until the step is seen, so that a slow start costs nothing."""
LONG = 600.0
LAPSED = "the lease on its steps lapsed"


@pytest.fixture
def lease(house: House) -> Lease:
    house.write("stubborn.py", STUBBORN)
    return Lease(house.root / ".penguin" / "temporal" / "lease")


async def until_begun(house: House, lease: Lease, count: int = 1) -> None:
    """Keep the lease until the step is seen to run."""

    def begun() -> bool:
        lease.renew(SHORT)
        return house.count("second") >= count

    await until(begun, "the step")


def pids(house: House, *names: str) -> list[int]:
    return [int(line) for name in names for line in house.read(name).split()]


def assert_lapsed(result: AttemptResult) -> None:
    assert (result.verdict, result.cause, result.reason) == (Verdict.INTERRUPTED, "crash", LAPSED)


def endings(house: House) -> list[str | None]:
    """Why the tries of the steps ended."""
    ended = [records.read_exit(str(path)[: -len(records.EXITED)]) for path in house.run_dir.glob("*" + records.EXITED)]
    return sorted((exit_.why for exit_ in ended if exit_), key=str)


# What a lease does to a step


def test_a_step_runs_as_long_as_its_lease_is_renewed(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        attempt = await beside(house.attempt(house.order(HOLD), lease=lease.path))
        await until_begun(house, lease)
        first = lease.lapses_at()
        lease.renew(LONG)
        await until(lambda: now() > first + 0.3, "the time after the first deadline")
        assert alive(*pids(house, "second"))
        house.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_a_lapsed_lease_ends_the_whole_tree(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        attempt = await beside(house.attempt(house.order(WITH_GRANDCHILD), lease=lease.path))
        await until_begun(house, lease)
        deadline = lease.lapses_at()
        assert_lapsed(await attempt)
        assert now() >= deadline
        assert not any(map(alive, pids(house, "second", "grandchild")))

    asyncio.run(scenario())
    assert endings(house) == ["lease"]


def test_sigterm_comes_first(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        order = house.order("trap 'echo bye; exit 0' TERM; echo $$ >> second; while :; do sleep 0.05; done")
        attempt = await beside(house.attempt(order, lease=lease.path))
        await until_begun(house, lease)
        result = await attempt
        assert_lapsed(result)
        assert "bye" in result.steps[0].excerpt

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_bytes(line.line("another boot", now() + LONG)),
        lambda path: path.write_text("nonsense"),
        lambda path: path.write_bytes(line.line(tree.boot_id(), now() + LONG).rstrip()),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["missing", "another boot", "nonsense", "cut off", "no file"],
)
@pytest.mark.parametrize("when", ["before the start", "while it runs"])
def test_what_is_no_lease_has_lapsed(house: House, lease: Lease, spoil: Callable[[Path], object], when: str) -> None:
    async def scenario() -> None:
        if when == "before the start":
            lease.renew(LONG)
            spoil(lease.path)
        attempt = await beside(house.attempt(house.order(HOLD), lease=lease.path))
        if when == "while it runs":
            await until_begun(house, lease)
            spoil(lease.path)
        assert_lapsed(await attempt)

    asyncio.run(scenario())
    assert house.count("second") == (1 if when == "while it runs" else 0)


def test_no_step_starts_under_a_lapsed_lease_and_the_attempt_goes_on_under_a_new_one(
    house: House, lease: Lease
) -> None:
    order = house.order(f"echo x >> first; rm {lease.path}", "echo x >> second")
    lease.renew(LONG)
    result = asyncio.run(house.attempt(order, lease=lease.path))
    assert_lapsed(result)
    assert [step.verdict for step in result.steps] == [Verdict.PASSED, Verdict.INTERRUPTED]
    assert house.count("second") == 0
    lease.renew(LONG)
    assert asyncio.run(house.attempt(order, lease=lease.path)).verdict is Verdict.PASSED
    assert (house.count("first"), house.count("second")) == (1, 1)


def test_a_step_in_the_background_has_the_lease_too(house: House, lease: Lease) -> None:
    recipe = [
        RecipeStep(kind="shell", source="echo $$ > server; sleep 600", background=True),
        RecipeStep(kind="shell", source="trap '' TERM; echo $$ >> second; sleep 600"),
    ]

    async def scenario() -> None:
        attempt = await beside(house.attempt(house.order(recipe=recipe), lease=lease.path))
        await until_begun(house, lease)
        assert_lapsed(await attempt)
        assert not any(map(alive, pids(house, "server", "second")))

    asyncio.run(scenario())
    assert set(endings(house)) <= {"lease", "stopped"}


def test_who_asked_for_the_end_first_is_the_cause(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        control = Control()
        order = house.order("trap '' TERM; echo $$ >> second; while :; do sleep 0.05; done")
        phases = house.phases(grace=2 * SHORT, lease=lease.path)
        attempt = await beside(phases.run(order, control))
        await until_begun(house, lease)
        control.ask(Stop.CANCEL)
        assert (await attempt).cause == "cancel"
        assert not lease.holds()
        await phases.aclose()

    asyncio.run(scenario())


# Dead engines and dead launchers


def test_the_launcher_of_a_killed_engine_ends_its_step_by_itself(house: House, lease: Lease) -> None:
    order = house.order(WITH_GRANDCHILD.replace("sleep 600", "test $(wc -l < second) = 2 || sleep 600"))
    engine = house.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(house, lease)
        kill(engine.pid)
        engine.wait()
        await until(lambda: endings(house) == ["lease"], "the end of the step")
        assert not any(map(alive, pids(house, "second", "grandchild")))
        lease.renew(LONG)
        assert (await house.attempt(order, engine="two", lease=lease.path)).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 2


def test_the_step_of_a_killed_engine_is_adopted_within_the_lease(house: House, lease: Lease) -> None:
    order = house.order(HOLD)
    engine = house.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(house, lease)
        kill(engine.pid)
        engine.wait()
        first = lease.lapses_at()
        lease.renew(LONG)
        attempt = await beside(house.attempt(order, engine="two", lease=lease.path))
        await until(lambda: now() > first + 0.3, "the time after the first deadline")
        house.write("go", "")
        assert (await attempt).verdict is Verdict.PASSED

    asyncio.run(scenario())
    assert house.count("second") == 1


def test_an_adopted_step_keeps_its_lease(house: House, lease: Lease) -> None:
    order = house.order(HOLD)
    engine = house.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(house, lease)
        kill(engine.pid)
        engine.wait()
        assert_lapsed(await house.attempt(order, engine="two"))

    asyncio.run(scenario())
    assert not alive(*pids(house, "second"))


def test_without_a_launcher_the_engine_keeps_the_lease(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        attempt = await beside(house.attempt(house.order(WITH_GRANDCHILD), lease=lease.path))
        await until_begun(house, lease)
        kill(house.launchers()[0])
        deadline = lease.lapses_at()
        assert_lapsed(await attempt)
        assert now() >= deadline
        assert not any(map(alive, pids(house, "second", "grandchild")))

    asyncio.run(scenario())
    assert endings(house) == ["lease"]


def test_without_a_launcher_a_renewed_lease_lets_the_step_go_on(house: House, lease: Lease) -> None:
    async def scenario() -> None:
        attempt = await beside(house.attempt(house.order(HOLD), lease=lease.path))
        await until_begun(house, lease)
        (launcher,) = house.launchers()
        # Looking for the launcher takes time on a busy machine.
        lease.renew(SHORT)
        first = lease.lapses_at()
        kill(launcher)
        lease.renew(LONG)
        await until(lambda: now() > first + 0.3, "the time after the first deadline")
        assert alive(*pids(house, "second"))
        house.write("go", "")
        result = await attempt
        assert (result.cause, endings(house)) == ("crash", ["crash"])
        assert result.reason != LAPSED

    asyncio.run(scenario())


def test_what_engine_and_launcher_left_is_ended_by_the_next_engine_once_the_lease_lapsed(
    house: House, lease: Lease
) -> None:
    order = house.order(WITH_GRANDCHILD)
    engine = house.engine(order, lease=lease.path)

    async def scenario() -> None:
        await until_begun(house, lease)
        kill(house.launchers()[0])
        kill(engine.pid)
        engine.wait()
        await until(lambda: not lease.holds(), "the lapse")
        assert_lapsed(await house.attempt(order, engine="two", lease=lease.path))
        assert not any(map(alive, pids(house, "second", "grandchild")))

    asyncio.run(scenario())


# The file


def test_a_lease_is_a_private_file_and_leaves_nothing_beside_it(lease: Lease) -> None:
    assert not lease.holds()
    lease.renew(LONG)
    assert lease.holds()
    assert lease.path.stat().st_mode & 0o777 == 0o600
    assert lease.path.parent.stat().st_mode & 0o777 == 0o700
    assert list(lease.path.parent.iterdir()) == [lease.path]
    assert LONG - 60 < lease.lapses_at() - now() <= LONG


def test_a_late_renewal_takes_nothing_away(lease: Lease) -> None:
    deadline = now() + LONG
    lease.renew_until(deadline)
    lease.renew_until(deadline - 5)
    assert lease.lapses_at() == deadline
    lease.path.write_bytes(line.line("another boot", deadline + LONG))
    lease.renew_until(deadline)
    assert lease.lapses_at() == deadline


def test_a_deadline_that_has_gone_by_gives_nothing(lease: Lease) -> None:
    lease.renew(-1)
    assert not lease.holds()


def test_what_cannot_be_written_is_told_and_leaves_nothing(lease: Lease) -> None:
    lease.path.mkdir(parents=True)
    with pytest.raises(OSError, match="lease"):
        lease.renew(LONG)
    assert list(lease.path.parent.iterdir()) == [lease.path]


@given(deadline=st.floats(allow_nan=False, allow_infinity=False), cut=st.integers(min_value=0))
def test_a_line_is_read_as_it_was_written_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, deadline: float, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole"
    whole = line.line("boot", deadline)
    path.write_bytes(whole)
    assert line.deadline_in(str(path), "boot") == deadline
    path.write_bytes(whole[: cut % len(whole)])
    assert line.deadline_in(str(path), "boot") == line.LAPSED


@given(data=st.binary(max_size=60))
@example(b"boot inf\n")
@example(b"boot nan\n")
@example(b"boot 1.0 2.0\n")
@example(b"boot " + b"9" * 500 + b"\n")
@example(b"\xff 1.0\n")
def test_nonsense_has_lapsed(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "nonsense"
    path.write_bytes(data)
    assert line.deadline_in(str(path), "boot") == line.LAPSED


def test_an_alarm_rings_once_and_can_be_set_again() -> None:
    def rings(seconds: float) -> bool:
        return bool(select.select([alarm.fd], [], [], seconds)[0])

    alarm = Alarm()
    for at in (now() - 1, 0.0, line.LAPSED, now() + 0.05):
        alarm.set(at)
        assert rings(10)
        assert now() >= at
        alarm.quiet()
        assert not rings(0)
    alarm.set(now() + 0.05)
    alarm.set(float("inf"))
    assert not rings(0.2)
    alarm.close()

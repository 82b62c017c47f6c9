"""Every failpoint: the process really dies there, and after the next start all is as if nothing had happened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.crash.crash_workspace import Act, Yard, gates, wait_for

import penguin.orchestration

pytestmark = pytest.mark.anyio

RUN: tuple[Act, ...] = (("engine",), ("start", "a"))
"""Take the task `a` through its gates."""
WHILE_TEST_RUNS: tuple[Act, ...] = (*RUN, ("seen", "began-test"))

NOT_STARTED = ("schema.before", "schema.after", "identity.before", "identity.after", "create.before")
"""The engine dies here before it has written anything."""
STARTING = ("create.after", "intent.before", "intent.after", "attempt.before")
STEPPING = (
    "file.before",
    "file.before:2",
    "order.before",
    "order.sent",
    "order.sent:3",
    "order.answered",
    "exit.heard",
    "exit.heard:4",
)
ENDING = ("report.before", "report.before:4", "report.after", "close.before", "close.after")
COMMITTING = tuple(
    f"{name}:{number}"
    for name in ("commit.before", "commit.begun", "commit.written", "commit.after", "acknowledge.before")
    for number in (2, 5)
)
FIRST_COMMIT = ("commit.before", "commit.begun", "commit.written")
ADOPTING = ("claim.before", "claim.after", "adopt.before", "adopt.after")
TAKING_OVER = ("takeover.before", "takeover.ended", "takeover.after")
STOPPING = ("stop.before", "stop.after")
LAUNCHING = ("launcher.locked", "launcher.listening", "launcher.serving")
LAUNCHER = (
    *LAUNCHING,
    *("mark.before", "mark.after", "spawn.before", "spawn.after", "spawn.after:3"),
    *("answer.before", "answer.after", "reap.before", "reap.after"),
    *(
        "record.before",
        "record.written",
        "record.written:2",
        "record.after",
        "exit.before",
        "exit.after",
        "exit.after:4",
    ),
)
LAUNCHER_STOPPING = ("stop.heard", "stop.sent")
ELSEWHERE = ("command.before", "command.after", "replace.before", "replace.after")
"""In the tests of commands."""


def test_every_failpoint_is_tried() -> None:
    sources = Path(penguin.orchestration.__file__).parent.rglob("*.py")
    there = {name for path in sources for name in re.findall(r'\breach\("([a-z.]+)"\)', path.read_text())}
    engine = NOT_STARTED + STARTING + STEPPING + ENDING + COMMITTING + ADOPTING + TAKING_OVER + STOPPING
    tried = {name.partition(":")[0] for name in engine + LAUNCHER + LAUNCHER_STOPPING + ELSEWHERE}
    assert there == tried
    assert len(there) >= 25


async def goes_on(yard: Yard) -> None:
    """The next engine takes `a` home."""
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED"}


def assert_one_run_of_each_gate(yard: Yard, *, lost: int = 0) -> None:
    """One attempt of each gate, each step run once."""
    yard.assert_sound(lost=lost)
    gates_run = [(phase, attempt) for _, phase, attempt, _ in sorted(yard.runs(), key=lambda key: key[2])]
    assert gates_run == [("IMPLEMENT", "1"), ("TEST", "2"), ("USE", "3"), ("VERIFY", "4")]
    assert yard.ends().keys() == yard.runs().keys()


@pytest.mark.parametrize("failpoint", NOT_STARTED + FIRST_COMMIT)
async def test_what_was_not_durable_never_was(yard: Yard, failpoint: str) -> None:
    yard.dies(*RUN, failpoint=failpoint)
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {}
        await backend.start_workflow("a")
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    assert_one_run_of_each_gate(yard)


@pytest.mark.parametrize("failpoint", STARTING + STEPPING + ENDING + COMMITTING)
async def test_the_engine_dies(yard: Yard, failpoint: str) -> None:
    yard.dies(*RUN, failpoint=failpoint)
    await goes_on(yard)
    assert_one_run_of_each_gate(yard)
    assert not [line for line in yard.story() if "interrupted" in line]


@pytest.mark.parametrize("failpoint", ADOPTING)
async def test_the_next_engine_dies_while_it_takes_over(yard: Yard, failpoint: str) -> None:
    yard.tasks({"id": "a", "phases": gates(hold="go")})
    kill_while_test_runs(yard)
    for _ in range(2):
        yard.dies(("engine",), failpoint=failpoint)
    yard.touch("go")
    await goes_on(yard)
    assert_one_run_of_each_gate(yard)


def kill_while_test_runs(yard: Yard, *, launcher: bool = False) -> None:
    """SIGKILL for an engine in the middle of TEST, and for its launcher as well."""
    engine = yard.spawn(*WHILE_TEST_RUNS)
    wait_for((yard.root / "began-test").exists, "the step", beside=engine)
    victims = [engine.pid, *(yard.launchers() if launcher else ())]
    yard.kill(*victims)
    engine.communicate()


@pytest.mark.parametrize("failpoint", TAKING_OVER)
async def test_an_engine_dies_over_what_a_dead_launcher_left(yard: Yard, failpoint: str) -> None:
    yard.tasks({"id": "a", "phases": gates(hold="go")})
    kill_while_test_runs(yard, launcher=True)
    if failpoint != "takeover.before":
        yard.touch("go")
    yard.dies(("engine",), failpoint=failpoint)
    yard.touch("go")
    await goes_on(yard)
    assert_one_run_of_each_gate(yard, lost=1)


@pytest.mark.parametrize("failpoint", LAUNCHER)
async def test_the_launcher_dies(yard: Yard, failpoint: str) -> None:
    yard.lives(*RUN, failpoint=failpoint)
    assert {task: info.status for task, info in yard.infos().items()} == {"a": "COMPLETED"}
    assert_one_run_of_each_gate(yard, lost=1)


@pytest.mark.parametrize("failpoint", LAUNCHER)
async def test_the_launcher_and_its_engine_die(yard: Yard, failpoint: str) -> None:
    engine = yard.spawn(*RUN, failpoint=failpoint)
    wait_for(lambda: yard.killed, failpoint)
    yard.kill(engine.pid)
    engine.communicate()
    await goes_on(yard)
    assert_one_run_of_each_gate(yard, lost=1)

"""Every failpoint: the process dies there, and the next start continues correctly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.crash.crash_workspace import Act, CrashWorkspace, gates
from tests.support.processes import kill
from tests.support.waiting import wait_until

import penguin.orchestration

pytestmark = pytest.mark.anyio

RUN: tuple[Act, ...] = (("engine",), ("start", "a"))
"""Take the task `a` through its gates."""
WHILE_TEST_RUNS: tuple[Act, ...] = (*RUN, ("seen", "began-test"))

NOT_STARTED = ("schema.before", "schema.after", "identity.before", "identity.after", "create.before")
"""Failpoints at which the engine dies before it has written anything."""
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
ELSEWHERE = ("command.before", "command.after", "replace.before", "replace.after", "schema.copied")
"""Failpoints in the tests of commands and of the store."""
TREES = (
    *("tree.kept", "tree.filters", "tree.begun", "tree.folder", "tree.files", "tree.git", "tree.renamed"),
    *("setup.copied", "setup.placed", "work.tree", "work.commit", "check.folder", "check.files", "check.git"),
)
"""Failpoints in the tests of trees."""


def test_every_failpoint_is_tested() -> None:
    sources = set(Path(penguin.orchestration.__file__).parent.rglob("*.py"))
    # tests/worktree/landing/test_kills.py tries those.
    sources -= set(Path(penguin.orchestration.__file__).parent.glob("worktree/landing/*.py"))
    there = {name for path in sources for name in re.findall(r'\breach\("([a-z.]+)"\)', path.read_text())}
    engine = NOT_STARTED + STARTING + STEPPING + ENDING + COMMITTING + ADOPTING + TAKING_OVER + STOPPING
    tried = {name.partition(":")[0] for name in engine + LAUNCHER + LAUNCHER_STOPPING + ELSEWHERE + TREES}
    assert there == tried
    assert len(there) >= 25


async def goes_on(workspace: CrashWorkspace) -> None:
    """The next engine completes `a`."""
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED"}


def assert_one_run_of_each_gate(workspace: CrashWorkspace, *, lost: int = 0) -> None:
    """One attempt of each gate, each step run once."""
    workspace.assert_sound(lost=lost)
    gates_run = [(phase, attempt) for _, phase, attempt, _ in sorted(workspace.runs(), key=lambda key: key[2])]
    assert gates_run == [("IMPLEMENT", "1"), ("TEST", "2"), ("USE", "3"), ("VERIFY", "4")]
    assert workspace.ends().keys() == workspace.runs().keys()


@pytest.mark.parametrize("failpoint", NOT_STARTED + FIRST_COMMIT)
async def test_undurable_changes_never_happened(workspace: CrashWorkspace, failpoint: str) -> None:
    workspace.run_until_killed(*RUN, failpoint=failpoint)
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {}
        await backend.start_workflow("a")
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    assert_one_run_of_each_gate(workspace)


@pytest.mark.parametrize("failpoint", STARTING + STEPPING + ENDING + COMMITTING)
async def test_the_engine_dies(workspace: CrashWorkspace, failpoint: str) -> None:
    workspace.run_until_killed(*RUN, failpoint=failpoint)
    await goes_on(workspace)
    assert_one_run_of_each_gate(workspace)
    assert not [line for line in workspace.story() if "interrupted" in line]


@pytest.mark.parametrize("failpoint", ADOPTING)
async def test_the_next_engine_dies_while_it_takes_over(workspace: CrashWorkspace, failpoint: str) -> None:
    workspace.tasks({"id": "a", "phases": gates(hold="go")})
    kill_while_test_runs(workspace)
    for _ in range(2):
        workspace.run_until_killed(("engine",), failpoint=failpoint)
    workspace.touch("go")
    await goes_on(workspace)
    assert_one_run_of_each_gate(workspace)


def kill_while_test_runs(workspace: CrashWorkspace, *, launcher: bool = False) -> None:
    """SIGKILL for an engine in the middle of TEST, and for its launcher as well."""
    engine = workspace.spawn(*WHILE_TEST_RUNS)
    wait_until((workspace.root / "began-test").exists, "the step", process=engine)
    victims = [engine.pid, *(workspace.launchers() if launcher else ())]
    kill(*victims)
    engine.communicate()


@pytest.mark.parametrize("failpoint", TAKING_OVER)
async def test_an_engine_dies_while_cleaning_up_after_a_dead_launcher(
    workspace: CrashWorkspace, failpoint: str
) -> None:
    workspace.tasks({"id": "a", "phases": gates(hold="go")})
    kill_while_test_runs(workspace, launcher=True)
    if failpoint != "takeover.before":
        workspace.touch("go")
    workspace.run_until_killed(("engine",), failpoint=failpoint)
    workspace.touch("go")
    await goes_on(workspace)
    assert_one_run_of_each_gate(workspace, lost=1)


@pytest.mark.parametrize("failpoint", LAUNCHER)
async def test_the_launcher_dies(workspace: CrashWorkspace, failpoint: str) -> None:
    workspace.run_to_end(*RUN, failpoint=failpoint)
    assert {task: info.status for task, info in workspace.infos().items()} == {"a": "COMPLETED"}
    assert_one_run_of_each_gate(workspace, lost=1)


@pytest.mark.parametrize("failpoint", LAUNCHER)
async def test_the_launcher_and_its_engine_die(workspace: CrashWorkspace, failpoint: str) -> None:
    engine = workspace.spawn(*RUN, failpoint=failpoint)
    wait_until(lambda: workspace.killed, failpoint)
    kill(engine.pid)
    engine.communicate()
    await goes_on(workspace)
    assert_one_run_of_each_gate(workspace, lost=1)

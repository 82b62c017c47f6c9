"""A process dies in the middle of a command: afterwards the command was given or it was not, and nothing is between."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from tests.crash.crash_workspace import Act, Yard, counted, gates, wait_for

from penguin.orchestration import OrchestrationBackend

pytestmark = pytest.mark.anyio

UNDONE, DONE = "commit.before", "commit.after"
HOLDING: tuple[Act, ...] = (("engine",), ("start", "a"), ("seen", "began-test"))
RUNNING_OUT: tuple[Act, ...] = (("engine",), ("start", "a"), ("status", "a", "BLOCKED"))

ONCE = {"implement": 1, "test": 1, "use": 1, "verify": 1}


class Case(NamedTuple):
    """A command, and what it comes to if it was given and if it was not."""

    name: str
    before: tuple[Act, ...]
    command: Act
    done: str
    """The status in which the next engine finds `a`, once all has settled."""
    undone: str
    lost: int = 0
    """How many runs of steps the command costs."""


CASES = [
    Case("pause", HOLDING, ("signal", "a", "pause"), "PAUSED", "COMPLETED"),
    Case("pause-now", HOLDING, ("signal", "a", "pause", {"now": True}), "PAUSED", "COMPLETED", lost=1),
    Case("resume", (*HOLDING, ("signal", "a", "pause")), ("signal", "a", "resume"), "COMPLETED", "PAUSED"),
    Case("cancel", HOLDING, ("signal", "a", "cancel"), "CANCELLED", "COMPLETED"),
    Case("feedback", HOLDING, ("signal", "a", "inject_feedback", {"message": "hear me"}), "COMPLETED", "COMPLETED"),
]


def write_task(yard: Yard, **more: Any) -> None:
    yard.tasks({"id": "a", "phases": gates(hold="go"), **more})


MOMENTS = [(case, failpoint) for case in CASES for failpoint in (UNDONE, DONE)]
MOMENTS += [(CASES[0], "command.before"), (CASES[0], "command.after")]


@pytest.mark.parametrize(("case", "failpoint"), MOMENTS, ids=[f"{case.name}-{name}" for case, name in MOMENTS])
async def test_steering_what_runs(yard: Yard, case: Case, failpoint: str) -> None:
    write_task(yard)
    yard.dies(*case.before, ("arm", yard.spec(failpoint)), case.command)
    done = failpoint in (DONE, "command.after")
    yard.touch("go")
    async with yard.backend() as backend:
        status = (await yard.settle(backend))["a"]
        assert status == (case.done if done else case.undone)
        assert yard.steps() == []
        assert heard(yard) == int(case.name == "feedback" and done)
        if status == "PAUSED":
            assert await backend.resume_workflow(yard.infos()["a"].workflow_id)
            assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound(lost=case.lost if done else 0)
    if status != "CANCELLED":
        assert {name: 1 for *_, name in yard.runs()} == ONCE


def heard(yard: Yard) -> int:
    return sum("feedback queued" in line for line in yard.story())


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
@pytest.mark.parametrize("name", ["pause", "cancel"])
async def test_a_process_dies_while_it_steers_the_engine_of_another(yard: Yard, name: str, failpoint: str) -> None:
    write_task(yard)
    async with yard.backend() as backend:
        await backend.run_engine()
        workflow_id = await backend.start_workflow("a")
        await until_seen(backend, yard, "began-test")
        yard.dies(("arm", yard.spec(failpoint)), ("signal", "a", name))
        if name == "cancel" and failpoint == DONE:
            assert await yard.settle(backend) == {"a": "CANCELLED"}
        else:
            yard.touch("go")
            assert await yard.settle(backend) == {"a": "PAUSED" if failpoint == DONE else "COMPLETED"}
            await backend.resume_workflow(workflow_id)
            assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound()


async def until_seen(backend: OrchestrationBackend, yard: Yard, name: str) -> None:
    import asyncio

    while not (yard.root / name).exists():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
async def test_approving(yard: Yard, failpoint: str) -> None:
    phases = {**gates(), "verify": {"criteria": True}}
    yard.tasks({"id": "a", "phases": phases, "acceptance_criteria": ["it looks right"]})
    yard.dies(*RUNNING_OUT, ("arm", yard.spec(failpoint)), ("signal", "a", "approve", {"by": "Ann"}))
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED" if failpoint == DONE else "BLOCKED"}
        if failpoint == UNDONE:
            await backend.signal_workflow(yard.infos()["a"].workflow_id, "approve", {"by": "Ann"})
            assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound()
    assert sum("approved by Ann" in line for line in yard.story()) == 1


def fails_until_mended(yard: Yard) -> None:
    """TEST of `a` fails as long as the file `mended` is not there, and has one try."""
    yard.configure(retry={"max_attempts": 1})
    phases = {**gates(), "test": {"run": ["./step test", "test -e mended"]}}
    yard.tasks({"id": "a", "phases": phases})


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
async def test_resuming_what_is_blocked(yard: Yard, failpoint: str) -> None:
    fails_until_mended(yard)
    yard.dies(*RUNNING_OUT, ("touch", "mended"), ("arm", yard.spec(failpoint)), ("signal", "a", "resume"))
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED" if failpoint == DONE else "BLOCKED"}
        await backend.resume_workflow(yard.infos()["a"].workflow_id)
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound()
    assert sorted((phase, attempt) for _, phase, attempt, _ in yard.runs()) == [
        ("IMPLEMENT", "1"),
        ("TEST", "2"),
        ("TEST", "3"),
        ("USE", "4"),
        ("VERIFY", "5"),
    ]


@pytest.mark.parametrize("failpoint", ["replace.before", UNDONE, DONE, "replace.after"])
async def test_retrying(yard: Yard, failpoint: str) -> None:
    fails_until_mended(yard)
    yard.dies(*RUNNING_OUT, ("touch", "mended"), ("arm", yard.spec(failpoint)), ("retry", "a"))
    done = failpoint in (DONE, "replace.after")
    async with yard.backend() as backend:
        assert await yard.settle(backend) == {"a": "COMPLETED" if done else "BLOCKED"}
        statuses = sorted(str(info.status) for info in await backend.list_workflows())
        assert statuses == (["CANCELLED", "COMPLETED"] if done else ["BLOCKED"])
    yard.assert_sound()


@pytest.mark.parametrize("failpoint", [UNDONE, "commit.written", DONE, "create.after"])
async def test_starting_with_dependencies(yard: Yard, failpoint: str) -> None:
    yard.tasks(
        {"id": "a", "dependencies": ["b", "c"]},
        {"id": "b", "dependencies": ["c"]},
        {"id": "c", "phases": {"use": counted("use")}},
    )
    yard.dies(("engine",), ("arm", yard.spec(failpoint)), ("start_with_deps", "a"))
    async with yard.backend() as backend:
        done = failpoint in (DONE, "create.after")
        assert await yard.settle(backend) == (dict.fromkeys("abc", "COMPLETED") if done else {})
    yard.assert_sound()
    assert len(yard.runs()) == (12 if done else 0)


@pytest.mark.parametrize("failpoint", ["stop.before", "stop.after"])
@pytest.mark.parametrize("how", ["cancel", "pause-now"])
async def test_the_engine_dies_as_it_stops_a_step(yard: Yard, how: str, failpoint: str) -> None:
    write_task(yard)
    yard.dies(*HOLDING, stopping(how), failpoint=failpoint)
    async with yard.backend() as backend:
        await stopped(yard, backend, how)


@pytest.mark.parametrize("failpoint", ["stop.heard", "stop.sent"])
@pytest.mark.parametrize("how", ["cancel", "pause-now"])
async def test_the_launcher_dies_as_it_stops_a_step(yard: Yard, how: str, failpoint: str) -> None:
    write_task(yard)
    yard.lives(*HOLDING, stopping(how), failpoint=failpoint)
    async with yard.backend() as backend:
        await stopped(yard, backend, how)


def stopping(how: str) -> Act:
    return ("signal", "a", "cancel") if how == "cancel" else ("signal", "a", "pause", {"now": True})


async def stopped(yard: Yard, backend: OrchestrationBackend, how: str) -> None:
    assert await yard.settle(backend) == {"a": "CANCELLED" if how == "cancel" else "PAUSED"}
    wait_for(lambda: not yard.steps(), "the end of the step")
    assert not [key for key in yard.ends() if key[1] == "TEST"]
    if how != "cancel":
        yard.touch("go")
        await backend.resume_workflow(yard.infos()["a"].workflow_id)
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    yard.assert_sound(lost=1)


async def test_advice_that_came_during_an_interruption_reaches_the_attempt_that_goes_on(yard: Yard) -> None:
    implement = {"run": ["./step implement go", 'cp "$PENGUIN_FEEDBACK_FILE" heard']}
    yard.tasks({"id": "a", "phases": gates() | {"implement": implement}})
    pause = ("signal", "a", "pause", {"now": True})
    advise = ("signal", "a", "inject_feedback", {"message": "hear me"})
    yard.lives(("engine",), ("start", "a"), ("seen", "began-implement"), pause)
    yard.dies(advise, ("arm", yard.spec("command.before")), ("signal", "a", "resume"))
    yard.touch("go")
    async with yard.backend() as backend:
        await backend.resume_workflow(yard.infos()["a"].workflow_id)
        assert await yard.settle(backend) == {"a": "COMPLETED"}
    assert (yard.root / "heard").read_text() == "hear me"
    yard.assert_sound(lost=1)

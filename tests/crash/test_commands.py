"""A process dies during a command: afterwards the command was either given completely or not at all."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from tests.crash.crash_workspace import Act, CrashWorkspace, counted, gates
from tests.support.waiting import wait_until

from penguin.orchestration import OrchestrationBackend

pytestmark = pytest.mark.anyio

UNDONE, DONE = "commit.before", "commit.after"
HOLDING: tuple[Act, ...] = (("engine",), ("start", "a"), ("seen", "began-test"))
RUNNING_OUT: tuple[Act, ...] = (("engine",), ("start", "a"), ("status", "a", "BLOCKED"))

ONCE = {"implement": 1, "test": 1, "use": 1, "verify": 1}


class Case(NamedTuple):
    """A command, and the outcomes if it was given and if it was not."""

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


def write_task(workspace: CrashWorkspace, **more: Any) -> None:
    workspace.tasks({"id": "a", "phases": gates(hold="go"), **more})


MOMENTS = [(case, failpoint) for case in CASES for failpoint in (UNDONE, DONE)]
MOMENTS += [(CASES[0], "command.before"), (CASES[0], "command.after")]


@pytest.mark.parametrize(("case", "failpoint"), MOMENTS, ids=[f"{case.name}-{name}" for case, name in MOMENTS])
async def test_controlling_a_running_workflow(workspace: CrashWorkspace, case: Case, failpoint: str) -> None:
    write_task(workspace)
    workspace.run_until_killed(*case.before, ("arm", workspace.spec(failpoint)), case.command)
    done = failpoint in (DONE, "command.after")
    workspace.touch("go")
    async with workspace.backend() as backend:
        status = (await workspace.settle(backend))["a"]
        assert status == (case.done if done else case.undone)
        assert workspace.steps() == []
        assert feedback_count(workspace) == int(case.name == "feedback" and done)
        if status == "PAUSED":
            assert await backend.resume_workflow(workspace.infos()["a"].workflow_id)
            assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound(lost=case.lost if done else 0)
    if status != "CANCELLED":
        assert {name: 1 for *_, name in workspace.runs()} == ONCE


def feedback_count(workspace: CrashWorkspace) -> int:
    return sum("feedback queued" in line for line in workspace.story())


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
@pytest.mark.parametrize("name", ["pause", "cancel"])
async def test_a_process_dies_while_it_controls_another_engine(
    workspace: CrashWorkspace, name: str, failpoint: str
) -> None:
    write_task(workspace)
    async with workspace.backend() as backend:
        await backend.run_engine()
        workflow_id = await backend.start_workflow("a")
        await until_seen(backend, workspace, "began-test")
        # In a thread, because the engine of this process answers the other one.
        acts = (("arm", workspace.spec(failpoint)), ("signal", "a", name))
        await asyncio.to_thread(workspace.run_until_killed, *acts)
        if name == "cancel" and failpoint == DONE:
            assert await workspace.settle(backend) == {"a": "CANCELLED"}
        else:
            workspace.touch("go")
            assert await workspace.settle(backend) == {"a": "PAUSED" if failpoint == DONE else "COMPLETED"}
            await backend.resume_workflow(workflow_id)
            assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound()


async def until_seen(backend: OrchestrationBackend, workspace: CrashWorkspace, name: str) -> None:
    while not (workspace.root / name).exists():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
async def test_approving_a_workflow(workspace: CrashWorkspace, failpoint: str) -> None:
    phases = {**gates(), "verify": {"criteria": True}}
    workspace.tasks({"id": "a", "phases": phases, "acceptance_criteria": ["it looks right"]})
    workspace.run_until_killed(
        *RUNNING_OUT, ("arm", workspace.spec(failpoint)), ("signal", "a", "approve", {"by": "Ann"})
    )
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED" if failpoint == DONE else "BLOCKED"}
        if failpoint == UNDONE:
            await backend.signal_workflow(workspace.infos()["a"].workflow_id, "approve", {"by": "Ann"})
            assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound()
    assert sum("approved by Ann" in line for line in workspace.story()) == 1


def fails_until_mended(workspace: CrashWorkspace) -> None:
    """TEST of `a` fails without the file `mended`, and has one attempt."""
    workspace.configure(retry={"max_attempts": 1})
    phases = {**gates(), "test": {"run": ["./step test", "test -e mended"]}}
    workspace.tasks({"id": "a", "phases": phases})


@pytest.mark.parametrize("failpoint", [UNDONE, DONE])
async def test_resuming_a_blocked_workflow(workspace: CrashWorkspace, failpoint: str) -> None:
    fails_until_mended(workspace)
    workspace.run_until_killed(
        *RUNNING_OUT, ("touch", "mended"), ("arm", workspace.spec(failpoint)), ("signal", "a", "resume")
    )
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED" if failpoint == DONE else "BLOCKED"}
        await backend.resume_workflow(workspace.infos()["a"].workflow_id)
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound()
    assert sorted((phase, attempt) for _, phase, attempt, _ in workspace.runs()) == [
        ("IMPLEMENT", "1"),
        ("TEST", "2"),
        ("TEST", "3"),
        ("USE", "4"),
        ("VERIFY", "5"),
    ]


@pytest.mark.parametrize("failpoint", ["replace.before", UNDONE, DONE, "replace.after"])
async def test_retrying_a_workflow(workspace: CrashWorkspace, failpoint: str) -> None:
    fails_until_mended(workspace)
    workspace.run_until_killed(*RUNNING_OUT, ("touch", "mended"), ("arm", workspace.spec(failpoint)), ("retry", "a"))
    done = failpoint in (DONE, "replace.after")
    async with workspace.backend() as backend:
        assert await workspace.settle(backend) == {"a": "COMPLETED" if done else "BLOCKED"}
        statuses = sorted(str(info.status) for info in await backend.list_workflows())
        assert statuses == (["CANCELLED", "COMPLETED"] if done else ["BLOCKED"])
    workspace.assert_sound()


@pytest.mark.parametrize("failpoint", [UNDONE, "commit.written", DONE, "create.after"])
async def test_starting_with_dependencies(workspace: CrashWorkspace, failpoint: str) -> None:
    workspace.tasks(
        {"id": "a", "dependencies": ["b", "c"]},
        {"id": "b", "dependencies": ["c"]},
        {"id": "c", "phases": {"use": counted("use")}},
    )
    workspace.run_until_killed(("engine",), ("arm", workspace.spec(failpoint)), ("start_with_deps", "a"))
    async with workspace.backend() as backend:
        done = failpoint in (DONE, "create.after")
        assert await workspace.settle(backend) == (dict.fromkeys("abc", "COMPLETED") if done else {})
    workspace.assert_sound()
    assert len(workspace.runs()) == (12 if done else 0)


@pytest.mark.parametrize("failpoint", ["stop.before", "stop.after"])
@pytest.mark.parametrize("how", ["cancel", "pause-now"])
async def test_the_engine_dies_while_stopping_a_step(workspace: CrashWorkspace, how: str, failpoint: str) -> None:
    write_task(workspace)
    workspace.run_until_killed(*HOLDING, stopping(how), failpoint=failpoint)
    async with workspace.backend() as backend:
        await stopped(workspace, backend, how)


@pytest.mark.parametrize("failpoint", ["stop.heard", "stop.sent"])
@pytest.mark.parametrize("how", ["cancel", "pause-now"])
async def test_the_launcher_dies_while_stopping_a_step(workspace: CrashWorkspace, how: str, failpoint: str) -> None:
    write_task(workspace)
    workspace.run_to_end(*HOLDING, stopping(how), failpoint=failpoint)
    async with workspace.backend() as backend:
        await stopped(workspace, backend, how)


def stopping(how: str) -> Act:
    return ("signal", "a", "cancel") if how == "cancel" else ("signal", "a", "pause", {"now": True})


async def stopped(workspace: CrashWorkspace, backend: OrchestrationBackend, how: str) -> None:
    assert await workspace.settle(backend) == {"a": "CANCELLED" if how == "cancel" else "PAUSED"}
    wait_until(lambda: not workspace.steps(), "the end of the step")
    assert not [key for key in workspace.ends() if key[1] == "TEST"]
    if how != "cancel":
        workspace.touch("go")
        await backend.resume_workflow(workspace.infos()["a"].workflow_id)
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    workspace.assert_sound(lost=1)


async def test_feedback_during_an_interruption_reaches_the_next_attempt(
    workspace: CrashWorkspace,
) -> None:
    implement = {"run": ["./step implement go", 'cp "$PENGUIN_FEEDBACK_FILE" heard']}
    workspace.tasks({"id": "a", "phases": gates() | {"implement": implement}})
    pause = ("signal", "a", "pause", {"now": True})
    advise = ("signal", "a", "inject_feedback", {"message": "hear me"})
    workspace.run_to_end(("engine",), ("start", "a"), ("seen", "began-implement"), pause)
    workspace.run_until_killed(advise, ("arm", workspace.spec("command.before")), ("signal", "a", "resume"))
    workspace.touch("go")
    async with workspace.backend() as backend:
        await backend.resume_workflow(workspace.infos()["a"].workflow_id)
        assert await workspace.settle(backend) == {"a": "COMPLETED"}
    assert (workspace.root / "heard").read_text() == "hear me"
    workspace.assert_sound(lost=1)

"""Stops and starts of engines: nothing is lost, no finished step runs twice, running steps are adopted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native import engine as engine_module
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio

ENGINE = """
    import asyncio, sys
    from penguin.orchestration import get_backend

    async def main():
        backend = get_backend(workspace_path=sys.argv[1])
        await backend.run_engine()
        if sys.argv[2:]:
            print(await backend.start_workflow(sys.argv[2]), flush=True)
        await asyncio.sleep(3600)

    asyncio.run(main())
"""


class Process:
    """An engine process to be killed."""

    def __init__(self, workspace: SampleWorkspace, *task: str) -> None:
        arguments = [sys.executable, "-c", textwrap.dedent(ENGINE), str(workspace.root), *task]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdout is not None
        self.workflow_id = self._process.stdout.readline().strip() if task else ""

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def counted(workspace: SampleWorkspace, name: str, wait: str = "") -> dict[str, Any]:
    """Return a command that counts its runs in a file, then waits for another file."""
    loop = f"; while [ ! -e {wait} ]; do sleep 0.01; done; echo done >> {name}.ended" if wait else ""
    return {"run": [f"echo {name} >> {name}.count{loop}"]}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def four_gates(workspace: SampleWorkspace) -> None:
    phases = {
        "implement": counted(workspace, "implement"),
        "test": counted(workspace, "test", wait="go"),
        "use": counted(workspace, "use"),
        "verify": counted(workspace, "verify"),
    }
    workspace.tasks({"id": "a", "phases": phases})


def assert_each_ran_once(workspace: SampleWorkspace) -> None:
    runs = {name: lines(workspace.root / f"{name}.count") for name in ("implement", "test", "use", "verify")}
    assert runs == dict.fromkeys(runs, 1)
    assert lines(workspace.root / "test.ended") == 1


async def test_closing_leaves_the_step_running_and_the_next_engine_takes_it_over(workspace: SampleWorkspace) -> None:
    four_gates(workspace)
    async with workspace.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await wait_until_async(lambda: lines(workspace.root / "test.count"))
    async with workspace.backend() as backend:
        await backend.run_engine()
        assert (await wait_for_workflow(backend, workflow_id)).status == "RUNNING"
        (workspace.root / "go").touch()
        assert (await backend.wait_workflow(workflow_id, 20)).status == "COMPLETED"
    assert_each_ran_once(workspace)


async def test_after_sigkill_a_running_step_is_adopted(workspace: SampleWorkspace) -> None:
    four_gates(workspace)
    engine = Process(workspace, "a")
    await wait_until_async(lambda: lines(workspace.root / "test.count"))
    engine.kill()
    async with workspace.backend() as backend:
        await backend.run_engine()
        await wait_until_async(lambda: _owned_by_another(workspace, engine.workflow_id))
        (workspace.root / "go").touch()
        assert (await backend.wait_workflow(engine.workflow_id, 20)).status == "COMPLETED"
    assert_each_ran_once(workspace)


async def test_a_step_that_ended_without_an_engine_is_read_from_its_record(workspace: SampleWorkspace) -> None:
    four_gates(workspace)
    engine = Process(workspace, "a")
    await wait_until_async(lambda: lines(workspace.root / "test.count"))
    engine.kill()
    (workspace.root / "go").touch()
    await wait_until_async(lambda: lines(workspace.root / "test.ended"))
    async with workspace.backend() as backend:
        await backend.run_engine()
        assert (await backend.wait_workflow(engine.workflow_id, 20)).status == "COMPLETED"
    assert_each_ran_once(workspace)


@pytest.mark.parametrize("second", [{"id": "b"}, {"id": "b", "depends_on": ["a"]}], ids=["tree", "dependency"])
async def test_an_engine_claims_what_its_workflows_wait_for(workspace: SampleWorkspace, second: dict[str, Any]) -> None:
    first = {"id": "a", "phases": {"implement": counted(workspace, "implement", wait="go")}}
    workspace.tasks(first, second, "c")
    engine = Process(workspace, "a")
    await wait_until_async(lambda: lines(workspace.root / "implement.count"))
    engine.kill()
    (workspace.root / "go").touch()
    async with workspace.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("b"), 20)
        assert info.status == "COMPLETED", "this engine runs only what is started here, and what that waits for"
        assert (await wait_for_workflow(backend, engine.workflow_id)).status == "COMPLETED"
    assert lines(workspace.root / "implement.count") == 1


async def test_an_engine_leaves_other_workflows_without_an_engine_alone(
    workspace: SampleWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LIVENESS", 0.001)
    workspace.replace_settings(isolation="shared")
    workspace.tasks({"id": "a", "phases": {"test": counted(workspace, "test", wait="go")}}, "b")
    engine = Process(workspace, "a")
    await wait_until_async(lambda: lines(workspace.root / "test.count"))
    engine.kill()
    (workspace.root / "go").touch()
    async with workspace.backend(max_parallel=2) as backend:
        info = await backend.wait_workflow(await backend.start_workflow("b"), 20)
        assert info.status == "COMPLETED"
        assert (await wait_for_workflow(backend, engine.workflow_id)).status == "RUNNING"


def _owned_by_another(workspace: SampleWorkspace, workflow_id: str) -> bool:
    import sqlite3

    with sqlite3.connect(workspace.root / ".penguin" / "penguin.db") as connection:
        rows = connection.execute(
            "SELECT count(*) FROM event WHERE workflow_id = ? AND kind LIKE '%Claimed%'", (workflow_id,)
        )
        return int(rows.fetchone()[0]) == 2


async def test_a_living_engine_takes_over_from_one_that_is_killed(workspace: SampleWorkspace) -> None:
    four_gates(workspace)
    async with workspace.backend() as backend:
        await backend.run_engine()
        # In a thread, because the engine of this process answers the other one.
        engine = await asyncio.to_thread(Process, workspace, "a")
        await wait_until_async(lambda: lines(workspace.root / "test.count"))
        engine.kill()
        (workspace.root / "go").touch()
        assert (await backend.wait_workflow(engine.workflow_id, 20)).status == "COMPLETED"
    assert_each_ran_once(workspace)


async def test_cancelling_an_orphaned_workflow_ends_its_step(workspace: SampleWorkspace) -> None:
    four_gates(workspace)
    engine = Process(workspace, "a")
    await wait_until_async(lambda: lines(workspace.root / "test.count"))
    engine.kill()
    async with workspace.backend() as backend:
        assert await backend.cancel_workflow(engine.workflow_id)
        info = await backend.get_workflow_status(engine.workflow_id)
        assert info is not None
        assert info.status == "CANCELLED"
    (workspace.root / "go").touch()
    assert lines(workspace.root / "test.ended") == 0


async def test_a_backend_claims_only_what_it_started_unless_it_runs_the_engine(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        async with workspace.backend() as first:
            script.hold("IMPLEMENT")
            workflow_id = await first.start_workflow("a")
            await wait_until_async(lambda: script.calls)
        script.release("IMPLEMENT")
        async with workspace.backend() as second:
            await second.wait_workflow(await second.start_workflow("b"), 10)
            assert (await wait_for_workflow(second, workflow_id)).status == "RUNNING", "nobody goes on with it"
            await second.run_engine()
            assert (await second.wait_workflow(workflow_id, 10)).status == "COMPLETED"


async def test_feedback_and_pause_survive_a_restart(workspace: SampleWorkspace) -> None:
    with scripted_phases({"TEST": ["FAILED"]}) as script:
        async with workspace.backend(retry={"max_attempts": 1}) as backend:
            workflow_id = await backend.start_workflow("a")
            await backend.wait_workflow(workflow_id, 10)
            await backend.signal_workflow(workflow_id, "inject_feedback", {"message": "hear me"})
        async with workspace.backend() as backend:
            assert (await wait_for_workflow(backend, workflow_id)).status == "BLOCKED"
            await backend.resume_workflow(workflow_id)
            assert (await backend.wait_workflow(workflow_id, 10)).status == "COMPLETED"
    assert ("hear me",) in [order.feedback for order in script.orders]


async def test_an_engine_removes_folders_of_dead_engines(workspace: SampleWorkspace) -> None:
    Workspace(workspace.root).ensure()
    engines = workspace.root / ".penguin" / "engines"
    for name, age in (("old", 3600), ("new", 0)):
        (engines / name).mkdir(parents=True)
        os.utime(engines / name, (time.time() - age, time.time() - age))
    async with workspace.backend() as backend:
        await backend.run_engine()
        await wait_until_async(lambda: not (engines / "old").exists())
        assert (engines / "new").exists()
        assert len(list(engines.iterdir())) == 2, "its own is there too"

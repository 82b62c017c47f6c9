"""An endless pattern delays only its own workflow: not others, a cancel, or the end of a worker."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.waiting import wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


def prepare(workspace: SampleWorkspace, timeout: float = 60.0) -> None:
    recipe = [{"shell": "echo " + "a" * 40 + "b", "expect_stdout": "/^(a+)+$/"}]
    workspace.tasks({"id": "slow", "recipes": {"r": recipe}}, "quick")
    workspace.configure(
        max_parallel=2, phase_timeouts={"use": timeout}, retry={"initial_delay_sec": 0, "max_attempts": 1}
    )
    path = workspace.root / "penguin.yaml"
    path.write_text(path.read_text().replace('"use": {"run": ["true"]}', '"use": {"run": ["true"], "recipes": true}'))


async def judging(backend: OrchestrationBackend, workspace: SampleWorkspace) -> str:
    """Start the slow task, and wait until it is judged."""
    workflow_id = await backend.start_workflow("slow")
    await wait_until_async(lambda: marks(workspace))
    return workflow_id


def marks(workspace: SampleWorkspace) -> list[Path]:
    return list((workspace.root / ".penguin" / "runs").glob("ituv-slow-*/*/judging-*.start.json"))


async def test_others_complete_meanwhile_and_cancel_works(workspace: SampleWorkspace) -> None:
    prepare(workspace)
    async with workspace.backend() as backend:
        slow = await judging(backend, workspace)
        quick = await backend.start_workflow("quick")
        assert (await backend.wait_workflow(quick, 20)).status == "COMPLETED"
        assert (await backend.get_workflow_status(slow)).status == "RUNNING"  # type: ignore[union-attr]
        asked = time.monotonic()
        await backend.cancel_workflow(slow)
        assert (await backend.wait_workflow(slow, 10)).status == "CANCELLED"
        assert time.monotonic() - asked < 8


async def test_the_time_out_of_the_phase_holds(workspace: SampleWorkspace) -> None:
    prepare(workspace, timeout=2.0)
    async with workspace.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("slow"), 30)
    assert (info.status, info.phase) == ("BLOCKED", "USE")
    assert info.error_message is not None
    assert "the pattern /^(a+)+$/ did not finish within" in info.error_message


async def test_a_worker_ends_at_once_and_the_next_one_continues(workspace: SampleWorkspace) -> None:
    prepare(workspace, timeout=6.0)
    async with workspace.backend() as backend:
        slow = await judging(backend, workspace)
    worker = subprocess.Popen(
        [sys.executable, "-m", "penguin_repl", "worker"],
        cwd=workspace.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert worker.stderr is not None
    assert worker.stderr.readline()
    asked = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    await asyncio.to_thread(worker.communicate, timeout=10)
    assert time.monotonic() - asked < 8
    async with workspace.backend() as backend:
        await backend.run_engine()
        info = await backend.wait_workflow(slow, 40)
    assert info.status == "BLOCKED"
    assert "did not finish within" in str(info.error_message)
    assert len(marks(workspace)) == 1

"""A pattern that takes for ever, on a real server: the phase's time-out and a cancel end it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_until_async

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def prepare(workspace: TemporalWorkspace, timeout: float) -> None:
    recipe = [{"shell": "echo " + "a" * 40 + "b", "expect_stdout": "/^(a+)+$/"}]
    workspace.tasks({"id": "slow", "recipes": {"r": recipe}}, "quick")
    workspace.configure(
        max_parallel=2, phase_timeouts={"use": timeout}, retry={"initial_delay_sec": 0, "max_attempts": 1}
    )
    path = workspace.root / "penguin.yaml"
    path.write_text(path.read_text().replace('"use": {"run": ["true"]}', '"use": {"run": ["true"], "recipes": true}'))


def marks(workspace: TemporalWorkspace) -> list[Path]:
    return list((workspace.root / ".penguin" / "runs").glob("ituv-slow-*/*/judging-*.start.json"))


async def test_the_time_out_of_the_phase_holds(temporal_workspace: TemporalWorkspace) -> None:
    prepare(temporal_workspace, timeout=3.0)
    async with temporal_workspace.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("slow"), 60)
    assert (info.status, info.phase) == ("BLOCKED", "USE")
    assert "the pattern /^(a+)+$/ did not finish within" in str(info.error_message)


async def test_others_complete_meanwhile_and_cancel_works(temporal_workspace: TemporalWorkspace) -> None:
    prepare(temporal_workspace, timeout=100.0)
    async with temporal_workspace.backend() as backend:
        slow = await backend.start_workflow("slow")
        await wait_until_async(lambda: marks(temporal_workspace))
        quick = await backend.start_workflow("quick")
        assert (await backend.wait_workflow(quick, 30)).status == "COMPLETED"
        asked = time.monotonic()
        await backend.cancel_workflow(slow)
        assert (await backend.wait_workflow(slow, 30)).status == "CANCELLED"
        assert time.monotonic() - asked < 15

"""The public interface on a real Temporal server."""

from __future__ import annotations

import pytest
from tests.temporal.space import TemporalSpace

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_a_task_goes_through_four_gates(temporal_space: TemporalSpace) -> None:
    with scripted_phases() as script:
        async with temporal_space.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 20)
    assert (info.status, info.phase, info.progress) == ("COMPLETED", "DONE", 100)
    assert [phase for _, phase, _ in script.calls] == ["IMPLEMENT", "TEST", "USE", "VERIFY"]


async def test_real_steps_run_in_the_workspace(temporal_space: TemporalSpace) -> None:
    async with temporal_space.backend() as backend:
        workflow_id = await backend.start_workflow("a", config={"phases": {"implement": {"run": ["echo hi > made"]}}})
        info = await backend.wait_workflow(workflow_id, 30)
        assert info.status == "COMPLETED"
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    assert (temporal_space.root / "made").read_text() == "hi\n"
    assert [result["verdict"] for result in results] == ["PASSED"] * 4

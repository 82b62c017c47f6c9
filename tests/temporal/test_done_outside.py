"""Tasks that were done outside of Penguin, on a real server."""

from __future__ import annotations

import pytest
from tests.support.temporal_workspace import TemporalWorkspace

from penguin.orchestration.runtime.hosted_backend import HostedBackend
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_dependents_of_a_recorded_task_can_start(temporal_workspace: TemporalWorkspace) -> None:
    temporal_workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    with scripted_phases() as script:
        async with temporal_workspace.backend() as backend:
            assert isinstance(backend, HostedBackend)
            assert await backend.record_done(["a"], by="ada") == ["a"]
            assert await backend.record_done(["a"], by="ada") == []
            (recorded,) = await backend.list_workflows()
            assert (recorded.status, recorded.phase) == ("COMPLETED", "DONE")
            done = await backend.wait_workflow(await backend.start_workflow("b"), 20)
            assert done.status == "COMPLETED"
            assert await backend.query_workflow(recorded.workflow_id, "get_phase_results") == []
            server_side = await backend.list_workflows(status_filter="COMPLETED")
    assert {info.task_id for info in server_side} == {"a", "b"}
    assert {call.task_id for call in script.calls} == {done.task_id}

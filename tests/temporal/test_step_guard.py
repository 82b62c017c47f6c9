"""A step sends no signal to a workflow of its own workspace, by whatever path and in whatever namespace."""

from __future__ import annotations

import pytest
from tests.support.step_script import (
    APPROVE,
    COPY,
    LINKED,
    PENGUIN,
    PROCESS_NAMESPACE,
    Steps,
    is_refused,
    skip_unless_permitted,
)
from tests.support.temporal_workspace import TemporalWorkspace

pytestmark = pytest.mark.anyio

WAYS = {
    "a linked folder of records": ("", f"{LINKED} && {PENGUIN} --workspace other -c '{APPROVE}'"),
    "no variables, linked": ("", f"{LINKED} && env -i {PENGUIN} --workspace $PWD/other -c '{APPROVE}'"),
    "a bind mount of the records": (
        "unshare -rm",
        f"{COPY} && mkdir other/.penguin && unshare -rm sh -c 'mount --bind .penguin other/.penguin"
        f' && env -i {PENGUIN} --workspace $PWD/other -c "{APPROVE}"\'',
    ),
    "a process namespace": (PROCESS_NAMESPACE, f"{PROCESS_NAMESPACE} {PENGUIN} -c '{APPROVE}'"),
    "a process namespace, no variables": (
        PROCESS_NAMESPACE,
        f"env -i {PROCESS_NAMESPACE} {PENGUIN} --workspace $PWD -c '{APPROVE}'",
    ),
    "another verb": ("", f"{LINKED} && env -i {PENGUIN} --workspace $PWD/other -c '/workflow start other'"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_step_signals_nothing(temporal_workspace: TemporalWorkspace, way: str) -> None:
    enter, script = WAYS[way]
    skip_unless_permitted(enter)
    steps = Steps(temporal_workspace)
    async with temporal_workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        assert is_refused(await steps.run(backend, script))
        info = await backend.get_workflow_status(workflow_id)
        assert info is not None
        assert info.status == "BLOCKED"
        assert {info.task_id for info in await backend.list_workflows()} == {"person", "sneak"}


async def test_an_approval_names_its_process(temporal_workspace: TemporalWorkspace) -> None:
    steps = Steps(temporal_workspace)
    async with temporal_workspace.backend() as backend:
        workflow_id = await steps.blocked(backend)
        await backend.signal_workflow(workflow_id, "approve", {"by": "ann"})
        await backend.wait_workflow(workflow_id, 30)
        results = await backend.query_workflow(workflow_id, "get_phase_results")
        assert [bool(one["evidence"]["process"]) for one in results if not one["attempt"]] == [True]

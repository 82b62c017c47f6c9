"""penguin.yaml edited while a workflow runs: the workflow keeps its definition, and the next start reads the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import HeldWorkspace

from penguin.orchestration import OrchestrationBackend, WorkflowError

pytestmark = pytest.mark.anyio

EDITS = {
    "no YAML": (b"project: {id: p\n", "penguin.yaml:1: is not valid YAML"),
    "an unknown key": (b"project: {id: p}\nnonsense: 1\n", "penguin.yaml:2: penguin.yaml: unknown key 'nonsense'"),
    "a wrong type": (
        b"project: {id: p}\norchestration: {max_parallel: many}\n",
        "penguin.yaml:2: orchestration.max_parallel: must be a whole number",
    ),
    "no UTF-8": (b"project: {id: \xff}\n", "penguin.yaml:1: is not UTF-8"),
    "nothing": (b"", "penguin.yaml: is empty"),
    "other blueprints": (b"project: {id: other}\nblueprints: [none.json]\n", "unknown task 'auth'"),
}
"""What the file becomes, and what the next start says."""


@pytest.fixture
def held(tmp_path: Path) -> HeldWorkspace:
    return HeldWorkspace(tmp_path)


async def begin(held: HeldWorkspace, backend: OrchestrationBackend) -> str:
    workflow_id = await backend.start_workflow("auth")
    await wait_until_async(held.began.exists, "TEST")
    return workflow_id


async def test_a_running_workflow_keeps_its_definition_and_the_next_start_reads_the_file(held: HeldWorkspace) -> None:
    held.tasks({"id": "auth", "title": "Log in"}, "next")
    path = held.root / "penguin.yaml"
    async with held.backend() as backend:
        workflow_id = await begin(held, backend)
        settings = json.loads(path.read_text())
        settings["phases"] |= {gate: {"run": [f"echo {gate} >> edited"]} for gate in ("implement", "test", "use")}
        path.write_text(json.dumps(settings))
        held.go.touch()
        assert (await wait_for_workflow(backend, workflow_id, status="COMPLETED")).status == "COMPLETED"
        assert not (held.root / "edited").exists()
        later = await backend.start_workflow("next")
        await wait_for_workflow(backend, later, status="COMPLETED")
        assert held.read("edited").split() == ["implement", "test", "use"]


@pytest.mark.parametrize(("text", "message"), EDITS.values(), ids=EDITS)
async def test_an_invalid_file_stops_the_next_start_and_no_running_workflow(
    held: HeldWorkspace, text: bytes, message: str
) -> None:
    async with held.backend() as backend:
        workflow_id = await begin(held, backend)
        (held.root / "penguin.yaml").write_bytes(text)
        assert await backend.pause_workflow(workflow_id)
        assert await backend.resume_workflow(workflow_id)
        held.go.touch()
        await wait_for_workflow(backend, workflow_id, status="COMPLETED")
        with pytest.raises(WorkflowError) as caught:
            await backend.start_workflow("auth")
    assert caught.value.message.startswith(message)


async def test_a_deleted_file_stops_the_next_start_and_no_running_workflow(held: HeldWorkspace) -> None:
    path = held.root / "penguin.yaml"
    settings = path.read_text()
    async with held.backend() as backend:
        workflow_id = await begin(held, backend)
        path.unlink()
        held.go.touch()
        await wait_for_workflow(backend, workflow_id, status="COMPLETED")
        with pytest.raises(WorkflowError, match=r"no penguin\.yaml in"):
            await backend.start_workflow("auth")
        path.write_text(settings)
        await wait_for_workflow(backend, await backend.start_workflow("auth"), status="COMPLETED")


async def test_an_engine_that_starts_with_an_invalid_file_says_so_and_the_next_one_continues(
    held: HeldWorkspace,
) -> None:
    path = held.root / "penguin.yaml"
    settings = path.read_text()
    async with held.backend() as backend:
        workflow_id = await begin(held, backend)
    path.write_bytes(EDITS["an unknown key"][0])
    with pytest.raises(WorkflowError, match=r"penguin\.yaml:2"):
        async with held.backend() as backend:
            await backend.run_engine()
    path.write_text(settings)
    held.go.touch()
    async with held.backend() as backend:
        await backend.run_engine()
        await wait_for_workflow(backend, workflow_id, status="COMPLETED")
    assert held.count("began") == 1

"""Starts: ids, second starts, dependencies."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.support.waiting import wait_for_workflow
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import WorkflowError, get_backend
from penguin.orchestration.backend import AlreadyActive, BlueprintError, ConfigError, StoreError, TaskNotFound
from penguin.orchestration.runtime.start_plan import UnmetDependency, workflow_id_of
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


async def test_a_task_goes_through_four_gates(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        async with workspace.backend() as backend:
            workflow_id = await backend.start_workflow("a")
            info = await backend.wait_workflow(workflow_id, 10)
    assert re.fullmatch(r"ituv-a-[0-9a-f]{6}", workflow_id)
    assert (info.status, info.phase, info.progress) == ("COMPLETED", "DONE", 100)
    assert [call.phase for call in script.calls] == ["IMPLEMENT", "TEST", "USE", "VERIFY"]
    assert [call.attempt for call in script.calls] == [1, 2, 3, 4]


async def test_a_second_start_is_refused_with_the_id_of_the_first(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("TEST")
        async with workspace.backend() as backend:
            first = await backend.start_workflow("a")
            with pytest.raises(AlreadyActive, match=first):
                await backend.start_workflow("a")
            script.release("TEST")
            await backend.wait_workflow(first, 10)
            again = await backend.start_workflow("a")
            assert again != first
            assert (await backend.wait_workflow(again, 10)).status == "COMPLETED"


async def test_files_of_a_lost_workflow_are_not_used(workspace: SampleWorkspace) -> None:
    workspace.tasks({"id": "a", "phases": {"implement": {"run": ["echo ran >> log"]}}})
    async with workspace.backend() as backend:
        first = await backend.start_workflow("a")
        assert (await backend.wait_workflow(first, 20)).status == "COMPLETED"
    for file in (workspace.root / ".penguin").glob("penguin.db*"):
        file.unlink()
    async with workspace.backend() as backend:
        with pytest.raises(StoreError, match=f"has lost 1 workflow: {first}"):
            await backend.start_workflow("a")
    assert (workspace.root / "log").read_text() == "ran\n"


async def test_of_ten_starts_at_once_one_wins(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        script.hold("IMPLEMENT")
        async with workspace.backend() as one, workspace.backend() as two:
            starts = [backend.start_workflow("a") for backend in (one, two) for _ in range(5)]
            came = await asyncio.gather(*starts, return_exceptions=True)
            won = [id_ for id_ in came if isinstance(id_, str)]
            lost = [error for error in came if isinstance(error, AlreadyActive)]
            assert (len(won), len(lost)) == (1, 9)
            assert all(won[0] in str(error) for error in lost)
            script.release("IMPLEMENT")
            assert (await one.wait_workflow(won[0], 10)).status == "COMPLETED"


async def test_the_id_depends_on_project_task_and_number(workspace: SampleWorkspace) -> None:
    assert workflow_id_of("p", "a", 0) == workflow_id_of("p", "a", 0)
    assert len({workflow_id_of("p", "a", n) for n in range(20)} | {workflow_id_of("q", "a", 0)}) == 21


async def test_an_unmet_dependency_is_refused_with_a_hint(workspace: SampleWorkspace) -> None:
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    with scripted_phases():
        async with workspace.backend() as backend:
            with pytest.raises(UnmetDependency) as refused:
                await backend.start_workflow("b")
            assert "--with-deps" in refused.value.hint
            await backend.wait_workflow(await backend.start_workflow("a"), 10)
            info = await backend.wait_workflow(await backend.start_workflow("b"), 10)
    assert info.status == "COMPLETED"


async def test_an_unknown_dependency_is_named_with_its_dependent(workspace: SampleWorkspace) -> None:
    workspace.tasks("bases", {"id": "c", "depends_on": ["base"]})
    with scripted_phases():
        async with workspace.backend() as backend:
            for with_dependencies in (False, True):
                with pytest.raises(UnmetDependency, match="task c depends on unknown task base") as refused:
                    await backend.start_tasks(["c"], with_dependencies=with_dependencies)
                assert "did you mean 'bases'?" in refused.value.hint
                assert "--with-deps" not in refused.value.hint, "it would not help"
            with pytest.raises(UnmetDependency):
                await backend.start_tasks(["bases", "c"])
            assert await backend.list_workflows() == []


async def test_with_dependencies_starts_the_whole_chain_in_order(workspace: SampleWorkspace) -> None:
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]}, "d")
    with scripted_phases() as script:
        async with workspace.backend(max_parallel=4) as backend:
            ids = await backend.start_tasks(["c"], with_dependencies=True)
            infos = await backend.wait_workflows(ids, 10)
    assert [info.task_id for info in infos] == ["c", "b", "a"]
    assert {info.status for info in infos} == {"COMPLETED"}
    assert list(dict.fromkeys(call.task_id for call in script.calls)) == ["a", "b", "c"]


async def test_a_dependency_with_an_active_workflow_is_waited_for(workspace: SampleWorkspace) -> None:
    workspace.tasks("a", {"id": "b", "depends_on": ["a"]})
    with scripted_phases() as script:
        script.hold("VERIFY")
        async with workspace.backend(max_parallel=2) as backend:
            first = await backend.start_workflow("a")
            second = await backend.start_workflow("b")
            await wait_for_workflow(backend, first, phase="VERIFY")
            assert (await wait_for_workflow(backend, second)).status == "PENDING"
            script.release("VERIFY")
            assert (await backend.wait_workflow(second, 10)).status == "COMPLETED"


async def test_none_of_several_is_started_when_one_is_refused(workspace: SampleWorkspace) -> None:
    with scripted_phases():
        async with workspace.backend() as backend:
            with pytest.raises(TaskNotFound):
                await backend.start_tasks(["a", "nowhere"])
            assert await backend.list_workflows() == []


async def test_no_configuration_is_needed_before_a_start(workspace: SampleWorkspace) -> None:
    (workspace.root / "penguin.yaml").unlink()
    async with get_backend(workspace_path=workspace.root) as backend:
        assert await backend.list_workflows() == []
        assert await backend.get_workflow_status("ituv-a-000000") is None
        with pytest.raises(ConfigError) as refused:
            await backend.start_workflow("a")
    assert "penguin init" in refused.value.hint


async def test_the_settings_of_a_start_are_checked(workspace: SampleWorkspace) -> None:
    async with workspace.backend() as backend:
        with pytest.raises(ConfigError, match="phase_timeout"):
            await backend.start_workflow("a", config={"phase_timeout": {}})
        with pytest.raises(WorkflowError, match="nobody-knows"):
            await backend.start_workflow("a", config={"phases": {"implement": {"agent": "nobody-knows"}}})
        assert await backend.list_workflows() == []


async def test_later_edits_affect_only_later_workflows(workspace: SampleWorkspace) -> None:
    with scripted_phases() as script:
        async with workspace.backend() as backend:
            script.hold("IMPLEMENT")
            first = await backend.start_workflow("a")
            await wait_for_workflow(backend, first, phase="IMPLEMENT")
            workspace.tasks({"id": "a", "title": "changed"}, "new")
            script.release("IMPLEMENT")
            await backend.wait_workflow(first, 10)
            await backend.wait_workflow(await backend.start_workflow("a"), 10)
            await backend.wait_workflow(await backend.start_workflow("new"), 10)
    assert [order.definition.task.title for order in script.orders[::4]] == ["a", "changed", "new"]


@pytest.mark.parametrize("ring", [["a"], ["a", "b"], ["a", "b", "c"]])
async def test_a_dependency_cycle_is_not_started(workspace: SampleWorkspace, ring: list[str]) -> None:
    workspace.tasks(*[{"id": task, "depends_on": [ring[index - 1]]} for index, task in enumerate(ring)])
    async with workspace.backend() as backend:
        with pytest.raises(BlueprintError, match=" -> "):
            await backend.start_tasks(ring)
        with pytest.raises(BlueprintError, match=" -> "):
            await backend.start_tasks(ring[:1], with_dependencies=True)
        assert await backend.list_workflows() == []

"""Workflows that land on one branch, one at a time, on the embedded backend."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.waiting import wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.blueprint import BlueprintItem
from penguin.orchestration.core.definition import Definition, LandSettings
from penguin.orchestration.core.results import Landed, LandingConflict, LandingOutcome, LandingStopped, MergedTree
from penguin.orchestration.execution.runner_api import LandingOrder, Stop, StopControl
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.runtime.task_catalog import TaskCatalog
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


class HeldLandings:
    """Landings that run until the test ends them."""

    def __init__(self) -> None:
        self.running: dict[str, asyncio.Future[LandingOutcome]] = {}
        """By task: the landing that runs."""
        self.order: list[str] = []
        """Tasks in the order in which their landings began."""
        self.most: defaultdict[str, int] = defaultdict(int)
        """By branch: how many landings ran at the same time."""
        self._at_once: defaultdict[str, int] = defaultdict(int)

    async def land(self, order: LandingOrder, control: StopControl) -> LandingOutcome:
        task, branch = order.definition.task.id, branch_of(order.definition)
        self.order.append(task)
        with self._counted(branch):
            end = self.running[task] = asyncio.get_running_loop().create_future()
            changed = asyncio.ensure_future(control.changed())
            await asyncio.wait({end, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            return end.result() if end.done() else self._stopped(control)

    def _stopped(self, control: StopControl) -> LandingOutcome:
        assert control.stop in (Stop.NOW, Stop.CANCEL)
        return LandingStopped()

    @contextmanager
    def _counted(self, branch: str) -> Iterator[None]:
        self._at_once[branch] += 1
        self.most[branch] = max(self.most[branch], self._at_once[branch])
        try:
            yield
        finally:
            self._at_once[branch] -= 1

    async def began(self, task: str) -> None:
        await wait_until_async(lambda: task in self.running, f"the landing of {task}")

    def end(self, task: str, outcome: LandingOutcome | None = None) -> None:
        self.running.pop(task).set_result(outcome or Landed(branch="main", base="b", commit=f"c-{task}"))


def branch_of(definition: Definition) -> str:
    assert definition.land is not None
    return definition.land.branch


class LandingCatalog(TaskCatalog):
    """The tasks of the workspace, which land on the branch that the test names."""

    def __init__(self, catalog: Any, branches: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._branches = branches

    def __getattribute__(self, name: str) -> Any:
        if name in ("define", "load", "_catalog", "_branches"):
            return super().__getattribute__(name)
        return getattr(self._catalog, name)

    def load(self) -> Any:
        return LandingCatalog(self._catalog.load(), self._branches)

    def define(self, item: BlueprintItem, config: Mapping[str, Any] | None = None) -> Definition:
        branch = self._branches.get(item.task.id, "main")
        return replace(self._catalog.define(item, config), land=LandSettings(branch=branch))


@asynccontextmanager
async def landing_backend(
    workspace: SampleWorkspace, landings: HeldLandings, branches: Mapping[str, str] | None = None
) -> AsyncIterator[NativeBackend]:
    with scripted_phases():
        backend = workspace.backend(max_parallel=4)
        assert isinstance(backend, NativeBackend)
        backend._lander = landings
        backend._planner._backlog = LandingCatalog(backend._planner._backlog, branches or {})  # type: ignore[assignment]
        async with backend:
            yield backend


def waits(workspace: SampleWorkspace, workflow_id: str) -> str:
    with closing(WorkflowReader(Workspace(workspace.root).db)) as reader:
        return reader.explain(workflow_id)


async def test_one_lands_at_a_time_in_the_order_in_which_the_gates_passed(workspace: SampleWorkspace) -> None:
    landings = HeldLandings()
    async with landing_backend(workspace, landings) as backend:
        first, second, third = [await backend.start_workflow(task) for task in ("a", "b", "c")]
        await landings.began("a")
        await wait_until_async(lambda: "waits to land" in waits(workspace, third), "the third waits")
        assert waits(workspace, second) == "waits to land on main, after a"
        info = await backend.get_workflow_status(second)
        assert info is not None
        assert (info.status, info.phase, info.progress) == ("RUNNING", "VERIFY", 95)
        landings.end("a")
        await landings.began("b")
        landings.end("b")
        await landings.began("c")
        landings.end("c")
        infos = await backend.wait_workflows([first, second, third], 20)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert landings.order == ["a", "b", "c"]
    assert landings.most == {"main": 1}


async def test_other_branches_do_not_wait(workspace: SampleWorkspace) -> None:
    landings = HeldLandings()
    async with landing_backend(workspace, landings, {"b": "other"}) as backend:
        await backend.start_tasks(["a", "b"])
        await landings.began("a")
        await landings.began("b")
        landings.end("a")
        landings.end("b")


async def test_a_branch_stays_held_while_gates_run_again(workspace: SampleWorkspace) -> None:
    landings = HeldLandings()
    async with landing_backend(workspace, landings) as backend:
        first = await backend.start_workflow("a")
        await landings.began("a")
        second = await backend.start_workflow("b")
        await wait_until_async(lambda: "waits to land" in waits(workspace, second), "the second waits")
        landings.end("a", MergedTree(base="b2", commit="m2"))
        await landings.began("a")
        landings.end("a")
        await landings.began("b")
        landings.end("b")
        await backend.wait_workflows([first, second], 20)
    assert landings.order == ["a", "a", "b"]


@pytest.mark.parametrize("how", ["pause", "cancel", "conflict"])
async def test_a_landing_that_ends_lets_the_next_one_begin(workspace: SampleWorkspace, how: str) -> None:
    landings = HeldLandings()
    async with landing_backend(workspace, landings) as backend:
        first = await backend.start_workflow("a")
        await landings.began("a")
        second = await backend.start_workflow("b")
        await wait_until_async(lambda: "waits to land" in waits(workspace, second), "the second waits")
        if how == "conflict":
            conflict = LandingConflict(base="b2", files=("api.py",), report="both sides", advice="/workflow resume")
            landings.end("a", conflict)
        else:
            await backend.signal_workflow(first, how, {"now": True} if how == "pause" else {})
        await landings.began("b")
        landings.end("b")
        assert (await backend.wait_workflow(second, 20)).status == "COMPLETED"


async def test_the_next_engine_goes_on_with_a_landing(workspace: SampleWorkspace) -> None:
    landings = HeldLandings()
    async with landing_backend(workspace, landings) as backend:
        first, second = await backend.start_tasks(["a", "b"])
        await wait_until_async(lambda: bool(landings.running), "a landing")
    again = HeldLandings()
    async with landing_backend(workspace, again) as backend:
        await backend.run_engine()
        for _ in range(2):
            await wait_until_async(lambda: bool(again.running), "a landing")
            again.end(next(iter(again.running)))
        infos = await backend.wait_workflows([first, second], 20)
    assert {info.status for info in infos} == {"COMPLETED"}
    assert again.order[0] == landings.order[0]

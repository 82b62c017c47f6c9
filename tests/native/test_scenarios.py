"""The scenarios of the contract on the embedded backend, with the same traces as on the pure state machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.native.scenario_driver import NativeDriver
from tests.scenarios.conformance import (
    check_command,
    check_scenario,
    each_command,
    each_landing_scenario,
    each_scenario,
)
from tests.scenarios.scenario import Scenario
from tests.scenarios.working_tree.runner import check_tree_scenario
from tests.scenarios.working_tree.scenario import TreeScenario, each_tree_scenario
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.backend import NativeBackend
from penguin.orchestration.store.queries import WorkflowReader

pytestmark = pytest.mark.anyio


@each_scenario
async def test_native_scenario(scenario: Scenario, tmp_path: Path) -> None:
    await check_scenario(scenario, NativeDriver(tmp_path, scenario.task.definition()))


@each_landing_scenario
async def test_native_landing_scenario(scenario: Scenario, tmp_path: Path) -> None:
    await check_scenario(scenario, NativeDriver(tmp_path, scenario.task.definition()))


@each_command
async def test_native_command(scenario: Scenario, outcome: str, tmp_path: Path) -> None:
    await check_command(scenario, outcome, NativeDriver(tmp_path, scenario.task.definition()))


@each_tree_scenario
async def test_native_tree_scenario(scenario: TreeScenario, workspace: SampleWorkspace) -> None:
    await check_tree_scenario(scenario, workspace, lambda: WorkflowReader(Workspace(workspace.root).db), _queued)


def _queued(backend: OrchestrationBackend) -> set[str]:
    assert isinstance(backend, NativeBackend)
    return {workflow_id for _, workflow_id in backend._open()._scheduler._for_tree}

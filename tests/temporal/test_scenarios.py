"""The contract, row by row, on a real Temporal server: the same scenarios and traces as on the pure machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.scenarios.conformance import check_command, check_scenario, each_command, each_scenario
from tests.scenarios.scenario import Scenario
from tests.scenarios.working_tree.runner import check_tree_scenario
from tests.scenarios.working_tree.scenario import TreeScenario, each_tree_scenario
from tests.support.temporal_workspace import TemporalWorkspace
from tests.temporal.scenario_driver import TemporalDriver

from penguin.orchestration.backend import OrchestrationBackend
from penguin.orchestration.config import load_settings
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.temporal.backend import TemporalBackend
from penguin.orchestration.temporal.reader import TemporalReader
from penguin.orchestration.temporal.worker import attempt_activity as drive
from penguin.orchestration.temporal.worker import worker

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _swift_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word of a stop takes a moment, not half a second."""
    monkeypatch.setattr(drive, "BEAT", 0.03)
    monkeypatch.setattr(drive, "ASK", 0.03)
    monkeypatch.setattr(worker, "THROTTLE", timedelta(seconds=0.03))


@each_scenario
async def test_temporal_scenario(scenario: Scenario, tmp_path: Path, server: str) -> None:
    await check_scenario(scenario, TemporalDriver(tmp_path, scenario.task.definition(), server))


@each_command
async def test_temporal_command(scenario: Scenario, outcome: str, tmp_path: Path, server: str) -> None:
    await check_command(scenario, outcome, TemporalDriver(tmp_path, scenario.task.definition(), server))


@each_tree_scenario
async def test_temporal_tree_scenario(scenario: TreeScenario, temporal_workspace: TemporalWorkspace) -> None:
    workspace = Workspace(temporal_workspace.root)
    await check_tree_scenario(
        scenario, temporal_workspace, lambda: TemporalReader(workspace, load_settings(workspace.root)), _queued
    )


def _queued(backend: OrchestrationBackend) -> set[str]:
    assert isinstance(backend, TemporalBackend)
    assert backend.process._worker is not None
    return {turn.workflow_id for turn in backend.process._worker.drives.slots._queue}

"""The contract, row by row, on a real Temporal server: the same scenarios and traces as on the pure machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.scenarios.conformance import check_command, check_scenario, each_command, each_scenario
from tests.scenarios.scenario import Scenario
from tests.temporal.scenario_driver import TemporalDriver

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

"""The contract, row by row, on the embedded backend: the same scenarios and traces as on the pure machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.native.scenario_driver import NativeDriver
from tests.scenarios.conformance import check_command, check_scenario, each_command, each_scenario
from tests.scenarios.scenario import Scenario

pytestmark = pytest.mark.anyio


@each_scenario
async def test_native_scenario(scenario: Scenario, tmp_path: Path) -> None:
    await check_scenario(scenario, NativeDriver(tmp_path, scenario.task.definition()))


@each_command
async def test_native_command(scenario: Scenario, outcome: str, tmp_path: Path) -> None:
    await check_command(scenario, outcome, NativeDriver(tmp_path, scenario.task.definition()))

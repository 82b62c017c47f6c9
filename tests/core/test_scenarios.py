"""The scenarios of the contract, and every command in every state, on the pure state machine."""

from __future__ import annotations

import pytest
from tests.core.scenario_driver import BEGIN, CoreDriver
from tests.scenarios.conformance import (
    check_command,
    check_scenario,
    each_command,
    each_landing_scenario,
    each_scenario,
)
from tests.scenarios.scenario import Scenario

pytestmark = pytest.mark.anyio


@each_scenario
async def test_scenario(scenario: Scenario) -> None:
    driver = CoreDriver(scenario.task.definition())
    await check_scenario(scenario, driver)
    if scenario.expect.seconds is not None:
        assert driver.clock - BEGIN == pytest.approx(scenario.expect.seconds)


@each_landing_scenario
async def test_landing_scenario(scenario: Scenario) -> None:
    await check_scenario(scenario, CoreDriver(scenario.task.definition()))


@each_command
async def test_every_command_in_every_state(scenario: Scenario, outcome: str) -> None:
    await check_command(scenario, outcome, CoreDriver(scenario.task.definition()))

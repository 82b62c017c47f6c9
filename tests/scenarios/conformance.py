"""Checks of every scenario, and of every command in every situation, on any driver."""

from __future__ import annotations

import pytest
from tests.scenarios.runner import ScenarioDriver, ScenarioRunner
from tests.scenarios.scenario import Scenario, load, load_matrix

from penguin.orchestration.core.state import State

MACHINE_ID = "ituv-task-1-000001"
"""The workflow id in scenarios."""

_SCENARIOS = load()
_LANDING_SCENARIOS = load("landing/*.yaml")
_CASES = load_matrix().cases()

each_scenario = pytest.mark.parametrize("scenario", _SCENARIOS, ids=[scenario.name for scenario in _SCENARIOS])
each_landing_scenario = pytest.mark.parametrize(
    "scenario", _LANDING_SCENARIOS, ids=[scenario.name for scenario in _LANDING_SCENARIOS]
)
each_command = pytest.mark.parametrize(
    ("scenario", "outcome"), [case[1:] for case in _CASES], ids=[case[0] for case in _CASES]
)


async def check_scenario(scenario: Scenario, driver: ScenarioDriver) -> None:
    """Play a scenario to its end."""
    runner = ScenarioRunner(scenario, driver)
    trace = await runner.play()
    assert trace == list(scenario.expect.trace)
    _check_end(scenario, runner.state)


def _check_end(scenario: Scenario, state: State) -> None:
    expect = scenario.expect
    assert (state.status, state.phase) == (expect.status, expect.phase)
    _check_text(expect.reason, state.reason)
    _check_text(expect.advice and expect.advice.replace(MACHINE_ID, state.workflow_id), state.advice)
    if expect.artifacts is not None:
        assert state.artifacts == expect.artifacts
    if expect.feedback is not None:
        assert tuple(advice.text for advice in state.feedback) == expect.feedback


def _check_text(expected: str | None, actual: str) -> None:
    if expected is not None:
        assert expected in actual
        assert bool(expected) == bool(actual)


async def check_command(scenario: Scenario, outcome: str, driver: ScenarioDriver) -> None:
    """Play a scenario to its last act, and check the outcome."""
    runner = ScenarioRunner(scenario, driver)
    new = await runner.play_acts()
    refusal = f"refused: {scenario.acts[-1].do}"
    if outcome == "refused":
        assert new == [refusal]
        assert runner.refusal is not None
        assert runner.refusal.hint, "a refusal says what to type next"
    elif outcome == "same":
        assert new == []
    else:
        assert new
        assert refusal not in new
        assert runner.state.status == outcome

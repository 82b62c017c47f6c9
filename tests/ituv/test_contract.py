"""The contract, row by row: every scenario, and every command in every situation, on the pure machine."""

from __future__ import annotations

import pytest
from tests.ituv.machine import BEGIN, MachineRun
from tests.ituv.scenarios import Scenario, load, load_matrix

SCENARIOS = load()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    run = MachineRun(scenario)
    run.play()
    expect, state = scenario.expect, run.state
    assert run.lines == list(expect.trace)
    assert (state.status, state.phase) == (expect.status, expect.phase)
    _same_text(expect.reason, state.reason)
    _same_text(expect.advice, state.advice)
    if expect.artifacts is not None:
        assert state.artifacts == expect.artifacts
    if expect.feedback is not None:
        assert tuple(advice.text for advice in state.feedback) == expect.feedback
    if expect.seconds is not None:
        assert run.clock - BEGIN == pytest.approx(expect.seconds)


def _same_text(expected: str | None, actual: str) -> None:
    if expected is not None:
        assert expected in actual
        assert bool(expected) == bool(actual)


CASES = load_matrix().cases()


@pytest.mark.parametrize(("scenario", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_command_in_every_situation(scenario: Scenario, outcome: str) -> None:
    run = MachineRun(scenario)
    new = run.play_acts()
    refusal = f"refused: {scenario.acts[-1].do}"
    if outcome == "refused":
        assert new == [refusal]
        assert run.refusal is not None
        assert run.refusal.hint, "a refusal says what to type next"
    elif outcome == "same":
        assert new == []
    else:
        assert new
        assert refusal not in new
        assert run.state.status == outcome

"""The contract, row by row, on a real Temporal server: the same scenarios and traces as on the pure machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.ituv.scenarios import Scenario, load, load_matrix
from tests.temporal.scenario_run import TemporalRun

from penguin.orchestration.temporal import activities, worker

pytestmark = pytest.mark.anyio

SCENARIOS = load()
MACHINE_ID = "ituv-task-1-000001"
"""The id that the machine's scenarios speak of."""
CASES = load_matrix().cases()


@pytest.fixture(autouse=True)
def _swift_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word of a stop takes a moment, not half a second."""
    monkeypatch.setattr(activities, "BEAT", 0.03)
    monkeypatch.setattr(activities, "ASK", 0.03)
    monkeypatch.setattr(worker, "THROTTLE", timedelta(seconds=0.03))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
async def test_temporal_scenario(scenario: Scenario, tmp_path: Path, server: str) -> None:
    run = TemporalRun(scenario, tmp_path, server)
    await run.play()
    expect, state = scenario.expect, run.state
    assert run.lines == list(expect.trace)
    assert (state.status, state.phase) == (expect.status, expect.phase)
    if expect.reason is not None:
        assert expect.reason in state.reason
    if expect.advice is not None:
        assert expect.advice.replace(MACHINE_ID, state.workflow_id) in state.advice
    if expect.artifacts is not None:
        assert state.artifacts == expect.artifacts
    if expect.feedback is not None:
        assert tuple(advice.text for advice in state.feedback) == expect.feedback


@pytest.mark.parametrize(("scenario", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_temporal_command(scenario: Scenario, outcome: str, tmp_path: Path, server: str) -> None:
    run = TemporalRun(scenario, tmp_path, server)
    new = await run.play_acts()
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

"""Agents as steps: any program will do here; real agents are tried in tests/agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.execution.attempt_workspace import House

from penguin.orchestration.backend import GATES, Verdict, WorkflowPhase
from penguin.orchestration.core.definition import AgentSpec, Budget, Gate
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.state import WorkflowStateStore

pytestmark = pytest.mark.anyio


def order(house: House, *command: str, budget: Budget | None = None, **settings: Any) -> AttemptOrder:
    spec = AgentSpec(name="mine", kind="command", command=command, **settings)
    made = house.order(agent="mine", phase=WorkflowPhase.IMPLEMENT, budget=budget or Budget())
    gates = {phase: Gate() for phase in GATES} | made.definition.gates
    return replace(made, definition=replace(made.definition, agents={"mine": spec}, gates=gates))


async def ran(house: House, *command: str, **settings: Any) -> AttemptResult:
    return await house.attempt(order(house, *command, **settings))


async def test_it_reads_the_prompt_and_its_conversation_is_kept(house: House) -> None:
    result = await ran(house, "/bin/sh", "-c", "cat > told.txt; echo All is done.")
    assert result.verdict is Verdict.PASSED
    told = (house.root / "told.txt").read_text()
    assert told.startswith("# t: A task")
    (kept,) = Path(house.run_dir).glob("*.prompt.md")
    assert kept.read_text() == told
    with WorkflowStateStore(house.root / ".penguin" / "penguin.db") as store:
        snapshot = store.get_context_snapshot(result.snapshot)
    assert snapshot is not None
    assert "All is done." in str(snapshot.conversation_history)
    assert result.usage.minutes > 0


async def test_one_that_says_nothing_is_ended(house: House) -> None:
    result = await ran(house, "/bin/sh", "-c", "echo hello; sleep 60", idle_timeout=0.3)
    assert result.verdict is Verdict.ERROR
    assert "said nothing for 0.3 s" in result.reason


async def test_one_that_goes_on_talking_is_not(house: House) -> None:
    talk = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done"
    assert (await ran(house, "/bin/sh", "-c", talk, idle_timeout=1.5)).verdict is Verdict.PASSED


async def test_its_minutes_end_it_and_block_the_workflow(house: House) -> None:
    result = await ran(house, "/bin/sh", "-c", "echo hello; sleep 60", budget=Budget(minutes=1.0 / 60))
    assert result.verdict is Verdict.ERROR
    assert "minutes" in result.overspent


@pytest.mark.parametrize(
    ("code", "meaning", "verdict"),
    [
        (0, "failed", Verdict.FAILED),
        (3, "budget", Verdict.ERROR),
        (4, "denied", Verdict.ERROR),
        (5, "passed", Verdict.PASSED),
    ],
)
async def test_its_exit_codes_mean_what_the_settings_say(
    house: House, code: int, meaning: str, verdict: Verdict
) -> None:
    result = await ran(house, "/bin/sh", "-c", f"exit {code}", exit_codes={code: meaning})
    assert result.verdict is verdict
    assert bool(result.overspent) == (meaning == "budget")


async def test_a_program_that_is_missing_blocks_with_what_installs_it(house: House) -> None:
    result = await ran(house, "no-such-agent")
    assert "no-such-agent" in result.reason
    assert result.missing


async def test_an_agent_that_nobody_knows_can_run_nowhere(house: House) -> None:
    assert (await house.attempt(house.order(agent="claude", phase=WorkflowPhase.IMPLEMENT))).impossible

"""Agents as steps, with simple programs as agents; real agents are tested in tests/agents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.execution.attempt_workspace import AttemptWorkspace

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.definition import AgentSpec, Budget, Gate
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.state import WorkflowStateStore
from penguin.orchestration.workflow_status import GATES

pytestmark = pytest.mark.anyio


def order(workspace: AttemptWorkspace, *command: str, budget: Budget | None = None, **settings: Any) -> AttemptOrder:
    spec = AgentSpec(name="mine", kind="command", command=command, **settings)
    made = workspace.order(agent="mine", phase=WorkflowPhase.IMPLEMENT, budget=budget or Budget())
    gates = {phase: Gate() for phase in GATES} | made.definition.gates
    return replace(made, definition=replace(made.definition, agents={"mine": spec}, gates=gates))


async def ran(workspace: AttemptWorkspace, *command: str, **settings: Any) -> AttemptResult:
    return await workspace.attempt(order(workspace, *command, **settings))


async def test_it_reads_the_prompt_and_its_conversation_is_saved(workspace: AttemptWorkspace) -> None:
    result = await ran(workspace, "/bin/sh", "-c", "cat > told.txt; echo All is done.")
    assert result.verdict is Verdict.PASSED
    prompt = (workspace.root / "told.txt").read_text()
    assert prompt.startswith("# t: A task")
    (kept,) = Path(workspace.run_dir).glob("*.prompt.md")
    assert kept.read_text() == prompt
    with WorkflowStateStore(workspace.root / ".penguin" / "penguin.db") as store:
        snapshot = store.get_context_snapshot(result.snapshot)
    assert snapshot is not None
    assert "All is done." in str(snapshot.conversation_history)
    assert result.usage.minutes > 0


async def test_a_silent_agent_is_stopped(workspace: AttemptWorkspace) -> None:
    result = await ran(workspace, "/bin/sh", "-c", "echo hello; sleep 60", idle_timeout=0.3)
    assert result.verdict is Verdict.ERROR
    assert "no output for 0.3 s" in result.reason


async def test_a_talking_agent_is_not_stopped(workspace: AttemptWorkspace) -> None:
    talk = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done"
    assert (await ran(workspace, "/bin/sh", "-c", talk, idle_timeout=1.5)).verdict is Verdict.PASSED


async def test_an_agent_over_its_minutes_is_stopped_and_blocks_the_workflow(workspace: AttemptWorkspace) -> None:
    result = await ran(workspace, "/bin/sh", "-c", "echo hello; sleep 60", budget=Budget(minutes=1.0 / 60))
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
async def test_exit_codes_follow_the_settings(
    workspace: AttemptWorkspace, code: int, meaning: str, verdict: Verdict
) -> None:
    result = await ran(workspace, "/bin/sh", "-c", f"exit {code}", exit_codes={code: meaning})
    assert result.verdict is verdict
    assert bool(result.overspent) == (meaning == "budget")


async def test_a_missing_program_blocks_with_an_install_hint(workspace: AttemptWorkspace) -> None:
    result = await ran(workspace, "no-such-agent")
    assert "no-such-agent" in result.reason
    assert result.missing


async def test_an_unknown_agent_is_impossible(workspace: AttemptWorkspace) -> None:
    assert (await workspace.attempt(workspace.order(agent="claude", phase=WorkflowPhase.IMPLEMENT))).impossible


async def test_skipped_output_is_in_the_evidence(workspace: AttemptWorkspace) -> None:
    program = "print('{\"a\":' * 100_000); print('x' * 5_000_000); print('done')"
    result = await ran(workspace, sys.executable, "-c", program)
    assert result.verdict is Verdict.PASSED
    reason = result.steps[0].reason
    assert reason == "skipped in its output: 1 line longer than 4 MB, 1 line nested deeper than 100 levels"

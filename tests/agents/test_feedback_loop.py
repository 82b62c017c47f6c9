"""The feedback loop: an agent changes files, gates check them, and the agent gets the evidence of failures."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.agents.agent_workspace import CHECK, AgentWorkspace, agent_of
from tests.agents.conftest import program
from tests.agents.model_scripts import Answer, Script
from tests.agents.model_server import ModelServer
from tests.support.processes import environment, kill, launchers, process_ids
from tests.support.waiting import wait_until_async

from penguin.orchestration import get_backend
from penguin.orchestration.state import WorkflowStateStore

pytestmark = pytest.mark.anyio

AGENTS = ["claude", "codex"]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-of-nobody-1234567890")


def make_workspace(kind: str, root: Path, model: ModelServer, script: str, **settings: Any) -> AgentWorkspace:
    agent = agent_of(kind, program(kind), model, **settings.pop("agent", {}))
    return AgentWorkspace(root, agent, script, **settings)


@pytest.mark.parametrize("backend_name", ["native", "temporal"])
@pytest.mark.parametrize("kind", AGENTS)
async def test_a_failed_test_is_fixed_in_the_same_conversation(
    tmp_path: Path, model: ModelServer, kind: str, backend_name: str
) -> None:
    retry = {"initial_delay_sec": 0}
    root = make_workspace(
        kind, tmp_path, model, "fix-add", orchestration={"backend": backend_name, "retry": retry}
    ).root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    attempts = [(result["phase"], str(result["verdict"])) for result in results[:4]]
    assert (info.status, attempts) == (
        "COMPLETED",
        [("IMPLEMENT", "PASSED"), ("TEST", "FAILED"), ("IMPLEMENT", "PASSED"), ("TEST", "PASSED")],
    )
    last = model.of("fix-add")[-1]
    # The conversation contains its earlier messages and the output of the test.
    assert last.carries("Implemented add in calc.py.")
    assert last.carries("AssertionError")
    with WorkflowStateStore(root / ".penguin" / "penguin.db") as store:
        first, second = store.list_context_snapshots(workflow_id)
    assert first.session_id == second.session_id != ""
    assert (first.attempt, second.attempt) == (1, 3)
    assert "sk-of-nobody" not in str(second.conversation_history)
    formatted, raw = (
        _penguin(root, f"/workflow logs {workflow_id} --phase implement{flag}") for flag in ("", " --raw")
    )
    assert "Fixed the sign error." in formatted
    assert "calc.py\n" in formatted or "\n$ " in formatted
    assert "\ndone (" in formatted
    assert '"type"' not in formatted + _penguin(root, f"/workflow results {workflow_id}")
    assert '"type"' in raw


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agent_without_changes_fails(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path, model, "nothing", orchestration={"retry": {"max_attempts": 1}}).root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
    assert info.status == "BLOCKED"
    assert "the agent changed no file" in str(info.error_message)


@pytest.mark.parametrize("kind", AGENTS)
async def test_feedback_while_blocked_continues_the_same_conversation(
    tmp_path: Path, model: ModelServer, kind: str
) -> None:
    retry = {"max_attempts": 1, "initial_delay_sec": 0}
    root = make_workspace(kind, tmp_path, model, "never-right", orchestration={"retry": retry}).root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        assert (await backend.wait_workflow(workflow_id, 120)).status == "BLOCKED"
        before = len(model.of("never-right"))
        await backend.signal_workflow(workflow_id, "inject_feedback", {"message": "mind the gap"})
        await backend.resume_workflow(workflow_id)
        await backend.wait_workflow(workflow_id, 120)
    request = model.of("never-right")[before]
    assert request.carries("mind the gap")
    # Its message from before the block.
    assert request.carries("It must be right now.")


@pytest.mark.parametrize("kind", AGENTS)
async def test_a_crash_continues_the_same_conversation(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path, model, "wait").root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        await _wait_for_saved_conversation(root, kind, model)
        await backend.signal_workflow(workflow_id, "pause", {"now": True})
        await wait_until_async(lambda: not _agents_in(root), "the end of the agents")
        model.release("go")
        await backend.resume_workflow(workflow_id)
        info = await backend.wait_workflow(workflow_id, 120)
    assert info.status == "COMPLETED"
    assert (root / "half.txt").exists()
    with WorkflowStateStore(root / ".penguin" / "penguin.db") as store:
        sessions = {snapshot.session_id for snapshot in store.list_context_snapshots(workflow_id)}
    assert len(sessions) == 1


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agent_over_budget_is_stopped(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path, model, "burn(1000,50)", budget={"workflow": {"tokens": 3000}}).root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
    assert info.status == "BLOCKED"
    assert "tokens" in str(info.error_message)
    # It was stopped before its hundred answers.
    assert len(model.of("burn")) < 90
    assert not _agents_in(root)


@pytest.mark.parametrize("victim", ["launcher", "agent"])
@pytest.mark.parametrize("kind", AGENTS)
async def test_a_killed_agent_continues_the_same_conversation(
    tmp_path: Path, model: ModelServer, kind: str, victim: str
) -> None:
    root = make_workspace(kind, tmp_path, model, "wait").root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        await _wait_for_saved_conversation(root, kind, model)
        agents = _agents_in(root)
        kill(*(agents if victim == "agent" else launchers(root / ".penguin" / "engines")))
        await wait_until_async(lambda: not set(agents) & set(_agents_in(root)), "the end of the agents")
        model.release("go")
        info = await backend.wait_workflow(workflow_id, 120)
    assert info.status == "COMPLETED"
    with WorkflowStateStore(root / ".penguin" / "penguin.db") as store:
        sessions = {snapshot.session_id for snapshot in store.list_context_snapshots(workflow_id)}
    assert len(sessions) == 1
    assert model.requests[-1].carries("half.txt")


@pytest.mark.parametrize("kind", AGENTS)
async def test_a_judge_decides_unchecked_criteria_only(tmp_path: Path, model: ModelServer, kind: str) -> None:
    met = {"criterion": 1, "verdict": "met", "evidence": ["calc.py"], "reason": "it adds"}
    bare = {"criterion": 2, "verdict": "met", "evidence": [], "reason": "trust me"}
    model.scripts["write-add"] = _unless_asked(model.scripts["write-add"], {"criteria": [met, bare]})
    criteria = ["It adds", "It is kind", {"text": "It is fast", "check": "false"}]
    place = make_workspace(
        kind,
        tmp_path,
        model,
        "write-add",
        criteria=criteria,
        phases={"implement": {"agent": "it"}, "test": {"run": [CHECK]}, "use": "skip", "verify": {"judge": "it"}},
        orchestration={"retry": {"max_attempts": 1}},
    )
    async with get_backend(workspace_path=place.root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    assert info.status == "BLOCKED"
    steps = {step["name"]: str(step["verdict"]) for step in results[-1]["evidence"]["steps"]}
    asked = next(request for request in model.requests if "A judgement on" in request.prompt)
    assert not asked.carries("Implemented add in calc.py."), "it went on in the conversation of whom it judges"
    assert steps["It adds"] == "PASSED"
    assert steps["It is kind"] == "UNVERIFIED"
    assert steps["It is fast"] == "FAILED"
    report = _penguin(place.root, "/workflow report add")
    assert "- ✅ It adds\n  - judge it: PASSED, it adds\n  - Evidence: `calc.py`\n" in report
    assert "- ⚠️ It is kind\n  - judge it: UNVERIFIED, the judge cites no evidence: trust me\n" in report
    assert "- ❌ It is fast `false`\n  - FAILED, exit 1" in report
    assert "| USE | ➖ SKIPPED |  |  | skipped by configuration |" in report


def _penguin(root: Path, command: str) -> str:
    """Return the output of a command."""
    program = [sys.executable, "-m", "penguin_repl", "-c", command]
    return subprocess.run(program, cwd=root, capture_output=True, text=True, check=True, timeout=60).stdout


def _unless_asked(script: Script, judgement: object) -> Script:
    """Return a script that answers requests for a judgement, and else is the given one."""
    return lambda given: Answer(judgement) if "A judgement on" in given.prompt else script(given)


async def _wait_for_saved_conversation(root: Path, kind: str, model: ModelServer) -> None:
    """Wait until the agent has written its first tool call to its own files. It sends the result before it does so."""
    await asyncio.to_thread(model.await_request, "wait", 1)
    folder = root / ".penguin" / "agents" / kind
    await wait_until_async(
        lambda: any("half.txt" in file.read_text(errors="replace") for file in folder.rglob("*.jsonl")),
        "the agent's file of its conversation",
    )


def _agents_in(root: Path) -> list[int]:
    """Return the ids of the processes of a workspace's steps."""
    of_here = f"\0PENGUIN_WORKSPACE={root.resolve()}\0".encode()
    return [pid for pid in process_ids() if pid != os.getpid() and of_here in environment(pid)]

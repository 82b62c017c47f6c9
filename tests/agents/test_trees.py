"""Real agents in private clones: the feedback loop, crashes, and conflicts that the agent resolves."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.agents.agent_workspace import AgentWorkspace, agent_of
from tests.agents.conftest import program
from tests.agents.model_scripts import RIGHT, Action, Say, ScriptInput, Write, in_order
from tests.agents.model_server import ModelServer
from tests.support.git_repository import git
from tests.support.processes import environment, kill, process_ids
from tests.support.waiting import wait_until_async

from penguin.orchestration import get_backend
from penguin.orchestration.state import WorkflowStateStore

pytestmark = pytest.mark.anyio

AGENTS = ["claude", "codex"]
BRANCH = "penguin/b"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-of-nobody-1234567890")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def make_workspace(kind: str, root: Path, model: ModelServer, script: str, **settings: Any) -> AgentWorkspace:
    root.mkdir()
    retry = {"orchestration": {"retry": {"initial_delay_sec": 0}, "max_parallel": 2}}
    workspace = AgentWorkspace(root, agent_of(kind, program(kind), model), script, **retry, **settings)
    (root / ".gitignore").write_text("__pycache__/\n.penguin/\n")
    git(root, "commit", "-qam", "ignore")
    return workspace


def content(root: Path, path: str) -> str:
    command = ["git", "show", f"{BRANCH}:{path}"]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", AGENTS)
async def test_a_failed_test_is_fixed_in_the_same_conversation(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path / "shop", model, "fix-add", isolation="tree").root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        info = await backend.wait_workflow(workflow_id, 120)
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    assert (info.status, info.error_message) == ("COMPLETED", None)
    verdicts = [(result["phase"], str(result["verdict"])) for result in results[:4]]
    expected = [("IMPLEMENT", "PASSED"), ("TEST", "FAILED"), ("IMPLEMENT", "PASSED"), ("TEST", "PASSED")]
    assert verdicts == expected, results[0]
    assert content(root, "calc.py") == RIGHT
    assert not (root / "calc.py").exists()
    with WorkflowStateStore(root / ".penguin" / "penguin.db") as store:
        first, second = store.list_context_snapshots(workflow_id)
    assert first.session_id == second.session_id != ""


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agent_that_changes_nothing_fails(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path / "shop", model, "nothing", isolation="tree").root
    async with get_backend(workspace_path=root) as backend:
        info = await backend.wait_workflow(await backend.start_workflow("add"), 120)
    assert info.status == "BLOCKED"
    assert "the agent changed no file" in str(info.error_message)


@pytest.mark.parametrize("kind", AGENTS)
async def test_a_killed_agent_continues(tmp_path: Path, model: ModelServer, kind: str) -> None:
    root = make_workspace(kind, tmp_path / "shop", model, "wait", isolation="tree").root
    async with get_backend(workspace_path=root) as backend:
        workflow_id = await backend.start_workflow("add")
        await asyncio.to_thread(model.await_request, "wait", 1)
        agents = _agents_of(root)
        kill(*agents)
        await wait_until_async(lambda: not set(agents) & set(_agents_of(root)), "the end of the agent")
        model.release("go")
        info = await backend.wait_workflow(workflow_id, 120)
    assert (info.status, info.error_message) == ("COMPLETED", None)
    assert content(root, "half.txt") == "half\n"


def _agents_of(root: Path) -> list[int]:
    """Return the ids of the processes of a workspace's steps."""
    mark = f"\0PENGUIN_CHECKOUT={root.resolve()}\0".encode()
    return [pid for pid in process_ids() if mark in environment(pid)]


def _resolve(given: ScriptInput) -> Action:
    """Write the second half of a file; when told of a conflict, keep both halves."""
    if "conflict" in given.prompt:
        return in_order(Write("both.txt", "one and two\n"), Say("I kept both."))(given)
    return in_order(Write("both.txt", "two\n"), Say("I wrote it."))(given)


@pytest.mark.parametrize("kind", AGENTS)
async def test_an_agent_resolves_a_conflict(tmp_path: Path, model: ModelServer, kind: str) -> None:
    model.scripts["resolve"] = _resolve
    workspace = make_workspace(kind, tmp_path / "shop", model, "resolve", isolation="tree")
    root = workspace.root
    landed = f'git -C "$PENGUIN_CHECKOUT" log --format=%s {BRANCH} | grep -qx first'
    second_waits = f"while ! {landed}; do sleep 0.05; done"
    phases = {"test": {"run": [f'test "$PENGUIN_TASK_ID" = first || {{ {second_waits}; }}']}}
    first = {"id": "first", "phases": phases | {"implement": {"run": ["echo one > both.txt"]}}}
    workspace.tasks(first, {"id": "second", "description": "SCRIPT:resolve", "phases": phases})
    git(root, "commit", "-qam", "tasks")
    async with get_backend(workspace_path=root) as backend:
        started = await backend.start_tasks(["first", "second"])
        infos = await backend.wait_workflows(started, 120)
    assert [(info.status, info.error_message) for info in infos] == [("COMPLETED", None)] * 2
    assert content(root, "both.txt") == "one and two\n"
    assert model.of("resolve")[-1].carries("have conflict markers")

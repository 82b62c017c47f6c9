"""A conversation that starts on one host and continues on another without a shared disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agents.agent_workspace import AgentWorkspace, agent_of
from tests.agents.conftest import program
from tests.agents.model_scripts import FAILURE, RIGHT, Script, Wait
from tests.agents.model_server import ModelServer, Received
from tests.support.git_repository import git
from tests.support.temporal_server import temporal_server
from tests.support.waiting import wait_until_async
from tests.support.worker_process import WorkerProcesses

from penguin.orchestration import get_backend
from penguin.orchestration.state import WorkflowStateStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a Temporal server."""
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server.address


@pytest.fixture
def workers(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WorkerProcesses]]:
    """The two clones by name."""
    both = {name: WorkerProcesses(tmp_path / name, tmp_path_factory.mktemp(name)) for name in ("here", "there")}
    yield both
    for clone in both.values():
        clone.close()


@pytest.mark.parametrize("kind", ["claude", "codex"])
async def test_a_conversation_continues_on_another_host(
    tmp_path: Path,
    model: ModelServer,
    kind: str,
    server: str,
    workers: dict[str, WorkerProcesses],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-of-nobody-1234567890")
    model.scripts["fix-add"] = _held_once_it_failed(model.scripts["fix-add"])
    here, there = _clones(tmp_path, kind, model, server)
    doomed = workers["here"].start()
    async with get_backend(workspace_path=there) as client:
        workflow_id = await client.start_workflow("add")
        # The test failed here, and the agent got the failure; then the host stops.
        await wait_until_async(lambda: _told_of_the_failure(model, here), "the feedback")
        doomed.kill()
        doomed.wait()
        workers["there"].start()
        await wait_until_async(lambda: _told_of_the_failure(model, there), "the feedback on the other host")
        model.release("go")
        info = await client.wait_workflow(workflow_id, 120)
        results = await client.query_workflow(workflow_id, "get_phase_results")
    assert (info.status, [(result["phase"], result["attempt"], result["verdict"]) for result in results[:4]]) == (
        "COMPLETED",
        [("IMPLEMENT", 1, "PASSED"), ("TEST", 2, "FAILED"), ("IMPLEMENT", 3, "PASSED"), ("TEST", 4, "PASSED")],
    )
    assert (there / "calc.py").read_text() == RIGHT
    asked = _told_of_the_failure(model, there)[0]
    # The conversation contains its own messages; the prompt does not repeat them.
    assert any(
        entry.role == "assistant" and "Implemented add in calc.py." in entry.text for entry in asked.conversation
    )
    with WorkflowStateStore(there / ".penguin" / "penguin.db") as store:
        first, second = store.list_context_snapshots(workflow_id)
    assert (first.attempt, second.attempt) == (1, 3)
    assert first.session_id == second.session_id != ""


def _clones(folder: Path, kind: str, model: ModelServer, server: str) -> tuple[Path, Path]:
    """Two clones of one project that share nothing but a git remote and a storage."""
    here, there = folder / "here", folder / "there"
    here.mkdir()
    orchestration = {
        "backend": "temporal",
        "temporal": {"address": server, "auto_start": False},
        "retry": {"initial_delay_sec": 0},
        "phase_timeouts": {"implement": 120},
    }
    AgentWorkspace(
        here,
        agent_of(kind, program(kind), model),
        "fix-add",
        orchestration=orchestration,
        workspace={"remote": "origin", "push_to_upstream": True},
        storage={"url": os.fspath(folder / "storage")},
    )
    git(folder, "clone", "-q", "--bare", "here", "origin.git")
    git(here, "remote", "add", "origin", os.fspath(folder / "origin.git"))
    git(folder, "clone", "-q", "origin.git", "there")
    return here, there


def _held_once_it_failed(script: Script) -> Script:
    """Return the script, with a wait in its second conversation."""
    return lambda given: Wait("go", script(given)) if FAILURE.search(given.prompt) else script(given)


def _told_of_the_failure(model: ModelServer, root: Path) -> list[Received]:
    """Return the requests of an agent in this tree that contain the failure."""
    requests = (request for request in model.of("fix-add") if FAILURE.search(request.prompt))
    return [request for request in requests if os.fspath(root) in json.dumps(request.body)]

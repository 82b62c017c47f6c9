"""The tree of a workflow with real steps: stale passes, checkpoints, diff and `retry --restore`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.git_repository import git, make_repository
from tests.support.waiting import wait_for_workflow, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import WorkflowError
from penguin.orchestration.backend import IllegalCommand, WorkflowPhase
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.maintenance.prune import prune
from penguin.orchestration.worktree.checkpoints import Checkpoint, Checkpoints

pytestmark = pytest.mark.anyio


class Repo(SampleWorkspace):
    """A workspace under git with one task, whose gates the test sets."""

    def __init__(self, root: Path) -> None:
        git(root, "init", "-q")
        (root / "code.txt").write_text("one\n")
        super().__init__(root)
        self.tasks("a")

    def gates(self, *, criteria: list[str | dict[str, str]] | None = None, **run: str) -> None:
        gates = {phase: {"run": [run.get(phase, "true")]} for phase in ("implement", "test", "use", "verify")}
        if criteria is not None:
            gates["verify"] = {"criteria": True}  # type: ignore[dict-item]
            self.tasks({"id": "a", "acceptance_criteria": criteria})
        retry = {"initial_delay_sec": 0, "max_attempts": 1}
        config = {"project": {"id": "p"}, "blueprints": ["b.json"], "phases": gates, "orchestration": {"retry": retry}}
        (self.root / "penguin.yaml").write_text(json.dumps(config))
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "start")

    def checkpoints(self, workflow_id: str) -> list[Checkpoint]:
        return Checkpoints(self.root, self.root / ".penguin" / "runs" / workflow_id).all()

    def names(self, workflow_id: str) -> list[str]:
        return [checkpoint.name for checkpoint in self.checkpoints(workflow_id)]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


async def attempts(backend: Any, workflow_id: str) -> list[tuple[str, str]]:
    results = await backend.query_workflow(workflow_id, "get_phase_results")
    return [(result["phase"].value, result["verdict"].value) for result in results]


PASSED = [(phase, "PASSED") for phase in ("IMPLEMENT", "TEST", "USE", "VERIFY")]


# --- stale passes ---


async def test_a_use_step_that_changes_a_tracked_file_is_tested_again_once_and_then_blocked(repo: Repo) -> None:
    repo.gates(use="echo more >> code.txt")
    async with repo.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("a"), 20)
        assert info.status == "BLOCKED"
        assert info.error_message == "USE changed the tree again after TEST had passed: code.txt"
        assert await attempts(backend, info.workflow_id) == [*PASSED, *PASSED[1:]]


async def test_a_single_change_is_tested_again_and_then_passes(repo: Repo) -> None:
    repo.gates(use="grep -q more code.txt || echo more >> code.txt")
    async with repo.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("a"), 20)
        assert info.status == "COMPLETED"
        assert await attempts(backend, info.workflow_id) == [*PASSED, *PASSED[1:]]


async def test_a_check_that_changes_what_implement_made_is_named(repo: Repo) -> None:
    check = {"text": "Grows", "check": "echo more >> 'id_made by.py'"}
    repo.gates(implement="echo 1 > 'id_made by.py'", criteria=[check])
    async with repo.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("a"), 20)
        assert info.status == "BLOCKED"
        assert info.error_message == "VERIFY changed the tree again after TEST had passed: id_made by.py"


async def test_files_created_by_tests_make_no_pass_stale(repo: Repo) -> None:
    repo.gates(test="echo junk > report.xml; mkdir -p out; date > out/new", use="echo more >> report.xml")
    async with repo.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("a"), 20)
        assert info.status == "COMPLETED"
        assert await attempts(backend, info.workflow_id) == PASSED


async def test_an_edit_before_an_approval_is_tested(repo: Repo) -> None:
    repo.gates(criteria=["Somebody looked at it"])
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        assert (await backend.wait_workflow(workflow_id, 20)).status == "BLOCKED"
        (repo.root / "code.txt").write_text("edited\n")
        await backend.signal_workflow(workflow_id, "approve", {"by": "Ada"})
        await wait_for_workflow(backend, workflow_id, status="BLOCKED", phase="VERIFY")
        assert await attempts(backend, workflow_id) == [
            *PASSED[:3],
            ("VERIFY", "UNVERIFIED"),
            ("VERIFY", "PASSED"),
            *PASSED[1:3],
            ("VERIFY", "UNVERIFIED"),
        ]
        await backend.signal_workflow(workflow_id, "approve", {"by": "Ada"})
        assert (await backend.wait_workflow(workflow_id, 20)).status == "COMPLETED"
    names = repo.names(workflow_id)
    assert names[4:6] == ["4-verify", "4-verify-approved"]
    approved = repo.checkpoints(workflow_id)[5]
    assert git(repo.root, "show", f"{approved.commit}:code.txt") == "edited\n"


# --- checkpoints ---


async def test_every_attempt_has_a_checkpoint_in_its_evidence(repo: Repo) -> None:
    repo.gates(implement="echo 1 > made.py; echo x > .env; printf x > \"$(printf 'odd\\351')\"", test="false")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        assert (await backend.wait_workflow(workflow_id, 20)).status == "BLOCKED"
        results = await backend.query_workflow(workflow_id, "get_phase_results")
    kept = repo.checkpoints(workflow_id)
    assert [checkpoint.name for checkpoint in kept] == ["start", "1-implement", "2-test"]
    assert [result["evidence"]["checkpoint"] for result in results] == [checkpoint.commit for checkpoint in kept[1:]]
    assert [result["evidence"]["left_out"] for result in results] == [[".env"], [".env"]]
    assert [result["evidence"]["tree"] for result in results] == [checkpoint.digest for checkpoint in kept[1:]]


async def test_changes_of_a_cancelled_attempt_are_in_a_checkpoint(repo: Repo) -> None:
    repo.gates(implement="echo half > code.txt; touch begun; sleep 60")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await _exists(repo.root / "begun")
        await backend.cancel_workflow(workflow_id)
        await backend.wait_workflow(workflow_id, 20)
        assert repo.names(workflow_id) == ["start", "1-implement"]
        repo.gates()
        await backend.wait_workflow(await backend.retry_workflow(workflow_id, restore=True), 20)
    assert (repo.root / "code.txt").read_text() == "one\n"
    assert not (repo.root / "begun").exists()


async def _exists(path: Path) -> None:
    await wait_until_async(path.exists)


# --- retry --restore ---


async def test_restore_continues_from_the_tree_of_the_last_pass(repo: Repo) -> None:
    repo.gates(implement="echo two > code.txt; echo 1 > made.py", test="true", use="rm made.py code.txt; false")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        assert (await backend.wait_workflow(workflow_id, 20)).status == "BLOCKED"
        repo_index = (repo.root / ".git" / "index").read_bytes()
        new = await backend.retry_workflow(workflow_id, restore=True)
        assert (await backend.wait_workflow(new, 20)).status == "BLOCKED"
        assert repo.names(new) == ["start", "1-use"], "IMPLEMENT and TEST hold: their tree is back"
        assert (repo.root / ".git" / "index").read_bytes() == repo_index
    start = repo.checkpoints(new)[0]
    assert git(repo.root, "show", f"{start.commit}:code.txt") == "two\n"
    assert git(repo.root, "show", f"{start.commit}:made.py") == "1\n"


async def test_restore_of_a_retry_finds_the_tree_of_the_passes_it_took_over(repo: Repo) -> None:
    repo.gates(implement="echo two > code.txt", test="rm code.txt; false")
    async with repo.backend() as backend:
        first = await backend.start_workflow("a")
        await backend.wait_workflow(first, 20)
        second = await backend.retry_workflow(first, restore=True)
        await backend.wait_workflow(second, 20)
        third = await backend.retry_workflow(second, restore=True)
        await backend.wait_workflow(third, 20)
        assert repo.names(third) == ["start", "1-test"]


async def test_restore_from_implement_undoes_everything(repo: Repo) -> None:
    repo.gates(implement="echo two >> code.txt", verify="false")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await backend.wait_workflow(workflow_id, 20)
        new = await backend.retry_workflow(workflow_id, "IMPLEMENT", restore=True)
        await backend.wait_workflow(new, 20)
    assert (repo.root / "code.txt").read_text() == "one\ntwo\n"


async def test_restore_refuses_to_overwrite_unsaved_changes(repo: Repo) -> None:
    repo.gates(test="false")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await backend.wait_workflow(workflow_id, 20)
        (repo.root / "code.txt").write_text("by hand\n")
        with pytest.raises(WorkflowError, match=r"no checkpoint holds the changes in code\.txt"):
            await backend.retry_workflow(workflow_id, restore=True)
        info = await backend.get_workflow_status(workflow_id)
        assert info is not None
        assert info.status == "BLOCKED"
        assert (repo.root / "code.txt").read_text() == "by hand\n"
        git(repo.root, "stash", "-q")
        await backend.retry_workflow(workflow_id, restore=True)


async def test_restore_is_refused_while_another_workflow_runs(repo: Repo) -> None:
    repo.tasks("a", {"id": "b", "phases": {"implement": {"run": ["touch begun; sleep 60"]}}})
    repo.gates(test="false")
    async with repo.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await backend.wait_workflow(workflow_id, 20)
        other = await backend.start_workflow("b")
        await _exists(repo.root / "begun")
        with pytest.raises(IllegalCommand, match=f"while {other} uses them"):
            await backend.retry_workflow(workflow_id, restore=True)
        await backend.cancel_workflow(other)
        await backend.wait_workflow(other, 20)


async def test_restore_needs_git(workspace: SampleWorkspace) -> None:
    workspace.configure(retry={"max_attempts": 1})
    workspace.tasks({"id": "a", "phases": {"implement": {"run": ["false"]}}})
    async with workspace.backend() as backend:
        workflow_id = await backend.start_workflow("a")
        await backend.wait_workflow(workflow_id, 20)
        with pytest.raises(WorkflowError, match="--restore needs a git repository"):
            await backend.retry_workflow(workflow_id, restore=True)
        new = await backend.retry_workflow(workflow_id)
        await backend.wait_workflow(new, 20)
        assert await attempts(backend, new) == [(WorkflowPhase.IMPLEMENT, "FAILED")]


async def test_pruning_drops_the_checkpoints(repo: Repo) -> None:
    repo.gates()
    async with repo.backend() as backend:
        old = await backend.start_workflow("a")
        await backend.wait_workflow(old, 20)
        new = await backend.retry_workflow(old, "IMPLEMENT")
        await backend.wait_workflow(new, 20)
    assert [workflow.workflow_id for workflow in prune(Workspace(repo.root), 0.0).workflows] == [old]
    assert (len(repo.names(old)), len(repo.names(new))) == (0, 5)


async def test_a_use_step_that_changes_a_file_of_a_submodule_is_noticed(repo: Repo, tmp_path_factory: Any) -> None:
    source = make_repository(tmp_path_factory.mktemp("source") / "source")
    git(repo.root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "module")
    repo.gates(use="echo more >> module/code.py")
    async with repo.backend() as backend:
        info = await backend.wait_workflow(await backend.start_workflow("a"), 20)
        assert info.status == "BLOCKED"
        assert info.error_message == "USE changed the tree again after TEST had passed: module"
        results = await backend.query_workflow(info.workflow_id, "get_phase_results")
        assert results[-1]["evidence"]["left_out"] == ["module/"]

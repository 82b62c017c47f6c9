"""Changes that a workflow left in the working tree, in the status and evidence of the next one that takes the tree."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.store.stored_workflow import NOON, StoredWorkflow, commit_workflows
from tests.support.git_repository import git
from tests.support.waiting import wait_until_async
from tests.support.workspace import GATES, SampleWorkspace

from penguin.orchestration.backend import OrchestrationBackend, Verdict
from penguin.orchestration.runtime.changes_of_others import COMPARED, others_with_changes
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.queries import WorkflowReader

pytestmark = pytest.mark.anyio


class Backlog(SampleWorkspace):
    """A workspace whose tasks have their own commands; a task without any passes at once."""

    def __init__(self, root: Path, *, repository: bool = True) -> None:
        super().__init__(root)
        self.configure(retry={"initial_delay_sec": 0, "max_attempts": 1})
        self.define(a={"implement": "echo a > a.txt; echo more >> code.txt", "test": "false"})
        self.write("code.txt", "one\n")
        if repository:
            self.commit()

    def define(self, **tasks: dict[str, str]) -> None:
        """Write the blueprint: the tasks a, b and c, with these commands by phase."""
        named = {name: tasks.get(name, {}) for name in ("a", "b", "c")}
        items = [{"id": name, "phases": self._phases(commands)} for name, commands in named.items()]
        self.tasks(*items)

    @staticmethod
    def _phases(commands: dict[str, str]) -> dict[str, Any]:
        return {gate: {"run": [commands.get(gate, "true")]} for gate in GATES}

    def commit(self) -> None:
        if not (self.root / ".git").exists():
            git(self.root, "init", "-q")
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "all")

    def reader(self) -> WorkflowReader:
        return WorkflowReader(self.root / ".penguin" / "penguin.db")

    def left_changes(self, workflow_id: str) -> list[dict[str, Any]]:
        """Return those in its status, after checking that its evidence has them too."""
        found = list(self.reader().left_changes(workflow_id))
        evidence = [result.evidence.get("left_changes") for result in self.reader().results(workflow_id)]
        assert [it for it in evidence if it] == ([found] if found else [])
        return found


@pytest.fixture
def backlog(tmp_path: Path) -> Backlog:
    return Backlog(tmp_path)


async def run(backend: OrchestrationBackend, task: str, status: str = "COMPLETED") -> str:
    workflow_id = await backend.start_workflow(task)
    info = await backend.wait_workflow(workflow_id, 20)
    assert info.status == status, info.error_message
    return workflow_id


def changes_of(workflow_id: str, status: str, *files: str) -> dict[str, Any]:
    return {"workflow_id": workflow_id, "status": status, "files": list(files), "count": len(files)}


async def test_the_next_workflow_names_the_files_of_a_blocked_one_even_after_a_restart(backlog: Backlog) -> None:
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b")
    expected = changes_of(first, "BLOCKED", "a.txt", "code.txt")
    assert backlog.left_changes(second) == [expected]
    assert backlog.left_changes(first) == []
    texts = [entry.text for entry in backlog.reader().history(second)]
    contained = f"the working tree contained changes of {first} (BLOCKED): a.txt, code.txt"
    assert f"IMPLEMENT attempt 1 started; {contained}" in texts
    async with backlog.backend() as backend:
        third = await run(backend, "c")
    assert backlog.left_changes(third) == [expected]


async def test_it_is_known_while_the_first_attempt_runs(backlog: Backlog) -> None:
    backlog.define(a={"implement": "echo a > a.txt", "test": "false"}, b={"implement": "touch began; sleep 60"})
    backlog.commit()
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await backend.start_workflow("b")
        await wait_until_async((backlog.root / "began").exists)
        assert backlog.left_changes(second) == [changes_of(first, "BLOCKED", "a.txt")]
        await backend.cancel_workflow(second)
        third = await run(backend, "c")
    assert backlog.left_changes(third) == [
        changes_of(second, "CANCELLED", "began"),
        changes_of(first, "BLOCKED", "a.txt"),
    ]


@pytest.mark.parametrize("how", ["reverted", "committed"])
async def test_nothing_is_said_of_changes_that_were(backlog: Backlog, how: str) -> None:
    async with backlog.backend() as backend:
        await run(backend, "a", "BLOCKED")
        if how == "committed":
            backlog.commit()
        else:
            (backlog.root / "a.txt").unlink()
            git(backlog.root, "checkout", "-q", "code.txt")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == []


async def test_only_what_is_still_there_is_named_and_not_what_was_there_before(backlog: Backlog) -> None:
    backlog.write("code.txt", "an edit of the user\n")
    backlog.write("own.txt", "another\n")
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        backlog.write("code.txt", "an edit of the user\n")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [changes_of(first, "BLOCKED", "a.txt")]


async def test_a_deletion_is_a_change(backlog: Backlog) -> None:
    backlog.define(a={"implement": "rm code.txt", "test": "false"})
    backlog.commit()
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [changes_of(first, "BLOCKED", "code.txt")]


async def test_of_many_files_twenty_are_named_and_all_are_counted(backlog: Backlog) -> None:
    backlog.define(a={"implement": "for i in $(seq 10 34); do echo > f$i; done", "test": "false"})
    backlog.commit()
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b")
    (found,) = backlog.left_changes(second)
    assert (found["workflow_id"], found["files"], found["count"]) == (first, [f"f{i}" for i in range(10, 30)], 25)
    assert "f10, f11, f12, f13, f14 and 20 more" in backlog.reader().history(second)[2].text


async def test_a_retry_continues_the_work_of_its_task_and_takes_it_over_when_it_completes(backlog: Backlog) -> None:
    backlog.define(a={"implement": "echo a > a.txt", "test": "test -e fixed"})
    backlog.commit()
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        backlog.write("fixed", "")
        again = await backend.retry_workflow(first)
        assert (await backend.wait_workflow(again, 20)).status == "COMPLETED"
        second = await run(backend, "b")
    assert backlog.left_changes(again) == []
    assert backlog.left_changes(second) == []


async def test_a_retry_that_fails_too_is_named_with_the_files_of_the_workflow_before(backlog: Backlog) -> None:
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        again = await backend.retry_workflow(first)
        assert (await backend.wait_workflow(again, 20)).status == "BLOCKED"
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [changes_of(again, "BLOCKED", "a.txt", "code.txt")]


async def test_a_resumed_workflow_names_what_was_left_in_the_meantime(backlog: Backlog) -> None:
    backlog.define(a={"test": "test -e b.txt"}, b={"implement": "echo b > b.txt", "test": "false"})
    backlog.commit()
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b", "BLOCKED")
        assert backlog.left_changes(second) == []
        await backend.resume_workflow(first)
        assert (await backend.wait_workflow(first, 20)).status == "COMPLETED"
    assert backlog.left_changes(first) == [changes_of(second, "BLOCKED", "b.txt")]


async def test_in_a_subfolder_of_the_repository_names_are_relative_to_the_workspace(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    folder = tmp_path / "sub"
    folder.mkdir()
    backlog = Backlog(folder, repository=False)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    (tmp_path / "outside.txt").write_text("an edit of the user\n")
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [changes_of(first, "BLOCKED", "a.txt", "code.txt")]


async def test_in_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    backlog = Backlog(tmp_path, repository=False)
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [changes_of(first, "BLOCKED", "a.txt", "code.txt")]


@pytest.mark.parametrize("later", ["", "git"])
async def test_without_git_it_is_only_known_that_there_may_be_changes(tmp_path: Path, later: str) -> None:
    backlog = Backlog(tmp_path, repository=False)
    async with backlog.backend() as backend:
        first = await run(backend, "a", "BLOCKED")
        again = await backend.retry_workflow(first)
        await backend.wait_workflow(again, 20)
        if later:
            git(tmp_path, "init", "-q")
        second = await run(backend, "b")
    assert backlog.left_changes(second) == [{"workflow_id": again, "status": "BLOCKED", "files": [], "count": None}]
    assert f"may have contained changes of {again} (BLOCKED)" in backlog.reader().history(second)[2].text


async def test_what_never_began_or_completed_left_nothing_behind(backlog: Backlog) -> None:
    backlog.define(a={"implement": "echo a > a.txt"})
    backlog.commit()
    async with backlog.backend() as backend:
        await run(backend, "a")
        await backend.pause_workflow(unbegun := await backend.start_workflow("c"))
        await backend.cancel_workflow(unbegun)
        second = await run(backend, "b")
    assert backlog.left_changes(second) == []


async def test_a_shared_working_tree_is_not_compared(backlog: Backlog) -> None:
    async with backlog.backend() as backend:
        await run(backend, "a", "BLOCKED")
    backlog.replace_settings(isolation="shared")
    async with backlog.backend() as backend:
        second = await run(backend, "b")
    assert backlog.left_changes(second) == []


async def test_only_the_workflows_that_stopped_last_are_compared(tmp_path: Path) -> None:
    stopped = [
        StoredWorkflow(f"t{number}", at=NOON + number).run().report(Verdict.UNVERIFIED)
        for number in range(COMPARED + 2)
    ]
    db, other = tmp_path / "state.db", StoredWorkflow("other").state
    await asyncio.to_thread(commit_workflows, db, *stopped)
    assert other is not None
    with closing(open_store(db)) as connection:
        found = others_with_changes(connection, other)
    assert [one.workflow_id for one in found] == [workflow.id for workflow in reversed(stopped[2:])]

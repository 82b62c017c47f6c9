"""The tracking of a shared tree: another clone can continue from each attempt."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.git_clones import WORKFLOW, Clone, writing

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.definition import Definition, Gate, Task
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, Stop, StopControl
from penguin.orchestration.execution.tree_tracking import TreeTrackingRunner

pytestmark = pytest.mark.anyio


class Doing:
    """Runs attempts by calling a function."""

    def __init__(self, work: Callable[[Path], object], result: AttemptResult) -> None:
        self._work = work
        self._result = result

    async def run(self, order: AttemptOrder, control: StopControl) -> AttemptResult:
        self._work(Path(order.workspace))
        return self._result

    async def aclose(self) -> None:
        pass


PASSED = AttemptResult(verdict=Verdict.PASSED)


async def run(
    clone: Clone,
    attempt: int,
    phase: WorkflowPhase,
    work: Callable[[Path], object],
    result: AttemptResult = PASSED,
    *,
    shared: bool = True,
    gate: Gate | None = None,
) -> AttemptResult:
    order = AttemptOrder(
        workspace=str(clone.workspace),
        run_dir=str(clone.runs / WORKFLOW / f"{attempt}-{phase.lower()}"),
        workflow_id=WORKFLOW,
        phase=phase,
        attempt=attempt,
        definition=Definition(task=Task(id="t", title="A task"), gates={phase: gate} if gate else {}, timeouts={}),
    )
    return await TreeTrackingRunner(Doing(work, result), shared=shared).run(order, StopControl())


async def test_each_attempt_can_be_continued_elsewhere(one: Clone, two: Clone) -> None:
    one.bring()
    made = await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"))
    tested = await run(one, 2, WorkflowPhase.TEST, writing(report__xml="<r/>"))
    assert tested.tree == made.tree
    one.sharing.push(WORKFLOW)
    assert one.sharing.is_here(WORKFLOW, 2, tested.checkpoint)
    two.bring(2)
    assert two.sharing.is_here(WORKFLOW, 2, tested.checkpoint)
    verified = await run(two, 3, WorkflowPhase.VERIFY, writing())
    assert verified.tree == made.tree
    two.sharing.push(WORKFLOW)
    assert not one.sharing.is_here(WORKFLOW, 3)


async def test_an_interrupted_attempt_is_not_here_but_a_cancelled_one_is(one: Clone) -> None:
    one.bring()
    for stop, here in ((Stop.NOW, False), (Stop.CANCEL, True)):
        interrupted = AttemptResult(verdict=Verdict.INTERRUPTED, cause=stop)
        await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"), interrupted)
        assert one.sharing.is_here(WORKFLOW, 1) is here


async def test_without_sharing_no_ancestry_is_recorded(one: Clone) -> None:
    await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"), shared=False)
    ref = f"refs/penguin/{WORKFLOW}/1-implement"
    assert len(git(one.workspace, "rev-list", "--parents", "-1", ref).split()) == 2
    assert git(one.workspace, "for-each-ref", "refs/worktree") == ""
    assert not (one.runs / WORKFLOW / "checkpoint.here").exists()


async def test_a_newly_shared_tree_includes_earlier_work(one: Clone, two: Clone) -> None:
    await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"), shared=False)
    result = await run(one, 2, WorkflowPhase.TEST, writing())
    one.sharing.push(WORKFLOW)
    two.bring(2)
    assert two.tree().digest() == result.tree


# --- what git can't take ---


async def test_an_agents_file_with_a_filter_that_fails_counts_as_a_change(one: Clone) -> None:
    write_attributes(one)
    result = await run_agent(one, writing(new__txt="x"))
    assert (result.verdict, result.left_out) == (Verdict.PASSED, ("new.txt",))
    again = await run(one, 2, WorkflowPhase.TEST, writing(), shared=False)
    assert again.tree == result.tree
    changed = await run(one, 3, WorkflowPhase.TEST, writing(new__txt="y"), shared=False)
    assert changed.tree != result.tree


async def test_a_tracked_file_with_a_filter_that_fails_counts_as_a_change(one: Clone) -> None:
    write_attributes(one)
    one.write("code.txt", "one")
    git(one.workspace, "-c", "filter.absent.required=false", "-c", "filter.absent.clean=", "add", "code.txt")
    result = await run_agent(one, writing(code__txt="another length"))
    assert (result.verdict, result.left_out) == (Verdict.PASSED, ("code.txt",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
async def test_an_unreadable_file_counts_as_a_change(one: Clone) -> None:
    def work(workspace: Path) -> None:
        (workspace / "closed").write_text("x")
        (workspace / "closed").chmod(0)

    result = await run_agent(one, work)
    assert (result.verdict, result.left_out) == (Verdict.PASSED, ("closed",))


async def test_undetectable_changes_are_named_in_the_reason(one: Clone) -> None:
    result = await run_agent(one, lambda workspace: git(workspace, "init", "-q", "nested"))
    assert result.verdict is Verdict.FAILED
    assert "the agent changed no file" in result.reason
    assert "nested/" in result.reason


def write_attributes(clone: Clone) -> None:
    """Set a required filter for text files whose program is missing."""
    clone.write(".gitattributes", "*.txt filter=absent\n")
    git(clone.workspace, "config", "filter.absent.clean", "no-such-program-of-penguin")
    git(clone.workspace, "config", "filter.absent.required", "true")


async def run_agent(clone: Clone, work: Callable[[Path], object]) -> AttemptResult:
    gate = Gate(agent="coder")
    return await run(clone, 1, WorkflowPhase.IMPLEMENT, work, shared=False, gate=gate)

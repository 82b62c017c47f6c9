"""What the witness of attempts does where trees are shared: another clone can go on from each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.git_repository import git
from tests.worktree.git_clones import WORKFLOW, Clone, writing

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.definition import Definition, Task
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.execution.runner_api import AttemptOrder, Stop, StopControl
from penguin.orchestration.execution.tree_tracking import TreeTrackingRunner

pytestmark = pytest.mark.anyio


class Doing:
    """Runs attempts by calling a function."""

    def __init__(self, work: Callable[[Path], None], result: AttemptResult) -> None:
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
    work: Callable[[Path], None],
    result: AttemptResult = PASSED,
    *,
    shared: bool = True,
) -> AttemptResult:
    order = AttemptOrder(
        workspace=str(clone.workspace),
        run_dir=str(clone.runs / WORKFLOW / f"{attempt}-{phase.lower()}"),
        workflow_id=WORKFLOW,
        phase=phase,
        attempt=attempt,
        definition=Definition(task=Task(id="t", title="A task"), gates={}, timeouts={}),
    )
    return await TreeTrackingRunner(Doing(work, result), shared=shared).run(order, StopControl())


async def test_each_attempt_can_be_gone_on_from_elsewhere(one: Clone, two: Clone) -> None:
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


async def test_where_nothing_is_shared_nothing_of_it_is_kept(one: Clone) -> None:
    await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"), shared=False)
    ref = f"refs/penguin/{WORKFLOW}/1-implement"
    assert len(git(one.workspace, "rev-list", "--parents", "-1", ref).split()) == 2
    assert git(one.workspace, "for-each-ref", "refs/worktree") == ""
    assert not (one.runs / WORKFLOW / "checkpoint.here").exists()


async def test_a_tree_that_is_shared_from_now_on_takes_what_was_before_along(one: Clone, two: Clone) -> None:
    await run(one, 1, WorkflowPhase.IMPLEMENT, writing(made__py="x"), shared=False)
    result = await run(one, 2, WorkflowPhase.TEST, writing())
    one.sharing.push(WORKFLOW)
    two.bring(2)
    assert two.tree().digest() == result.tree

"""Retries: what the new workflow takes over."""

from __future__ import annotations

import pytest
from tests.core.scenario_driver import PASSED, after, started
from tests.scenarios.scenario import Setup

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import Cancel, Dispatch, Feedback, Pause, Report, Start, Supersede
from penguin.orchestration.core.decider import State, decide, retry_start
from penguin.orchestration.core.definition import Criterion, Definition, Gate, Recipe, RecipeStep
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.workflow_status import GATES


def blocked_at_verify(definition: Definition | None = None) -> State:
    start = Start(workflow_id="w", number=0, definition=definition or Setup().definition())
    state = decide(None, start, 1.0).state
    reports = [Report(number, PASSED) for number in (1, 2, 3)]
    return after(state, [Dispatch(), *reports, Report(4, AttemptResult(verdict=Verdict.UNVERIFIED))])


def retried(old: State, definition: Definition, tree: str = "a", start_from: WorkflowPhase | None = None) -> Start:
    return retry_start(old, workflow_id="w2", number=1, definition=definition, tree=tree, start_from=start_from)


def kept(start: Start) -> list[WorkflowPhase]:
    return [p.phase for p in start.passes]


def test_a_retry_keeps_no_pass_of_an_unknown_tree() -> None:
    start = retried(blocked_at_verify(), Setup().definition(), tree="")
    assert (start.phase, start.passes) == (WorkflowPhase.IMPLEMENT, ())


def test_a_retry_keeps_no_pass_without_a_digest() -> None:
    blank = AttemptResult(verdict=Verdict.PASSED)
    state = after(started(), [Dispatch(), Report(1, blank), Pause(), Report(2, blank), Cancel()])
    assert kept(retried(state, state.definition, tree="")) == []


def test_a_retry_repeats_a_gate_with_changed_checks() -> None:
    gates = Setup().definition().gates | {WorkflowPhase.TEST: Gate()}
    other = Definition(task=Setup().definition().task, gates=gates, timeouts={})
    assert kept(retried(blocked_at_verify(), other)) == [WorkflowPhase.IMPLEMENT]


def test_a_retry_ignores_the_line_of_a_recipe() -> None:
    def with_recipe(line: int, source: str) -> Definition:
        plain = Setup().definition()
        task = plain.task
        recipe = Recipe("try", (RecipeStep("shell", source, line=line),), line)
        task = type(task)(id=task.id, title=task.title, recipes=(recipe,), criteria=(Criterion("fine", line=line),))
        gates = plain.gates | {WorkflowPhase.USE: Gate(recipes=True)}
        return Definition(task=task, gates=gates, timeouts=plain.timeouts)

    old = blocked_at_verify(with_recipe(3, "make use"))
    assert kept(retried(old, with_recipe(9, "make use"))) == [*GATES[:3]]
    assert kept(retried(old, with_recipe(3, "make other"))) == [*GATES[:2]]


def test_a_retry_omits_gates_that_are_now_skipped() -> None:
    start = retried(blocked_at_verify(), Setup(skip=(WorkflowPhase.TEST,)).definition())
    assert (start.phase, kept(start)) == (WorkflowPhase.VERIFY, [WorkflowPhase.IMPLEMENT, WorkflowPhase.USE])


def test_a_retry_runs_gates_that_were_skipped_before() -> None:
    old = after(
        started(Setup(skip=(WorkflowPhase.TEST,))),
        [Dispatch(), Report(1, PASSED), Report(2, PASSED), Cancel(), Report(3, PASSED)],
    )
    start = retried(old, Setup().definition())
    assert (start.phase, kept(start)) == (WorkflowPhase.TEST, [WorkflowPhase.IMPLEMENT])


def test_only_a_blocked_workflow_can_be_superseded() -> None:
    assert after(blocked_at_verify(), [Supersede("Ann")]).status is WorkflowStatus.CANCELLED
    cancelled = after(started(), [Cancel()])
    assert decide(cancelled, Supersede(), 3.0).events == ()
    with pytest.raises(IllegalCommand):
        decide(started(), Supersede(), 3.0)


def test_a_retry_names_the_workflow_that_it_retries() -> None:
    old = after(blocked_at_verify(), [Feedback(ev.FeedbackItem("1", "mind the gap"))])
    start = retried(old, old.definition)
    assert (start.retry_of, start.workflow_id, start.number) == ("w", "w2", 1)
    assert [advice.text for advice in start.feedback] == ["mind the gap"]
    assert old.feedback == start.feedback

"""Parts of the state machine that scenarios do not cover: effects, late reports, owners, evidence, delays."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.scenario_driver import PASSED, after, started
from tests.scenarios.scenario import Setup

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import Approve, Await, Cancel, Claim, Dispatch, Pause, Report, Run, Start
from penguin.orchestration.core.decider import State, decide, effects, workflow_settled
from penguin.orchestration.core.results import AttemptResult, LeftChanges, StepEvidence
from penguin.orchestration.core.retry_policy import RetryPolicy
from penguin.orchestration.core.signals import Resume, sender_takes_over
from penguin.orchestration.core.tree_isolation import SHARED
from penguin.orchestration.workflow_status import GATES


def test_a_task_that_was_done_outside_is_completed_at_once_without_a_pass() -> None:
    start = Start(workflow_id="ituv-a-000000", number=0, definition=started().definition, by="ada", done_outside=True)
    decision = decide(None, start, 1.0)
    assert [type(event).__name__ for event in decision.events] == ["Started", "Completed"]
    assert (decision.state.status, decision.state.phase, decision.state.by) == ("COMPLETED", "DONE", "ada")
    assert (decision.state.passes, effects(decision.state)) == ((), ())


def test_effects_name_the_attempt_that_should_run() -> None:
    state = started(Setup(delay=5))
    assert effects(state) == (Await(0.0, True),)
    state = after(state, [Dispatch()])
    assert effects(state) == (Run(WorkflowPhase.IMPLEMENT, 1),)
    assert effects(after(state, [Pause()])) == (Run(WorkflowPhase.IMPLEMENT, 1, "pause"),)
    assert effects(after(state, [Pause(now=True)])) == (Run(WorkflowPhase.IMPLEMENT, 1, "now"),)
    assert effects(after(state, [Pause(), Cancel()])) == (Run(WorkflowPhase.IMPLEMENT, 1, "cancel"),)
    assert effects(after(state, [Pause(), Report(1, PASSED)])) == ()
    failed = after(state, [Report(1, AttemptResult(verdict=Verdict.FAILED))], now=10.0)
    assert effects(failed) == (Await(15.0, False),)


def test_a_dispatch_before_its_time_does_nothing() -> None:
    failed = after(started(Setup(delay=5)), [Dispatch(), Report(1, AttemptResult(verdict=Verdict.FAILED))], now=10.0)
    assert decide(failed, Dispatch(), 14.9).events == ()
    assert decide(failed, Dispatch(), 15.0).state.is_running


def test_changes_of_others_are_recorded_when_the_working_tree_is_taken() -> None:
    left = (LeftChanges("ituv-b-123456", WorkflowStatus.BLOCKED, ("b.txt",), 1),)
    begun = after(started(), [Dispatch(left)])
    assert begun.left_changes == left
    failed = after(begun, [Report(1, AttemptResult(verdict=Verdict.FAILED))], now=10.0)
    assert after(failed, [Dispatch(())], now=11.0).left_changes == left, "it held the tree"
    blocked = after(begun, [Report(1, AttemptResult(verdict=Verdict.UNVERIFIED)), Resume()])
    assert after(blocked, [Dispatch()]).left_changes == ()


def test_a_workflow_in_a_shared_working_tree_records_no_changes_of_others() -> None:
    state = started()
    state = replace(state, definition=replace(state.definition, isolation=SHARED))
    left = (LeftChanges("ituv-b-123456", WorkflowStatus.BLOCKED),)
    assert after(state, [Dispatch(left)]).left_changes == ()


def test_a_dispatch_after_the_whole_back_off_starts_the_attempt_whatever_the_clock_shows() -> None:
    failed = after(started(Setup(delay=5)), [Dispatch(), Report(1, AttemptResult(verdict=Verdict.FAILED))], now=10.0)
    assert decide(failed, Dispatch(waited_until=12.0), 13.0).events == (), "it waited for another back-off"
    again = decide(failed, Dispatch(waited_until=15.0), 13.0)
    assert again.state.is_running
    assert again.state.updated_at == 13.0


def test_no_event_is_earlier_than_the_one_before_it() -> None:
    failed = after(started(Setup(delay=5)), [Dispatch(), Report(1, AttemptResult(verdict=Verdict.FAILED))], now=10.0)
    decision = decide(failed, Cancel(), 3.0)
    assert [event.at for event in decision.events] == [10.0]


def test_a_rate_limit_delays_the_next_attempt_by_the_given_time() -> None:
    limited = AttemptResult(verdict=Verdict.ERROR, reason="too many requests", not_before=500.0)
    failed = after(started(Setup(agent=True, delay=5)), [Dispatch(), Report(1, limited)], now=10.0)
    assert effects(failed) == (Await(500.0, False),)
    long_over = after(started(Setup(agent=True, delay=5)), [Dispatch(), Report(1, limited)], now=600.0)
    assert effects(long_over) == (Await(605.0, False),)


@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_a_late_report_does_nothing(attempt: int) -> None:
    state = after(started(), [Dispatch(), Report(1, PASSED)])
    assert decide(state, Report(attempt, AttemptResult(verdict=Verdict.FAILED)), 3.0).events == ()


def test_a_report_to_a_final_workflow_does_nothing() -> None:
    state = after(started(), [Cancel()])
    assert decide(state, Report(1, PASSED), 3.0).events == ()


def test_a_claim_sets_the_owner() -> None:
    state = after(started(), [Claim("a"), Claim("a"), Claim("b")])
    assert state.owner == "b"
    assert decide(state, Claim("b"), 3.0).events == ()
    assert decide(after(state, [Cancel()]), Claim("c"), 3.0).events == ()


def test_implement_gets_the_findings_again_after_its_own_failure() -> None:
    step = StepEvidence(name="pytest", kind="run", verdict=Verdict.FAILED, reason="exit 1", excerpt="E assert 1 == 2")
    failed = AttemptResult(verdict=Verdict.FAILED, reason="1 test failed", steps=(step,))
    state = after(started(Setup(agent=True)), [Dispatch(), Report(1, PASSED), Report(2, failed)])
    assert state.phase is WorkflowPhase.IMPLEMENT
    assert "1 test failed" in state.evidence
    assert "E assert 1 == 2" in state.evidence
    state = after(state, [Report(3, AttemptResult(verdict=Verdict.ERROR, reason="timed out"))])
    assert "E assert 1 == 2" in state.evidence
    assert "timed out" in state.evidence
    assert after(state, [Report(4, PASSED)]).evidence == ""


def test_unverified_criteria_are_findings_for_implement() -> None:
    state = after(
        started(),
        [Dispatch(), Report(1, PASSED), Report(2, AttemptResult(verdict=Verdict.UNVERIFIED, reason="no test"))],
    )
    assert "no test" in state.evidence
    assert after(state, [Approve("Ann")]).evidence == ""


def start_at(phase: WorkflowPhase, *passes: WorkflowPhase, setup: Setup | None = None) -> State:
    definition = (setup or Setup()).definition()
    kept = tuple(ev.Pass(p) for p in passes)
    return decide(None, Start(workflow_id="w", number=0, definition=definition, phase=phase, passes=kept), 1.0).state


def test_a_start_cannot_skip_a_gate() -> None:
    implement, test, use, verify = GATES
    with pytest.raises(IllegalCommand):
        start_at(verify)
    with pytest.raises(IllegalCommand):
        start_at(verify, implement, use)
    assert start_at(test, implement).first is test
    assert start_at(test, setup=Setup(skip=(implement,))).first is test


def test_a_failure_never_moves_forward() -> None:
    with pytest.raises(IllegalCommand, match="VERIFY when TEST fails"):
        started(Setup(on_failure={WorkflowPhase.TEST: WorkflowPhase.VERIFY}))


def test_nothing_is_started_twice() -> None:
    with pytest.raises(IllegalCommand, match="started already"):
        decide(started(), Start(workflow_id="w", number=0, definition=Setup().definition()), 2.0)


def test_commands_before_the_start_are_refused() -> None:
    with pytest.raises(IllegalCommand):
        decide(None, Cancel(), 2.0)


@pytest.mark.parametrize(("failures", "delay"), [(1, 5.0), (2, 10.0), (3, 20.0), (7, 300.0), (2000, 300.0)])
def test_the_delay_before_the_next_attempt(failures: int, delay: float) -> None:
    assert RetryPolicy().delay_after(failures) == delay


def test_a_huge_multiplier_is_accepted() -> None:
    assert RetryPolicy(backoff_multiplier=1e300).delay_after(3) == 300.0


@pytest.mark.parametrize("status", list(WorkflowStatus))
@pytest.mark.parametrize("waits_on_settled", [False, True])
@pytest.mark.parametrize("others_settled", [False, True])
def test_workflow_settled(status: WorkflowStatus, waits_on_settled: bool, others_settled: bool) -> None:
    expected = {
        WorkflowStatus.PENDING: waits_on_settled,
        WorkflowStatus.RUNNING: waits_on_settled,
        WorkflowStatus.PAUSED: others_settled,
    }.get(status, True)
    assert workflow_settled(status, waits_on_settled, others_settled) is expected


@pytest.mark.parametrize("claims", [True, False])
def test_a_sender_always_takes_over_a_stop(claims: bool) -> None:
    idle, running = started(), after(started(), [Dispatch()])
    assert sender_takes_over("pause", after(running, [Pause(now=True)]), claims=claims)
    assert sender_takes_over("cancel", after(running, [Cancel()]), claims=claims)
    assert not sender_takes_over("pause", after(running, [Pause()]), claims=claims)
    assert not sender_takes_over("cancel", after(idle, [Cancel()]), claims=claims)
    assert not sender_takes_over("inject_feedback", running, claims=claims)
    assert sender_takes_over("resume", after(idle, [Pause(), Resume()]), claims=claims) is claims

"""Landing: the outcomes of one try to land a verified commit on its target branch, and what follows from each.

A workflow whose gates passed queues for its target branch. While it holds the branch, no other workflow of the same
repository lands there. If the branch moved since the workflow's base, TEST, USE and VERIFY run again on the merged
tree before the branch moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penguin.orchestration.backend import WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.commands import ReportLanding
from penguin.orchestration.core.results import Landed, LandingConflict, LandingRefused, MergedTree, TargetMoved
from penguin.orchestration.core.rules.gates import Draft, begin_landing, block_until_feedback, start_attempt

MOST_MOVES = 5
"""A workflow whose target branch moves this many times in a row before it can land is BLOCKED."""


def report_landing(d: Draft, c: ReportLanding) -> None:
    """Apply the outcome of a landing. A late report of another try is ignored."""
    s = d.state
    if s.landing is None or not s.landing.running or s.landing.number != c.number:
        return
    outcome = c.outcome
    if isinstance(outcome, Landed):
        # The branch has moved, so a pause or a cancellation came too late.
        d.add(ev.LandingDone(at=d.now, branch=outcome.branch, base=outcome.base, commit=outcome.commit))
        d.add(ev.Completed(at=d.now))
    elif s.cancelling:
        d.add(ev.Cancelled(at=d.now, by=s.by))
    elif s.status is WorkflowStatus.RUNNING and type(outcome) in _RULES:
        _RULES[type(outcome)](d, outcome)
    else:
        # A workflow that is PAUSED computes the merge again when it continues.
        d.add(ev.LandingInterrupted(at=d.now))


def _conflict(d: Draft, outcome: LandingConflict) -> None:
    s = d.state
    agent = s.gate(WorkflowPhase.IMPLEMENT).agent is not None
    following = WorkflowPhase.IMPLEMENT if agent else WorkflowPhase.TEST
    files = ", ".join(outcome.files)
    d.add(ev.LandingConflicted(at=d.now, base=outcome.base, files=outcome.files, report=outcome.report, next=following))
    times = d.state.failures[WorkflowPhase.VERIFY]
    if not agent:
        reason = f"landing: conflict with commits that landed meanwhile: {files}"
        d.add(ev.Blocked(at=d.now, reason=reason, advice=outcome.advice))
    elif times >= s.definition.retry.max_attempts:
        block_until_feedback(d, f"landing: conflict with commits that landed meanwhile, again: {files}")
    else:
        start_attempt(d, following)


def _gates_again(d: Draft, outcome: MergedTree) -> None:
    d.add(ev.GatesAgain(at=d.now, base=outcome.base, merged=outcome.commit, others=outcome.others))
    start_attempt(d, WorkflowPhase.TEST)


def _moved(d: Draft, outcome: TargetMoved) -> None:
    d.add(ev.TargetBranchMoved(at=d.now, base=outcome.base))
    landing = d.state.landing
    assert landing is not None
    if landing.moves < MOST_MOVES:
        begin_landing(d)
        return
    reason = f"landing: the branch moved {MOST_MOVES} times before the workflow could land"
    d.add(ev.Blocked(at=d.now, reason=reason, advice=f"/workflow resume {d.state.workflow_id}"))


def _refused(d: Draft, outcome: LandingRefused) -> None:
    d.add(ev.Blocked(at=d.now, reason=f"landing: {outcome.reason}", advice=outcome.advice))


_RULES: dict[type[Any], Callable[[Draft, Any], None]] = {
    LandingConflict: _conflict,
    MergedTree: _gates_again,
    TargetMoved: _moved,
    LandingRefused: _refused,
}

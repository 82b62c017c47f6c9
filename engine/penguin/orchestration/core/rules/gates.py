"""The rules of the gates: after a verdict, a gate passes, is retried, or blocks."""

from __future__ import annotations

from penguin.orchestration.backend import IllegalCommand, Verdict, WorkflowPhase
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.budget import exhausted_budget, suggested_grant
from penguin.orchestration.core.evolve import evolve
from penguin.orchestration.core.results import AttemptResult, LeftChanges
from penguin.orchestration.core.state import NEXT, State, is_failure


class Draft:
    """A decision in progress. Each event is applied as soon as it is decided.

    `now` is never earlier than the workflow's last event, even if the clock was set back.
    """

    __slots__ = ("_state", "events", "now")

    def __init__(self, state: State | None, now: float) -> None:
        self._state = state
        self.now = now if state is None else max(now, state.updated_at)
        self.events: list[ev.Event] = []

    @property
    def state(self) -> State:
        if self._state is None:
            raise IllegalCommand("the workflow is not started")
        return self._state

    @property
    def is_new(self) -> bool:
        return self._state is None

    def add(self, event: ev.Event) -> None:
        self.events.append(event)
        self._state = evolve(self._state, event)


def start_attempt(d: Draft, phase: WorkflowPhase, left_changes: tuple[LeftChanges, ...] = ()) -> None:
    """Start an attempt of `phase`, or of the first gate from there that is not skipped. Needs a slot."""
    phase = skip_gates(d, phase, holds_slot=True)
    if phase is WorkflowPhase.DONE:
        return
    s = d.state
    if (gate := s.gate(phase)).agent or gate.judge:
        spent = exhausted_budget(s.definition.budgets, s.granted, s.usage, s.used_before)
        if spent:
            _block_overspent(d, phase, spent)
            return
    again = s.open is not None and s.open.phase is phase
    d.add(
        ev.AttemptStarted(
            at=d.now,
            phase=phase,
            attempt=s.attempt if again else s.attempt + 1,
            delivered=tuple(a.id for a in s.feedback) if phase is WorkflowPhase.IMPLEMENT else (),
            again=again,
            left_changes=left_changes,
        )
    )


def skip_gates(d: Draft, phase: WorkflowPhase, *, holds_slot: bool = False) -> WorkflowPhase:
    """Skip gates from `phase` on and return the first one that is not skipped. Land or complete the workflow if none
    is left."""
    while phase is not WorkflowPhase.DONE and d.state.gate(phase).skip:
        d.add(ev.Skipped(at=d.now, phase=phase))
        phase = NEXT[phase]
    if phase is WorkflowPhase.DONE:
        _finish(d, holds_slot=holds_slot)
    return phase


def _finish(d: Draft, *, holds_slot: bool) -> None:
    """Complete a workflow whose gates passed, or land its commit first."""
    s = d.state
    if s.definition.land is None:
        d.add(ev.Completed(at=d.now))
    elif s.landing is None:
        review = s.definition.land.review
        d.add(ev.LandingQueued(at=d.now, commit=s.checkpoint, needs_approval=review))
        if review:
            _block_for_review(d)
    elif s.landing.holds_branch and holds_slot:
        begin_landing(d)


def begin_landing(d: Draft) -> None:
    """Begin a try to land. Needs a slot and the target branch."""
    d.add(ev.LandingBegan(at=d.now, number=d.state.landings + 1))


def apply_result(d: Draft, *, holds_slot: bool) -> None:
    """Apply the result of the attempt that ended."""
    ended = d.state.ended
    assert ended is not None
    result, phase = ended.result, ended.phase
    if result.impossible:
        d.add(ev.Failed(at=d.now, reason=f"{phase}: {result.reason}"))
    elif result.missing:
        d.add(ev.Blocked(at=d.now, reason=f"{phase}: {result.reason}", advice=result.missing))
    elif result.overspent:
        _block_overspent(d, phase, result.overspent)
    elif result.verdict is Verdict.PASSED:
        pass_gate(d, phase, result.tree, result.changed, holds_slot=holds_slot)
    elif is_failure(d.state, phase, result):
        _fail(d, phase, result, holds_slot=holds_slot)
    else:
        _block_unverified(d, phase, result)


def pass_gate(
    d: Draft,
    phase: WorkflowPhase,
    tree: str,
    changed: tuple[str, ...],
    *,
    holds_slot: bool,
    by: str = "",
    note: str = "",
    process: str = "",
) -> None:
    """Record a pass, by a person if `by` names one, and continue; go back to TEST if VERIFY saw another tree."""
    went_stale = d.state.stale
    d.add(ev.Passed(at=d.now, phase=phase, tree=tree, by=by, note=note, process=process))
    following = NEXT[phase]
    if phase is WorkflowPhase.VERIFY and _tree_changed(d.state, tree):
        if went_stale:
            _block_stale(d, changed)
            return
        d.add(ev.WentStale(at=d.now, changed=changed))
        following = WorkflowPhase.TEST
    _go_to(d, following, holds_slot=holds_slot)


def _go_to(d: Draft, phase: WorkflowPhase, *, holds_slot: bool) -> None:
    if holds_slot:
        start_attempt(d, phase)
    else:
        skip_gates(d, phase)


def _tree_changed(state: State, tree: str) -> bool:
    """Return whether the tree is another one than TEST passed on. One that is not known any more is another one."""
    tested = state.pass_of(WorkflowPhase.TEST)
    return tested is not None and bool(tested.tree) and tested.tree != tree


def _fail(d: Draft, phase: WorkflowPhase, result: AttemptResult, *, holds_slot: bool) -> None:
    s = d.state
    retry = s.definition.retry
    count = s.failures.get(phase, 0)
    agent = s.gate(WorkflowPhase.IMPLEMENT).agent
    if s.landing is not None and agent is None:
        block_until_feedback(d, f"{phase} failed on the tree merged with what landed meanwhile: {result.reason}")
        return
    if count >= retry.max_attempts:
        times = "once" if count == 1 else f"{count} times"
        verdict = "" if result.verdict is Verdict.FAILED else f" (last verdict: {result.verdict})"
        block_until_feedback(d, f"{phase} failed {times}{verdict}: {result.reason}")
        return
    delay = max(retry.delay_after(count), result.not_before - d.now)
    following = WorkflowPhase.IMPLEMENT if s.landing is not None else _on_failure(s, phase)
    d.add(ev.BackedOff(at=d.now, failed=phase, phase=following, until=d.now + delay))
    _go_to(d, following, holds_slot=holds_slot and not delay)


def _on_failure(s: State, phase: WorkflowPhase) -> WorkflowPhase:
    gate = s.gate(phase)
    implement = s.gate(WorkflowPhase.IMPLEMENT)
    if gate.on_failure is not None:
        return gate.on_failure
    return WorkflowPhase.IMPLEMENT if implement.agent is not None else phase


def block_until_feedback(d: Draft, reason: str) -> None:
    """Block the workflow with a hint to give feedback."""
    workflow = d.state.workflow_id
    hint = f"/workflow feedback {workflow} TEXT, then /workflow resume {workflow}"
    d.add(ev.Blocked(at=d.now, reason=reason, advice=hint))


def _block_overspent(d: Draft, phase: WorkflowPhase, reason: str) -> None:
    s = d.state
    grant = suggested_grant(s.definition.budgets, s.granted, s.usage, s.used_before)
    hint = f"/workflow resume {s.workflow_id}" + (f" --budget {grant}" if grant else "")
    d.add(ev.Blocked(at=d.now, reason=f"{phase}: {reason}", advice=hint, phase=phase))


def _block_unverified(d: Draft, phase: WorkflowPhase, result: AttemptResult) -> None:
    d.add(
        ev.Blocked(
            at=d.now,
            reason=f"{phase} is UNVERIFIED: {result.reason}",
            advice=f"/workflow approve {d.state.workflow_id} --by NAME",
            unverified=True,
        )
    )


def _block_for_review(d: Draft) -> None:
    """Wait for a person to approve the landing."""
    s = d.state
    assert s.definition.land is not None
    d.add(
        ev.Blocked(
            at=d.now,
            reason=f"all gates passed: a person approves before the commit lands on {s.definition.land.branch}",
            advice=f"/workflow approve {s.workflow_id} --by NAME",
            unverified=True,
        )
    )


def _block_stale(d: Draft, changed: tuple[str, ...]) -> None:
    files = ", ".join(changed) or "files"
    block_until_feedback(
        d, f"{_phase_that_changed_tree(d.state)} changed the tree again after TEST had passed: {files}"
    )


def _phase_that_changed_tree(s: State) -> str:
    """Return the phase that changed the tree after TEST passed."""
    tested, used = s.pass_of(WorkflowPhase.TEST), s.pass_of(WorkflowPhase.USE)
    if tested is None or used is None:
        return WorkflowPhase.VERIFY
    if not used.tree:
        return f"{WorkflowPhase.USE} or {WorkflowPhase.VERIFY}"
    return WorkflowPhase.VERIFY if used.tree == tested.tree else WorkflowPhase.USE

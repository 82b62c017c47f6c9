"""The workflow: hosts the pure machine on a Temporal server, which keeps every decision before anybody hears of it.

A drive is an activity that runs attempts, one after the other, for as long as the state asks for one; it takes its
orders from the workflow by update and brings the results back the same way. The workflow sees to it that there is a
drive whenever the machine wants one, and waits for everything else: times, people, dependencies.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import timedelta
from typing import Any

import msgspec
from temporalio import workflow
from temporalio.common import Priority, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from penguin.orchestration import events as ev
from penguin.orchestration.backend import IllegalCommand, WorkflowPhase, WorkflowStatus
from penguin.orchestration.commands import Await, Cancel, Claim, Command, Dispatch, Report, Run, Supersede
from penguin.orchestration.definition import PRIORITIES
from penguin.orchestration.evidence import AttemptResult
from penguin.orchestration.flow import State, evolve
from penguin.orchestration.info import info_of
from penguin.orchestration.ituv import Decision, decide, effects
from penguin.orchestration.steering import command_of
from penguin.orchestration.store.codec import encode_events
from penguin.orchestration.store.history import phase_results
from penguin.orchestration.temporal.protocol import (
    DRIVE,
    LOST,
    WORKFLOW,
    Answer,
    Begin,
    Carried,
    Events,
    Go,
    Wanted,
    decode,
    encode,
    phases_queue,
)
from penguin.orchestration.temporal.summary import STATE, summarize

PHASE = SearchAttributeKey.for_keyword("PenguinPhase")
STATUS = SearchAttributeKey.for_keyword("PenguinStatus")

ATTEMPTS_PER_RUN = 150
"""After so many attempts the workflow goes on in a new run: a server keeps no history of any length."""
HEARD = 200
"""Ids of so many commands are remembered, so that one that comes twice is obeyed once."""
LONG = timedelta(days=365)
"""A drive ends by itself; its attempts have time-outs of their own."""
HEARTBEAT = timedelta(seconds=5)
"""A worker that says nothing for so long is dead."""
INFRASTRUCTURE = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
"""For drives whose worker went away. Attempts that fail are the machine's business."""
CLOSING = timedelta(seconds=10)
"""A workflow that a retry replaced waits so long for the server's own cancellation."""
QUEUED, BEGUN, LEFT = "queued", "begun", "left"
"""Stages of a drive: not begun, at work, and told that there is nothing more to do."""
FIRST_LOOK, LAST_LOOK = 0.5, 30.0
"""Seconds between two looks at dependencies: doubled from the first to the last."""


@workflow.defn(name=WORKFLOW, failure_exception_types=[Exception])
class ItuvWorkflow:
    """One ITUV workflow, or one run of its long life."""

    heartbeat = HEARTBEAT
    attempts_per_run = ATTEMPTS_PER_RUN

    @workflow.init
    def __init__(self, argument: str) -> None:
        begin = decode(argument, Begin)
        self._rows: list[tuple[int, str]] = []
        self._changed = 0
        self._drive: asyncio.Task[None] | None = None
        self._stage = QUEUED
        self._nudged = False
        self._mishaps = 0
        self._told = False
        self._cancel_asked = False
        self._look_at = 0.0
        self._look_delay = FIRST_LOOK
        self._begun_here = 0
        carried = begin.carried
        if carried is not None:
            self._state, self._seq = carried.state, carried.seq
            self._ticket, self._term, self._begun = carried.ticket, carried.term, carried.begun
            self._heard, self._previous = list(carried.heard), carried.previous
        else:
            assert begin.start is not None
            self._seq = self._ticket = self._term = self._begun = 0
            self._heard, self._previous = [], ""
            # What the client wrote into the memo was decided at the same moment, so it is the same.
            self._believe(decide(None, begin.start, begin.at), tell=False)

    @workflow.run
    async def run(self, argument: str) -> str:
        """Until it is over; the last state's summary."""
        if not self._previous:
            workflow.metric_meter().create_counter("temporal_workflow_started", "ITUV workflows started").add(1)
        while True:
            try:
                await self._go_on()
                break
            except asyncio.CancelledError:
                self._cancel_asked = True
                self._cancel(workflow.cancellation_reason() or "")
        return await self._close()

    def _cancel(self, by: str) -> None:
        try:
            self._apply(Cancel(by))
        except IllegalCommand as error:
            self._note_refused("cancel", by, error)

    def _now(self) -> float:
        return workflow.time()

    # --- deciding ---

    def _apply(self, *commands: Command) -> None:
        """Several commands are one decision."""
        state = self._state
        events: list[ev.Event] = []
        for command in commands:
            decision = decide(state, command, self._now())
            state = decision.state
            events += decision.events
        self._believe(Decision(tuple(events), state, effects(state)))

    def _believe(self, decision: Decision, *, tell: bool = True) -> None:
        if not decision.events:
            return
        self._seq += 1
        self._rows.append((self._seq, encode_events(decision.events)))
        begun = sum(isinstance(event, ev.AttemptStarted) for event in decision.events)
        self._begun += begun
        self._begun_here += begun
        self._changed += 1
        before = self._state if tell else None
        self._state = decision.state
        if before is not None:
            self._publish(before)

    def _publish(self, before: State) -> None:
        now = self._state
        updates = []
        if now.phase is not before.phase:
            updates.append(PHASE.value_set(now.phase.value))
        if now.status is not before.status:
            updates.append(STATUS.value_set(now.status.value))
        if updates:
            workflow.upsert_search_attributes(updates)
        workflow.upsert_memo({STATE: self._summary()})

    def _summary(self) -> str:
        return summarize(self._seq, self._state)

    # --- what should be under way ---

    async def _go_on(self) -> None:
        while not self._over():
            seen = self._changed
            wait = self._enact()
            if self._drive is None and self._is_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                self._continue_as_new()
            try:
                # Bound now: the next turn of the loop has numbers of its own.
                await workflow.wait_condition(lambda seen=seen: self._changed != seen, timeout=wait)  # type: ignore[misc]
            except TimeoutError:
                continue

    def _over(self) -> bool:
        if not self._state.final or self._drive is not None:
            return False
        return self._told or self._state.status is not WorkflowStatus.COMPLETED

    def _enact(self) -> timedelta | None:
        """Bring the drive in line with the state; how long nothing else has to be done."""
        effect = next(iter(effects(self._state)), None)
        if isinstance(effect, Run):
            self._want_drive()
            if effect.stop and self._stage == BEGUN:
                self._nudge()
        elif isinstance(effect, Await):
            due = max(effect.until, self._look_at if effect.dependencies else 0.0)
            if due > self._now():
                self._dismiss()
                return timedelta(seconds=due - self._now())
            self._want_drive()
        elif self._state.status is WorkflowStatus.COMPLETED and not self._told:
            self._want_drive()
        else:
            self._dismiss()
        return None

    def _want_drive(self) -> None:
        if self._drive is None and not self._is_long():
            self._ticket += 1
            self._stage, self._nudged = QUEUED, False
            self._drive = asyncio.create_task(self._driven(self._ticket))
            self._drive.add_done_callback(self._drive_over)

    def _drive_over(self, drive: asyncio.Task[None]) -> None:
        self._drive = None
        self._changed += 1

    def _dismiss(self) -> None:
        """A drive that has not begun yet need not come any more."""
        if self._stage == QUEUED:
            self._nudge()

    def _nudge(self) -> None:
        """Make the drive ask what is wanted: all that a server can tell an activity is that it is cancelled."""
        if self._drive is not None and not self._nudged:
            self._nudged = True
            self._drive.cancel()

    async def _driven(self, ticket: int) -> None:
        task = self._state.definition.task
        wanted = Wanted(workflow_id=self._state.workflow_id, ticket=ticket)
        outcome = ""
        try:
            if self._mishaps:
                await workflow.sleep(min(2.0 ** (self._mishaps - 1), LAST_LOOK))
            outcome = await workflow.execute_activity(
                DRIVE,
                encode(wanted),
                task_queue=phases_queue(workflow.info().task_queue, task.project_id),
                result_type=str,
                start_to_close_timeout=LONG,
                heartbeat_timeout=self.heartbeat,
                retry_policy=INFRASTRUCTURE,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                priority=Priority(priority_key=self._priority()),
            )
            self._mishaps = 0
        except (ActivityError, asyncio.CancelledError):
            # Dismissed, or its worker died while it was being stopped: what is wanted now is seen in the state.
            self._mishaps += not self._nudged
        self._heed(outcome)

    def _heed(self, outcome: str) -> None:
        if outcome == "unmet":
            self._look_at = self._now() + self._look_delay
            self._look_delay = min(2 * self._look_delay, LAST_LOOK)
        elif outcome == "told":
            self._told = True

    def _priority(self) -> int:
        # What has begun goes on before anything new begins.
        if self._state.phase is not WorkflowPhase.PENDING:
            return 1
        return 2 + PRIORITIES.index(self._state.definition.task.priority)

    # --- the drive ---

    @workflow.update
    def begin(self, ticket: int, engine: str) -> str:
        """A drive has a slot: what is it to run?"""
        if ticket != self._ticket or self._drive is None:
            return encode(Answer())
        self._term += 1
        if self._is_wanted():
            self._stage = BEGUN
            self._apply(Claim(engine), Dispatch())
        return self._answer()

    def _is_wanted(self) -> bool:
        effect = next(iter(effects(self._state)), None)
        return isinstance(effect, Run) or (isinstance(effect, Await) and effect.until <= self._now())

    @workflow.update
    def report(self, term: int, begun: int, attempt: int, result: str) -> str:
        """An attempt came to an end: what follows?"""
        if term != self._term:
            return encode(Answer())
        if begun == self._begun:
            self._apply(Report(attempt, decode(result, AttemptResult)))
        return self._answer()

    @workflow.query
    def wanted_stop(self, term: int) -> str:
        """How the attempt under way should be asked to end; or LOST."""
        if term != self._term:
            return LOST
        effect = next(iter(effects(self._state)), None)
        return effect.stop if isinstance(effect, Run) else ""

    def _answer(self) -> str:
        effect = next(iter(effects(self._state)), None)
        go = self._order(effect) if isinstance(effect, Run) and self._stage == BEGUN and not self._is_long() else None
        if go is None:
            self._stage = LEFT
        return encode(Answer(term=self._term, go=go, summary=self._summary()))

    def _order(self, run: Run) -> Go:
        state = self._state
        opened, tested = state.open, state.pass_of(WorkflowPhase.TEST)
        return Go(
            phase=run.phase,
            attempt=run.attempt,
            begun=self._begun,
            stop=run.stop,
            feedback=tuple(advice.text for advice in opened.feedback) if opened is not None else (),
            evidence=state.evidence,
            tested_tree=tested.tree if tested is not None else "",
        )

    # --- people ---

    @workflow.update(name="pause")
    def pause(self, payload: dict[str, Any]) -> str:
        """Start no new step."""
        return self._obey("pause", payload)

    @workflow.update(name="resume")
    def resume(self, payload: dict[str, Any]) -> str:
        """Go on from PAUSED or BLOCKED."""
        return self._obey("resume", payload)

    @workflow.update(name="approve")
    def approve(self, payload: dict[str, Any]) -> str:
        """Pass an UNVERIFIED phase on a person's word."""
        return self._obey("approve", payload)

    @workflow.update(name="inject_feedback")
    def inject_feedback(self, payload: dict[str, Any]) -> str:
        """Queue advice."""
        return self._obey("inject_feedback", payload)

    @workflow.update(name="supersede")
    def supersede(self, payload: dict[str, Any]) -> str:
        """A retry replaces it."""
        return self._obey("supersede", payload)

    @workflow.signal(name="pause")
    def pause_signal(self, payload: dict[str, Any] | None = None) -> None:
        """As the update, for whoever does not wait for an answer."""
        self._heed_signal("pause", payload)

    @workflow.signal(name="resume")
    def resume_signal(self, payload: dict[str, Any] | None = None) -> None:
        """As the update."""
        self._heed_signal("resume", payload)

    @workflow.signal(name="approve")
    def approve_signal(self, payload: dict[str, Any] | None = None) -> None:
        """As the update."""
        self._heed_signal("approve", payload)

    @workflow.signal(name="inject_feedback")
    def feedback_signal(self, payload: dict[str, Any] | None = None) -> None:
        """As the update."""
        self._heed_signal("inject_feedback", payload)

    @workflow.signal
    def look_again(self) -> None:
        """A task that this one may depend on was completed."""
        self._look_at, self._look_delay = 0.0, FIRST_LOOK
        self._changed += 1

    @pause.validator
    def _may_pause(self, payload: dict[str, Any]) -> None:
        self._check("pause", payload)

    @resume.validator
    def _may_resume(self, payload: dict[str, Any]) -> None:
        self._check("resume", payload)

    @approve.validator
    def _may_approve(self, payload: dict[str, Any]) -> None:
        self._check("approve", payload)

    @inject_feedback.validator
    def _may_inject(self, payload: dict[str, Any]) -> None:
        self._check("inject_feedback", payload)

    @supersede.validator
    def _may_supersede(self, payload: dict[str, Any]) -> None:
        self._check("supersede", payload)

    def _check(self, name: str, payload: dict[str, Any]) -> None:
        """Raise what the client turns into IllegalCommand again."""
        try:
            if payload.get("id") not in self._heard:
                decide(self._state, self._command(name, payload), self._now())
        except IllegalCommand as error:
            raise ApplicationError(error.message, error.hint, type="IllegalCommand", non_retryable=True) from None

    def _obey(self, name: str, payload: dict[str, Any]) -> str:
        given = str(payload.get("id") or "")
        if not given or given not in self._heard:
            self._apply(self._command(name, payload))
            self._heard = [*self._heard, given][-HEARD:]
        return self._summary()

    def _command(self, name: str, payload: dict[str, Any]) -> Command:
        if name == "supersede":
            return Supersede(str(payload.get("by") or ""))
        said = {key: value for key, value in payload.items() if key != "id"}
        return command_of(name, said, by="", advice_id=str(payload.get("id") or self._seq + 1), at=self._now())

    def _heed_signal(self, name: str, payload: dict[str, Any] | None) -> None:
        try:
            self._obey(name, payload or {})
        except IllegalCommand as error:
            self._note_refused(name, str((payload or {}).get("by") or ""), error)

    def _note_refused(self, name: str, by: str, error: IllegalCommand) -> None:
        refused = ev.Refused(at=self._now(), command=name, by=by, reason=error.message)
        self._believe(Decision((refused,), evolve(self._state, refused), ()))

    # --- questions ---

    @workflow.query
    def get_status(self) -> dict[str, Any]:
        """The fields of WorkflowInfo."""
        info = info_of(self._state)
        return {field.name: msgspec.to_builtins(getattr(info, field.name)) for field in fields(info)}

    @workflow.query
    def get_progress(self) -> int:
        """Percent."""
        return self._state.phase.progress

    @workflow.query
    def get_artifacts(self) -> list[str]:
        """Paths."""
        return list(self._state.artifacts)

    @workflow.query
    def get_phase_results(self) -> list[dict[str, Any]]:
        """What the attempts of this run came to."""
        results = phase_results(self._rows)
        return [{field.name: msgspec.to_builtins(getattr(it, field.name)) for field in fields(it)} for it in results]

    @workflow.query
    def get_history(self) -> str:
        """The events of this run, and which run holds those before."""
        return encode(Events(rows=tuple(self._rows), previous=self._previous))

    # --- the end ---

    def _is_long(self) -> bool:
        # A cancellation that the server knows of is not carried over.
        if self._cancel_asked or self._state.final:
            return False
        return self._begun_here > self.attempts_per_run or workflow.info().is_continue_as_new_suggested()

    def _continue_as_new(self) -> None:
        carried = Carried(
            state=self._state,
            seq=self._seq,
            ticket=self._ticket,
            term=self._term,
            begun=self._begun,
            heard=tuple(self._heard),
            previous=workflow.info().run_id,
        )
        workflow.continue_as_new(encode(Begin(carried=carried)))

    async def _close(self) -> str:
        await workflow.wait_condition(workflow.all_handlers_finished)
        state = self._state
        if state.status is WorkflowStatus.FAILED:
            raise ApplicationError(state.reason, type="ItuvFailed", non_retryable=True)
        if state.status is WorkflowStatus.CANCELLED:
            if not self._cancel_asked:
                # Of a workflow that a retry replaced, the server hears a moment later.
                await workflow.sleep(CLOSING)
                return self._summary()
            raise asyncio.CancelledError
        return self._summary()

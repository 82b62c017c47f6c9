"""The ITUV workflow: hosts the state machine on a Temporal server, which stores every decision before it takes effect.

An activity runs attempts one after the other, as long as the state asks for one. It gets its orders from the workflow
by update and reports results the same way. The workflow makes sure that there is an activity whenever the state machine
needs one, and waits for everything else: times, people, dependencies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ApplicationError

from penguin.orchestration.backend import IllegalCommand, WorkflowStatus
from penguin.orchestration.core.commands import Await, Cancel, Claim, Dispatch, Report, Run
from penguin.orchestration.core.results import AttemptResult, LeftChanges
from penguin.orchestration.core.state import State
from penguin.orchestration.core.workflow_info import workflow_info
from penguin.orchestration.store.history import phase_results
from penguin.orchestration.temporal.client.memo import STATE
from penguin.orchestration.temporal.messages import LOST, WORKFLOW, BeginReply, RunEvents, WorkflowInput, decode, encode
from penguin.orchestration.temporal.workflows.activity_supervisor import HEARTBEAT, ActivitySupervisor
from penguin.orchestration.temporal.workflows.event_log import EventLog

PHASE = SearchAttributeKey.for_keyword("PenguinPhase")
STATUS = SearchAttributeKey.for_keyword("PenguinStatus")

ATTEMPTS_PER_RUN = 150
"""Number of attempts after which the workflow continues in a new run: a server limits the length of a history."""
CLOSING = timedelta(seconds=10)
"""How long a workflow that a retry replaced waits for the server's own cancellation."""
PAYLOAD_EXAMPLE = 'for example {"by": "Ann"}'


@workflow.defn(name=WORKFLOW, failure_exception_types=[Exception])
class ItuvWorkflow:
    """One ITUV workflow, or one of its runs."""

    heartbeat = HEARTBEAT
    attempts_per_run = ATTEMPTS_PER_RUN

    @workflow.init
    def __init__(self, argument: str) -> None:
        begin = decode(argument, WorkflowInput)
        carried = begin.carried
        self._record = EventLog(begin, self._now, self._publish)
        self._supervisor = ActivitySupervisor(
            carried.ticket if carried else 0,
            carried.term if carried else 0,
            lambda: self._state,
            self._touch,
            self.heartbeat,
        )
        self._previous = carried.previous if carried else ""
        self._cancel_asked = False

    @property
    def _state(self) -> State:
        return self._record.state

    def _now(self) -> float:
        return workflow.time()

    def _touch(self) -> None:
        self._record.changes += 1

    def _publish(self, before: State, now: State) -> None:
        updates = []
        if now.phase is not before.phase:
            updates.append(PHASE.value_set(now.phase.value))
        if now.status is not before.status:
            updates.append(STATUS.value_set(now.status.value))
        if updates:
            workflow.upsert_search_attributes(updates)
        workflow.upsert_memo({STATE: self._record.summary()})

    # --- life cycle ---

    @workflow.run
    async def run(self, argument: str) -> str:
        """Run until it is over. Return the summary of the last state."""
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
            self._record.apply(Cancel(by))
        except IllegalCommand as error:
            self._record.refuse("cancel", by, error)

    async def _go_on(self) -> None:
        while not self._over():
            seen = self._record.changes
            wait = self._enact()
            if self._supervisor.idle and self._is_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                self._continue_as_new()
            try:
                # Bound now: the next iteration has other numbers.
                await workflow.wait_condition(lambda seen=seen: self._record.changes != seen, timeout=wait)  # type: ignore[misc]
            except TimeoutError:
                continue

    def _over(self) -> bool:
        if not self._state.is_final or not self._supervisor.idle:
            return False
        return self._supervisor.told or self._state.status is not WorkflowStatus.COMPLETED

    def _enact(self) -> timedelta | None:
        """Start or end the activity as the state requires. Return the time until the next action."""
        effect, supervisor = self._record.effect, self._supervisor
        due = supervisor.look_at
        if isinstance(effect, Run):
            if effect.stop and supervisor.at_work:
                supervisor.nudge()
        elif isinstance(effect, Await):
            due = max(effect.until, due)
        elif self._state.status is not WorkflowStatus.COMPLETED or supervisor.told:
            supervisor.dismiss()
            return None
        if due > self._now():
            supervisor.dismiss()
            return timedelta(seconds=due - self._now())
        if not self._is_long():
            supervisor.want()
        return None

    def _is_long(self) -> bool:
        # The next run would lose a cancellation that the server knows of.
        if self._cancel_asked or self._state.is_final:
            return False
        return self._record.begun_here > self.attempts_per_run or workflow.info().is_continue_as_new_suggested()

    def _continue_as_new(self) -> None:
        supervisor, run_id = self._supervisor, workflow.info().run_id
        carried = self._record.carried(ticket=supervisor.ticket, term=supervisor.term, previous=run_id)
        workflow.continue_as_new(encode(WorkflowInput(carried=carried)))

    async def _close(self) -> str:
        await workflow.wait_condition(workflow.all_handlers_finished)
        state = self._state
        if state.status is WorkflowStatus.FAILED:
            raise ApplicationError(state.reason, type="ItuvFailed", non_retryable=True)
        if state.status is WorkflowStatus.CANCELLED:
            if not self._cancel_asked:
                # The server learns a moment later of a workflow that a retry replaced.
                await workflow.sleep(CLOSING)
                return self._record.summary()
            raise asyncio.CancelledError
        return self._record.summary()

    # --- attempts ---

    @workflow.update
    def begin(self, ticket: int, engine: str, host: str, left_changes: str = "[]") -> str:
        """Return what an activity that has a slot runs. `left_changes`: those of Dispatch, as JSON."""
        supervisor = self._supervisor
        if ticket != supervisor.ticket or supervisor.idle:
            return encode(BeginReply())
        supervisor.term += 1
        if self._is_wanted():
            supervisor.began()
            found = decode(left_changes, tuple[LeftChanges, ...])
            self._record.apply(Claim(engine, host), Dispatch(found))
        return self._answer()

    def _is_wanted(self) -> bool:
        effect = self._record.effect
        return isinstance(effect, Run) or (isinstance(effect, Await) and effect.until <= self._now())

    @workflow.update
    def report(self, term: int, begun: int, attempt: int, result: str) -> str:
        """Take the result of an attempt. Return what follows."""
        if term != self._supervisor.term:
            return encode(BeginReply())
        if begun == self._record.begun:
            self._record.apply(Report(attempt, decode(result, AttemptResult)))
        return self._answer()

    @workflow.query
    def wanted_stop(self, term: int) -> str:
        """Return how the running attempt should be stopped; or LOST."""
        if term != self._supervisor.term:
            return LOST
        effect = self._record.effect
        return effect.stop if isinstance(effect, Run) else ""

    def _answer(self) -> str:
        effect, supervisor = self._record.effect, self._supervisor
        goes_on = isinstance(effect, Run) and supervisor.at_work and not self._is_long()
        go = self._record.order(effect) if goes_on and isinstance(effect, Run) else None
        if go is None:
            supervisor.left()
        return encode(BeginReply(term=supervisor.term, go=go, summary=self._record.summary()))

    # --- commands ---

    @workflow.update(dynamic=True)
    def command(self, name: str, arguments: Sequence[RawValue]) -> str:
        """Apply the command of the update's name. Return the summary of the new state."""
        self._record.obey(name, _payload(arguments))
        return self._record.summary()

    @command.validator
    def _check_command(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Reject a command with an error that the client turns into IllegalCommand again."""
        try:
            self._record.check(name, _payload(arguments))
        except IllegalCommand as error:
            raise ApplicationError(error.message, error.hint, type="IllegalCommand", non_retryable=True) from None

    @workflow.signal(dynamic=True)
    def command_signal(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Apply a command whose sender does not wait for an answer: the history records if it was rejected."""
        payload: Mapping[str, Any] = {}
        try:
            payload = _payload(arguments)
            self._record.obey(name, payload)
        except IllegalCommand as error:
            self._record.refuse(name, str(payload.get("by") or ""), error)

    @workflow.signal
    def look_again(self) -> None:
        """Check now: a dependency was completed, or the files are available again."""
        self._supervisor.look_again(0.0)
        self._touch()

    # --- queries ---

    @workflow.query
    def get_status(self) -> dict[str, Any]:
        """Return the fields of WorkflowInfo."""
        return {name: msgspec.to_builtins(value) for name, value in workflow_info(self._state)._asdict().items()}

    @workflow.query
    def get_progress(self) -> int:
        """Return the progress in percent."""
        return self._state.phase.progress

    @workflow.query
    def get_artifacts(self) -> list[str]:
        """Return the paths of artifacts."""
        return list(self._state.artifacts)

    @workflow.query
    def get_phase_results(self) -> list[dict[str, Any]]:
        """Return the results of the attempts of this run."""
        results = phase_results(self._record.rows)
        return [{name: msgspec.to_builtins(value) for name, value in it._asdict().items()} for it in results]

    @workflow.query
    def get_history(self) -> str:
        """Return the events of this run, and the run that holds the earlier ones."""
        return encode(RunEvents(rows=tuple(self._record.rows), previous=self._previous))


def _payload(arguments: Sequence[RawValue]) -> Mapping[str, Any]:
    """Return the one argument of a command; none is an empty object. Raises IllegalCommand if it is not an object."""
    if not arguments:
        return {}
    try:
        payload = workflow.payload_converter().from_payload(arguments[0].payload)
    except Exception as error:
        # The workflow must survive any input of a client.
        raise IllegalCommand(f"the payload of the command can't be read: {error}", PAYLOAD_EXAMPLE) from None
    if not isinstance(payload, Mapping | None):
        raise IllegalCommand(f"the payload of a command is a JSON object, not {payload!r}", PAYLOAD_EXAMPLE)
    return payload or {}

"""The event log of a workflow: its state, its decisions, and the ids of applied commands, independent of a server.

`CarriedState` holds what one run of the workflow passes to the next; decisions stay with the run that made them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import asdict

from penguin.orchestration.backend import IllegalCommand
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.attempt_input import attempt_input
from penguin.orchestration.core.commands import Command, Effect, Run, Supersede
from penguin.orchestration.core.decider import Decision, decide, decide_together, effects
from penguin.orchestration.core.evolve import evolve
from penguin.orchestration.core.signals import command_from_signal
from penguin.orchestration.core.state import State
from penguin.orchestration.store.rows import encode_events
from penguin.orchestration.temporal.client.memo import encode_memo
from penguin.orchestration.temporal.messages import AttemptCommand, CarriedState, WorkflowInput

HEARD = 200
"""Number of command ids that are remembered, so that a repeated command is applied once."""


class EventLog:
    """The event log. `now` returns the time in seconds since the epoch; `publish` is called on each change."""

    def __init__(self, begin: WorkflowInput, now: Callable[[], float], publish: Callable[[State, State], None]) -> None:
        self.rows: list[tuple[int, str]] = []
        """The decisions of this run: number, and events as JSON."""
        self.changes = 0
        """A counter of changes that may require an action."""
        self.begun_here = 0
        """Number of attempts that this run started."""
        self._now = now
        self._publish = publish
        carried = begin.carried
        if carried is not None:
            self.state, self._seq, self.begun = carried.state, carried.seq, carried.begun
            self._heard = list(carried.heard)
            return
        assert begin.start is not None
        self._seq = self.begun = 0
        self._heard = []
        # The client wrote the same state into the memo, decided at the same moment.
        decision = decide(None, begin.start, begin.at)
        self.state = decision.state
        self._note(decision)

    # --- decide ---

    def apply(self, *commands: Command) -> None:
        """Apply several commands as one decision. Raises IllegalCommand."""
        self._believe(decide_together(self.state, commands, self._now()))

    def _believe(self, decision: Decision) -> None:
        if decision.events:
            before, self.state = self.state, decision.state
            self._note(decision)
            self._publish(before, self.state)

    def _note(self, decision: Decision) -> None:
        self._seq += 1
        self.rows.append((self._seq, encode_events(decision.events)))
        begun = sum(isinstance(event, ev.AttemptStarted) for event in decision.events)
        self.begun += begun
        self.begun_here += begun
        self.changes += 1

    @property
    def effect(self) -> Effect | None:
        """Return what should be running."""
        return next(iter(effects(self.state)), None)

    # --- commands from outside ---

    def check(self, name: str, payload: Mapping[str, Any]) -> None:
        """Raise IllegalCommand for a command that is not allowed now. One that was applied before is allowed."""
        if payload.get("id") not in self._heard:
            decide(self.state, self._command(name, payload), self._now())

    def obey(self, name: str, payload: Mapping[str, Any]) -> None:
        """Apply a command; one whose id was applied before changes nothing. Raises IllegalCommand."""
        given = str(payload.get("id") or "")
        if not given or given not in self._heard:
            self.apply(self._command(name, payload))
            self._heard = [*self._heard, given][-HEARD:]

    def refuse(self, name: str, by: str, error: IllegalCommand) -> None:
        """Record a rejected command whose sender does not wait for an answer."""
        refused = ev.Refused(at=self._now(), command=name, by=by, reason=error.message)
        self._believe(Decision((refused,), evolve(self.state, refused)))

    def _command(self, name: str, payload: Mapping[str, Any]) -> Command:
        if name == "supersede":
            return Supersede(str(payload.get("by") or ""))
        if name == "cancel":
            # The server must know of a cancellation: it closes the workflow as cancelled.
            raise IllegalCommand("cancel is no signal on a Temporal server", "temporal workflow cancel")
        said = {key: value for key, value in payload.items() if key != "id"}
        return command_from_signal(
            name, said, by="", feedback_id=str(payload.get("id") or self._seq + 1), at=self._now()
        )

    # --- report ---

    def summary(self) -> str:
        """Return the state, as in the memo."""
        return encode_memo(self._seq, self.state)

    def order(self, run: Run) -> AttemptCommand:
        """Return the order for an attempt activity."""
        given = asdict(attempt_input(self.state))
        return AttemptCommand(phase=run.phase, attempt=run.attempt, begun=self.begun, stop=run.stop, **given)

    def carried(self, *, ticket: int, term: int, previous: str) -> CarriedState:
        """Return the state for the next run."""
        return CarriedState(
            state=self.state,
            seq=self._seq,
            ticket=ticket,
            term=term,
            begun=self.begun,
            heard=tuple(self._heard),
            previous=previous,
        )

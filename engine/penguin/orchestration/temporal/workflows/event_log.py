"""A workflow's record: its state, the decisions that led to it, and which commands were heard. Knows no server.

What one run of the workflow hands to the next is in `Carried`; decisions stay with the run that made them.
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
from penguin.orchestration.core.signals import command_from_signal
from penguin.orchestration.core.state import State, evolve
from penguin.orchestration.store.rows import encode_events
from penguin.orchestration.temporal.client.memo import encode_memo
from penguin.orchestration.temporal.messages import AttemptCommand, CarriedState, WorkflowInput

HEARD = 200
"""Ids of so many commands are remembered, so that one that comes twice is obeyed once."""


class EventLog:
    """See the module. `now` tells the time, in seconds since the epoch; `publish` hears of each change."""

    def __init__(self, begin: WorkflowInput, now: Callable[[], float], publish: Callable[[State, State], None]) -> None:
        self.rows: list[tuple[int, str]] = []
        """The decisions of this run: number, and events as JSON."""
        self.changes = 0
        """Rises with everything that may ask for something else to be done."""
        self.begun_here = 0
        """Attempts that this run began."""
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
        # What the client wrote into the memo was decided at the same moment, so it is the same.
        decision = decide(None, begin.start, begin.at)
        self.state = decision.state
        self._note(decision)

    # --- deciding ---

    def apply(self, *commands: Command) -> None:
        """Several commands are one decision. Raises IllegalCommand."""
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
        """What should be under way."""
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
        """Record a command that was not allowed, and whose sender does not wait for an answer."""
        refused = ev.Refused(at=self._now(), command=name, by=by, reason=error.message)
        self._believe(Decision((refused,), evolve(self.state, refused), ()))

    def _command(self, name: str, payload: Mapping[str, Any]) -> Command:
        if name == "supersede":
            return Supersede(str(payload.get("by") or ""))
        if name == "cancel":
            # The server must know of it: it closes the workflow as cancelled.
            raise IllegalCommand("cancel is no signal on a Temporal server", "temporal workflow cancel")
        said = {key: value for key, value in payload.items() if key != "id"}
        return command_from_signal(
            name, said, by="", feedback_id=str(payload.get("id") or self._seq + 1), at=self._now()
        )

    # --- telling ---

    def summary(self) -> str:
        """The state, as in the memo."""
        return encode_memo(self._seq, self.state)

    def order(self, run: Run) -> AttemptCommand:
        """What a drive is told."""
        given = asdict(attempt_input(self.state))
        return AttemptCommand(phase=run.phase, attempt=run.attempt, begun=self.begun, stop=run.stop, **given)

    def carried(self, *, ticket: int, term: int, previous: str) -> CarriedState:
        """What the next run is given."""
        return CarriedState(
            state=self.state,
            seq=self._seq,
            ticket=ticket,
            term=term,
            begun=self.begun,
            heard=tuple(self._heard),
            previous=previous,
        )

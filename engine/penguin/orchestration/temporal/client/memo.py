"""The memo of a workflow: its state without bulky parts, readable without a worker.

The definition never changes, so it has a memo of its own, set once at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from penguin.orchestration.backend import WorkflowError, WorkflowStatus
from penguin.orchestration.core.commands import Cancel
from penguin.orchestration.core.decider import decide
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.events import Failed
from penguin.orchestration.core.evolve import evolve
from penguin.orchestration.core.state import State

STATE = "penguin_state"
DEFINITION = "penguin_definition"
_encode = msgspec.json.Encoder().encode


class UnreadableMemo(WorkflowError):
    """A memo that another program wrote, or a newer Penguin."""

    code = "unreadable_memo"


class WorkflowSnapshot(NamedTuple):
    """The state of a workflow when it was read."""

    seq: int
    """The number of its last decision; a higher one is newer."""
    state: State


def encode_memo(seq: int, state: State) -> str:
    """Encode the part that changes, without output of steps, for readers without the events.

    Of the findings, it keeps which phases have some: the states of the gates depend on it.
    """
    ended = state.ended
    if ended is not None:
        ended = replace(ended, result=replace(ended.result, steps=()))
    fields = msgspec.to_builtins(replace(state, findings=dict.fromkeys(state.findings, ""), ended=ended))
    del fields["definition"]
    return _encode([seq, fields]).decode()


def describe_definition(definition: Definition) -> str:
    """Encode the part that never changes."""
    return _encode(definition).decode()


def decode_memo(summary: str, definition: str) -> WorkflowSnapshot:
    """Decode the state, without the texts of findings. Raises UnreadableMemo."""
    try:
        seq, fields = msgspec.json.decode(summary, type=tuple[int, dict[str, Any]])
        fields["definition"] = msgspec.json.decode(definition)
        return WorkflowSnapshot(seq, msgspec.convert(fields, State))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableMemo(
            f"the server holds a state that this Penguin can't read: {error}", "update Penguin"
        ) from error


def memo_of(seq: int, state: State) -> Mapping[str, str]:
    """Return the memo of a new workflow."""
    return {STATE: encode_memo(seq, state), DEFINITION: describe_definition(state.definition)}


def ended_from_outside(seen: WorkflowSnapshot, how: str, at: float) -> WorkflowSnapshot:
    """Return the state of a workflow that the server closed while its own state is active.

    `how`: the status on the server, such as TERMINATED; `at`: seconds since the epoch.
    """
    state = seen.state
    if state.status.final:
        return seen
    if how in ("CANCELED", "TERMINATED"):
        state = decide(state, Cancel(), at).state
        if state.status is not WorkflowStatus.CANCELLED:
            state = replace(state, status=WorkflowStatus.CANCELLED, open=None, cancelling=False)
        reason = "" if how == "CANCELED" else "terminated on the Temporal server"
        return WorkflowSnapshot(seen.seq + 1, replace(state, reason=reason))
    failed = Failed(at=at, reason=f"the Temporal server closed it as {how}")
    return WorkflowSnapshot(seen.seq + 1, evolve(state, failed))

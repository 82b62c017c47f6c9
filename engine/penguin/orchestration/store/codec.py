"""Events and states as rows, and back."""

from __future__ import annotations

import msgspec

from penguin.orchestration.events import AnyEvent, Event
from penguin.orchestration.flow import State

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[AnyEvent]).decode

Row = tuple[str | int | float, ...]


def event_row(workflow_id: str, seq: int, events: tuple[Event, ...]) -> Row:
    """One row for all events of a decision."""
    kind = "+".join([type(event).__name__ for event in events])
    return (workflow_id, seq, events[-1].at, kind, encode_events(events))


def encode_events(events: tuple[Event, ...]) -> str:
    """The events of one decision."""
    return _encode(events).decode()


def decode_events(data: str) -> list[AnyEvent]:
    """The events of one row."""
    return _decode(data)


INSERT_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?)"

INSERT_RUN = f"INSERT INTO run VALUES ({', '.join('?' * 27)})"

UPDATE_RUN = """
UPDATE run SET seq = ?, updated_at = ?, status = ?, phase = ?, attempt = ?, slot = ?, due_at = ?, cancelling = ?,
    owner = ?, host = ?, actor = ?, reason = ?, advice = ?, artifacts = ?, turns = ?, tokens = ?, usd = ?, minutes = ?
WHERE workflow_id = ? AND seq = ?
"""


def inserted_run(state: State, seq: int) -> Row:
    """The projection of a new workflow."""
    task = state.definition.task
    fixed = (
        state.workflow_id,
        task.project_id,
        task.id,
        task.blueprint_id,
        task.title,
        _encode(task.dependencies).decode(),
        ", ".join(state.definition.agents),
        state.number,
        state.created_at,
    )
    return fixed + _changing(state, seq)


def updated_run(state: State, seq: int, before: int) -> Row:
    """The projection of a workflow that was at `before`."""
    return (*_changing(state, seq), state.workflow_id, before)


def _changing(state: State, seq: int) -> Row:
    return (
        seq,
        state.updated_at,
        state.status.value,
        state.phase.value,
        state.attempt,
        int(state.running),
        state.due_at,
        int(state.cancelling),
        state.owner,
        state.host,
        state.by,
        state.reason,
        state.advice,
        _encode(state.artifacts).decode() if state.artifacts else "[]",
        state.usage.turns,
        state.usage.tokens,
        state.usage.usd,
        state.usage.minutes,
    )

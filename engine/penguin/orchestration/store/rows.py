"""Conversion of events and states to rows, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from penguin.orchestration.core.events import AnyEvent, Event
from penguin.orchestration.core.state import State
from penguin.orchestration.store.progress import progress_text

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[AnyEvent]).decode


class UnreadableEvents(ValueError):
    """The JSON of a row holds no events."""


Row = tuple[str | int | float, ...]
EventRow = tuple[str, int, float, str, str]
"""Workflow, number, time, kinds of the events, and their JSON."""


def event_row(workflow_id: str, seq: int, events: tuple[Event, ...]) -> EventRow:
    """Return one row for all events of a decision."""
    kind = "+".join([type(event).__name__ for event in events])
    return (workflow_id, seq, events[-1].at, kind, encode_events(events))


def encode_events(events: tuple[Event, ...]) -> str:
    """Return the JSON of the events of one decision."""
    return _encode(events).decode()


def decode_events(data: str) -> list[AnyEvent]:
    """Return the events of one row. Raises UnreadableEvents."""
    try:
        events = _decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise UnreadableEvents(str(error)) from error
    if not events:
        raise UnreadableEvents("the list is empty")
    return events


def rewritten_rows(rows: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the rows of a history as Penguin writes them: complete, and with the types of the events.

    Raises UnreadableEvents.
    """
    return [(seq, encode_events(tuple(decode_events(data)))) for seq, data in rows]


INSERT_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?)"

_FIXED = [
    *("workflow_id", "project_id", "task_id", "blueprint_id", "title"),
    *("dependencies", "agents", "isolation", "target_branch", "number", "created_at"),
]
_MOVING = [
    *("seq", "updated_at", "phase", "attempt", "due_at", "cancelling", "host", "actor", "reason", "advice"),
    *("artifacts", "turns", "tokens", "usd", "minutes", "left_changes", "progress"),
]
_INDEXED = ["status", "slot", "holds_tree", "landing", "owner"]
RUN_COLUMNS = (*_FIXED, *_MOVING, *_INDEXED)
"""The columns of a run, in the order of `inserted_run`."""


def _update(columns: list[str]) -> str:
    return f"UPDATE run SET {', '.join(f'{name} = ?' for name in columns)} WHERE workflow_id = ? AND seq = ?"


INSERT_RUN = f"INSERT INTO run ({', '.join(RUN_COLUMNS)}) VALUES ({', '.join('?' * len(RUN_COLUMNS))})"
UPDATE_RUN = _update(_MOVING + _INDEXED)
# SQLite rewrites each index of a column that is set, even to the same value: most changes need no index.
UPDATE_WITHIN_STATUS = _update(_MOVING)


def inserted_run(state: State, seq: int) -> Row:
    """Return the row of a new workflow."""
    task = state.definition.task
    fixed = (
        state.workflow_id,
        task.project_id,
        task.id,
        task.blueprint_id,
        task.title,
        _encode(task.dependencies).decode(),
        ", ".join(state.definition.agents),
        state.definition.isolation,
        state.target_branch,
        state.number,
        state.created_at,
    )
    return fixed + _moving(state, seq) + _indexed(state)


def updated_run(state: State, before: State, seq: int) -> tuple[str, Row]:
    """Return the statement and values that update the row from `before`, at `seq - 1`, to this state."""
    key = (state.workflow_id, seq - 1)
    if (
        state.status is before.status
        and state.owner == before.owner
        and state.holds_tree is before.holds_tree
        and (state.landing is before.landing or state.landing_stage is before.landing_stage)
        and state.is_running is before.is_running
    ):
        return UPDATE_WITHIN_STATUS, _moving(state, seq) + key
    return UPDATE_RUN, _moving(state, seq) + _indexed(state) + key


def _indexed(state: State) -> Row:
    return (
        state.status.value,
        int(state.is_running),
        int(state.holds_tree),
        0 if state.landing is None else int(state.landing_stage),
        state.owner,
    )


def _moving(state: State, seq: int) -> Row:
    usage = state.usage
    return (
        seq,
        state.updated_at,
        state.phase.value,
        state.attempt,
        state.due_at,
        int(state.cancelling),
        state.host,
        state.by,
        state.reason,
        state.advice,
        _encode(state.artifacts).decode() if state.artifacts else "[]",
        usage.turns,
        usage.tokens,
        usage.usd,
        usage.minutes,
        _encode(state.left_changes).decode() if state.left_changes else "[]",
        progress_text(state),
    )


class Write(Struct):
    """The changes of one decision to one workflow."""

    event: EventRow
    statement: str
    """The statement that updates the workflow's row, with the values `run`."""
    run: Row
    takes_slot: bool
    frees_slot: bool = False
    tree: Literal["take", "free", ""] = ""
    """What it does with the working tree."""
    branch: str = ""
    """The target branch that it takes; empty: none."""

    @property
    def workflow_id(self) -> str:
        return self.event[0]

    @property
    def entry(self) -> tuple[str, int]:
        """Its entry in the index: the workflow, and the number of its event."""
        return self.event[:2]

    @property
    def new(self) -> bool:
        """Whether it creates the workflow."""
        return self.statement is INSERT_RUN


def write_of(events: tuple[Event, ...], state: State, before: State | None, seq: int) -> Write:
    """Return the rows of a decision that moves a workflow from event number `seq - 1` to `seq`."""
    ran = before is not None and before.is_running
    runs = state.is_running
    event = event_row(state.workflow_id, seq, events)
    statement, run = (INSERT_RUN, inserted_run(state, seq)) if before is None else updated_run(state, before, seq)
    return Write(
        event,
        statement,
        run,
        takes_slot=runs and not ran,
        frees_slot=ran and not runs,
        tree=_tree_change(before is not None and before.holds_tree, state.holds_tree),
        branch=_taken_branch(before, state),
    )


def _taken_branch(before: State | None, state: State) -> str:
    if state.landing is None:
        return ""
    held = before is not None and before.landing_stage.holds_branch
    return state.target_branch if state.landing_stage.holds_branch and not held else ""


def _tree_change(held: bool, holds: bool) -> Literal["take", "free", ""]:
    if held is holds:
        return ""
    return "take" if holds else "free"

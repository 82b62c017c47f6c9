"""The progress of workflows: the state of each gate, the attempt, the time and the title, for tables of many."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.workflow_status import GATES, WorkflowPhase, WorkflowStatus

if TYPE_CHECKING:
    from penguin.orchestration.core.priority import Rank
    from penguin.orchestration.core.state import State

ROWS = """
SELECT workflow_id, title, status, phase, attempt, slot, created_at, updated_at, due_at FROM run
WHERE workflow_id IN ({})
"""
EVENTS = "SELECT data FROM event WHERE workflow_id = ? ORDER BY seq"
SKIPPED_GATES = f"""
SELECT {", ".join(f"json_extract(data, '$[0].definition.gates.{gate}.skip')" for gate in GATES)} FROM event
WHERE workflow_id = ? ORDER BY seq LIMIT 1
"""
LAST = 1_000
"""Comes after every priority."""
AT_ONCE = 500
"""Maximum number of ids in one query: SQLite limits parameters to a few thousand."""


class GateState(StrEnum):
    """The state of one gate of a workflow."""

    PASSED = "PASSED"
    SKIPPED = "SKIPPED"
    """The configuration skips it."""
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    """Its last attempt did not pass; it runs again, or the workflow FAILED here."""
    BLOCKED = "BLOCKED"
    """It waits for a person."""
    WAITING = "WAITING"
    """It has not run since IMPLEMENT ran last."""


class WorkflowProgress(NamedTuple):
    """The progress of one workflow at one moment."""

    title: str
    """The title of its task."""
    gates: tuple[GateState, ...]
    """The states of the four gates, in order."""
    attempt: int
    """The attempt of the current gate, from 1, since the start or the last resume from BLOCKED; 0: none."""
    max_attempts: int
    """How many attempts the current gate has; 0 if it is not known here, or the workflow has ended."""
    is_running: bool
    """Whether a step runs now."""
    elapsed: float
    """Seconds since its start, until now or its end."""
    due_at: float
    """When it continues after a failure, in seconds since the epoch; 0: it waits for no time."""
    rank: Rank
    """Its place among waiting workflows; the lowest is first."""


class _Row(NamedTuple):
    workflow_id: str
    title: str
    status: str
    phase: str
    attempt: int
    slot: int
    created_at: float
    updated_at: float
    due_at: float


def progress_of(
    connection: sqlite3.Connection, workflow_ids: Iterable[str], now: float | None = None
) -> dict[str, WorkflowProgress]:
    """Return the progress of workflows by id. Unknown ids are left out.

    Args:
        connection: A database of workflows.
        workflow_ids: The workflows.
        now: Seconds since the epoch; default: the current time.
    """
    ids = list(workflow_ids)
    moment = time.time() if now is None else now
    found: dict[str, WorkflowProgress] = {}
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        rows = connection.execute(ROWS.format(", ".join("?" * len(part))), part)
        found |= {row.workflow_id: _progress(connection, row, moment) for row in map(_Row._make, rows.fetchall())}
    return found


def gate_states(state: State) -> tuple[GateState, ...]:
    """Return the states of a workflow's four gates."""
    return tuple(_gate_state(state, gate) for gate in GATES)


def _gate_state(state: State, gate: WorkflowPhase) -> GateState:
    if state.gate(gate).skip:
        return GateState.SKIPPED
    if state.pass_of(gate) is not None or state.status is WorkflowStatus.COMPLETED:
        return GateState.PASSED
    if state.is_running and state.phase is gate:
        return GateState.RUNNING
    if state.status is WorkflowStatus.BLOCKED and state.phase is gate:
        return GateState.BLOCKED
    failed = gate in state.findings or (state.status is WorkflowStatus.FAILED and state.phase is gate)
    return GateState.FAILED if failed else GateState.WAITING


def _progress(connection: sqlite3.Connection, row: _Row, now: float) -> WorkflowProgress:
    status = WorkflowStatus(row.status)
    end = row.updated_at if status.final else now
    state = None if status.final else _state(connection, row.workflow_id)
    if state is None:
        gates, attempt, most = _gates_of_row(connection, row), 0, 0
        rank = _rank_of_row(row)
    else:
        from penguin.orchestration.core.priority import queue_priority

        gates, most = gate_states(state), state.definition.retry.max_attempts
        attempt, rank = _attempt_number(state), queue_priority(state)
    elapsed = max(0.0, end - row.created_at)
    return WorkflowProgress(row.title, gates, attempt, most, bool(row.slot), elapsed, row.due_at, rank)


def _attempt_number(state: State) -> int:
    if not state.attempt or not state.phase.is_gate:
        return 0
    # While it waits for a retry, the next attempt counts already.
    failures = state.failures.get(state.phase, 0)
    return failures + 1 if state.is_running or state.status.moving else failures


def _rank_of_row(row: _Row) -> Rank:
    """Return the place of a workflow whose task is not known here: after those of the same kind."""
    return (row.phase == WorkflowPhase.PENDING, (LAST, 0.0, 0, 0), row.created_at)


def _state(connection: sqlite3.Connection, workflow_id: str) -> State | None:
    """Return the state of a workflow; None if its events are not in this database, or can't be read."""
    rows = connection.execute(EVENTS, (workflow_id,)).fetchall()
    if not rows:
        return None
    from penguin.orchestration.core.state import rebuild
    from penguin.orchestration.store.rows import UnreadableEvents, decode_events

    try:
        return rebuild([event for (data,) in rows for event in decode_events(data)])
    except (UnreadableEvents, ValueError, TypeError, LookupError):
        # `penguin check` names a damaged history; a table still shows the row.
        return None


def _gates_of_row(connection: sqlite3.Connection, row: _Row) -> tuple[GateState, ...]:
    """Return the states of the gates as far as the row tells them."""
    status, phase = WorkflowStatus(row.status), WorkflowPhase(row.phase)
    skipped = connection.execute(SKIPPED_GATES, (row.workflow_id,)).fetchone() or (None,) * len(GATES)
    current = {
        WorkflowStatus.FAILED: GateState.FAILED,
        WorkflowStatus.BLOCKED: GateState.BLOCKED,
        WorkflowStatus.RUNNING: GateState.RUNNING if row.slot else GateState.WAITING,
    }.get(status, GateState.WAITING)
    order = list(WorkflowPhase)
    states = []
    for gate, skip in zip(GATES, skipped, strict=True):
        if skip:
            states.append(GateState.SKIPPED)
        elif status is WorkflowStatus.COMPLETED or order.index(gate) < order.index(phase):
            states.append(GateState.PASSED)
        else:
            states.append(current if gate is phase else GateState.WAITING)
    return tuple(states)

"""The progress of workflows: the state of each gate, the attempt, the time and the title, for tables of many."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.core.priority import Rank, TaskRank, rank_of
from penguin.orchestration.workflow_status import GATES, WorkflowPhase, WorkflowStatus

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State

ROWS = """
SELECT workflow_id, title, status, phase, slot, created_at, updated_at, due_at, progress FROM run
WHERE workflow_id IN ({})
"""
SKIPPED_GATES = f"""
SELECT {", ".join(f"json_extract(data, '$[0].definition.gates.{gate}.skip')" for gate in GATES)} FROM event
WHERE workflow_id = ? ORDER BY seq LIMIT 1
"""
LAST: TaskRank = (1_000, 0.0, 0, 0)
"""Comes after every task."""
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


_STOPPED = {WorkflowStatus.BLOCKED: GateState.BLOCKED, WorkflowStatus.FAILED: GateState.FAILED}
"""The state of the gate at which a workflow stopped, by its status."""


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
    slot: int
    created_at: float
    updated_at: float
    due_at: float
    progress: str


class _Stored(NamedTuple):
    """What the column `progress` holds."""

    gates: tuple[GateState, ...]
    attempt: int
    max_attempts: int
    task_rank: TaskRank


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


def progress_text(state: State) -> str:
    """Return what the column `progress` of a workflow's row holds: the states of its gates, its attempt and the
    maximum, and the rank of its task, as words with spaces between them."""
    gates = " ".join(_gate_states(state))
    attempt, most = (0, 0) if state.is_final else (_attempt_number(state), state.definition.retry.max_attempts)
    priority, value, risk, place = state.definition.task.rank
    return f"{gates} {attempt} {most} {priority} {value} {risk} {place}"


def _gate_states(state: State) -> list[GateState]:
    # Written with every decision, so it computes once what is the same for all gates.
    gates, findings = state.definition.gates, state.findings
    passed = GATES if state.status is WorkflowStatus.COMPLETED else [each.phase for each in state.passes]
    current = GateState.RUNNING if state.is_running else _STOPPED.get(state.status)
    states = []
    for gate in GATES:
        if gates[gate].skip:
            states.append(GateState.SKIPPED)
        elif gate in passed:
            states.append(GateState.PASSED)
        elif gate is state.phase and current is not None:
            states.append(current)
        else:
            states.append(GateState.FAILED if gate in findings else GateState.WAITING)
    return states


def _progress(connection: sqlite3.Connection, row: _Row, now: float) -> WorkflowProgress:
    status, phase = WorkflowStatus(row.status), WorkflowPhase(row.phase)
    end = row.updated_at if status.final else now
    gates, attempt, most, task_rank = _stored(row.progress) or _Stored(_gates_of_row(connection, row), 0, 0, LAST)
    rank = rank_of(phase, task_rank, row.created_at)
    elapsed = max(0.0, end - row.created_at)
    return WorkflowProgress(row.title, gates, attempt, most, bool(row.slot), elapsed, row.due_at, rank)


def _stored(text: str) -> _Stored | None:
    """Return what a `progress_text` says; None if it says nothing: another version or a damage left it so."""
    words = text.split(" ")
    try:
        gates = tuple(map(GateState, words[: len(GATES)]))
        attempt, most, priority, value, risk, place = words[len(GATES) :]
        return _Stored(gates, int(attempt), int(most), (int(priority), float(value), int(risk), int(place)))
    except ValueError:
        # `penguin check` names damaged values; a table still shows the row.
        return None


def _attempt_number(state: State) -> int:
    if not state.attempt or not state.phase.is_gate:
        return 0
    # While it waits for a retry, the next attempt counts already.
    failures = state.failures.get(state.phase, 0)
    return failures + 1 if state.is_running or state.status.moving else failures


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

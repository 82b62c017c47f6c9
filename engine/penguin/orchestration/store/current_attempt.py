"""The current attempt of a workflow: its number, when it began, and its time-out."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowPhase

BEGINNING = """
SELECT data FROM event WHERE workflow_id = ? AND kind LIKE '%AttemptStarted%' ORDER BY seq DESC LIMIT 1
"""
TIMEOUTS = """
SELECT json_extract(data, '$[0].definition.timeouts') FROM event WHERE workflow_id = ? ORDER BY seq LIMIT 1
"""


class CurrentAttempt(NamedTuple):
    """The newest attempt of a workflow."""

    phase: WorkflowPhase
    attempt: int
    running: bool
    """Whether it holds a slot now: it began and has not ended."""
    started_at: float | None = None
    """Seconds since the epoch; None if its beginning is not known here."""
    limit: float | None = None
    """Its time-out in seconds; None if it is not known here."""

    @property
    def until(self) -> float | None:
        """The time of its time-out, in seconds since the epoch; None if it does not run, or the time is not known."""
        if not self.running or self.started_at is None or self.limit is None:
            return None
        return self.started_at + self.limit


def current_attempt(connection: sqlite3.Connection, engines: str, workflow_id: str) -> CurrentAttempt | None:
    """Return the newest attempt; None before the first one, and for an unknown workflow."""
    run = connection.execute("SELECT phase, attempt, slot FROM run WHERE workflow_id = ?", (workflow_id,)).fetchone()
    if run is None or not run[1]:
        return None
    found = CurrentAttempt(WorkflowPhase(run[0]), run[1], bool(run[2]))
    began_at = _began_at(connection, workflow_id, found.attempt)
    return found._replace(started_at=began_at, limit=_limit(connection, workflow_id, found.phase))


def _began_at(connection: sqlite3.Connection, workflow_id: str, attempt: int) -> float | None:
    row = connection.execute(BEGINNING, (workflow_id,)).fetchone()
    for event in json.loads(row[0]) if row else ():
        if event["type"] == "AttemptStarted" and event["attempt"] == attempt:
            return float(event["at"])
    return None


def _limit(connection: sqlite3.Connection, workflow_id: str, phase: WorkflowPhase) -> float | None:
    row = connection.execute(TIMEOUTS, (workflow_id,)).fetchone()
    timeouts = json.loads(row[0]) if row and row[0] else {}
    return float(timeouts[phase]) if phase in timeouts else None

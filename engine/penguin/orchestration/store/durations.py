"""How long completed workflows took, from their first attempt to their end."""

from __future__ import annotations

import sqlite3

COMPLETED = """
SELECT workflow_id, task_id, updated_at FROM run INDEXED BY run_project_status_updated
WHERE project_id = ? AND status = 'COMPLETED' ORDER BY updated_at DESC, workflow_id LIMIT ?
"""
FIRST_ATTEMPT = """
SELECT at FROM event WHERE workflow_id = ? AND kind LIKE '%AttemptStarted%' ORDER BY seq LIMIT 1
"""
NEWEST = 100
"""How many completed workflows are read."""


def task_durations(connection: sqlite3.Connection, project_id: str) -> dict[str, float]:
    """Return seconds by task: of the newest completed workflow of each.

    Workflows without an attempt, such as tasks that a person recorded as done, are left out. So are those whose events
    are not in this database.
    """
    found: dict[str, float] = {}
    for workflow_id, task_id, ended_at in connection.execute(COMPLETED, (project_id, NEWEST)).fetchall():
        begun = connection.execute(FIRST_ATTEMPT, (workflow_id,)).fetchone()
        if begun and task_id not in found:
            found[task_id] = max(0.0, ended_at - begun[0])
    return found

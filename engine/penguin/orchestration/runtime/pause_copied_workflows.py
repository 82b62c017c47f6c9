"""The pause of all active workflows of a database that no engine has open: a copied workspace."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.commands import Command, Pause, Report
from penguin.orchestration.core.decider import decide
from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.core.state import State
from penguin.orchestration.store.connection import open_store
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error, sql_list
from penguin.orchestration.store.rows import INSERT_EVENT, decode_events, event_row, updated_run
from penguin.orchestration.workflow_status import MOVING

SELECT_MOVING = f"SELECT workflow_id FROM run WHERE status IN ({sql_list(MOVING)}) OR slot = 1 ORDER BY workflow_id"
SELECT_EVENTS = "SELECT seq, data FROM event WHERE workflow_id = ? ORDER BY seq"


def pause_all(db: Path, by: str) -> list[str]:
    """Pause every PENDING and RUNNING workflow in one transaction. Return their ids.

    A running attempt counts as interrupted: its steps run in the original workspace. Raises StoreError.
    """
    if not db.exists():
        return []
    connection = open_store(db)
    try:
        connection.execute("BEGIN IMMEDIATE")
        moving = [row[0] for row in connection.execute(SELECT_MOVING)]
        for workflow_id in moving:
            _pause(connection, workflow_id, by)
        connection.execute("COMMIT")
    except DATABASE_ERRORS as error:
        raise explain_error(error, db) from error
    finally:
        # Closing a connection rolls back an open transaction.
        connection.close()
    return moving


def _pause(connection: sqlite3.Connection, workflow_id: str, by: str) -> None:
    rows = connection.execute(SELECT_EVENTS, (workflow_id,)).fetchall()
    before = rebuild([event for _, data in rows for event in decode_events(data)])
    seq = rows[-1][0]
    state = before
    for command in _commands(before, by):
        decision = decide(state, command, time.time())
        if not decision.events:
            continue
        seq += 1
        connection.execute(INSERT_EVENT, event_row(workflow_id, seq, decision.events))
        connection.execute(*updated_run(decision.state, state, seq))
        state = decision.state


def _commands(state: State, by: str) -> list[Command]:
    # A workflow that is being cancelled can't be paused: the end of its attempt cancels it.
    commands: list[Command] = [] if state.cancelling else [Pause(by=by, now=True)]
    if state.open is not None and state.open.running:
        commands.append(Report(state.open.number, AttemptResult(verdict=Verdict.INTERRUPTED, cause="now")))
    return commands

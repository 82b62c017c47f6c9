"""A workflow in memory: its newest durable state, and what this engine runs for it."""

from __future__ import annotations

import asyncio
import sqlite3

from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.state import State
from penguin.orchestration.errors import unknown_workflow
from penguin.orchestration.execution.runner_api import StopControl
from penguin.orchestration.store.database_file import UNREADABLE_VALUE, damaged_value, database_name
from penguin.orchestration.store.queries import is_text
from penguin.orchestration.store.rows import decode_events


class WorkflowEntry:
    """One workflow in the memory of this engine."""

    __slots__ = ("control", "driver", "lock", "seq", "state")

    def __init__(self, state: State, seq: int) -> None:
        self.state = state
        self.seq = seq
        self.lock = asyncio.Lock()
        """Held while a decision is being written."""
        self.driver: asyncio.Task[None] | None = None
        self.control: StopControl | None = None


def load(connection: sqlite3.Connection, workflow_id: str) -> tuple[State, int]:
    """Return a workflow's state, rebuilt from its events, and the number of the last one.

    Raises WorkflowNotFound, and StoreError if its history is damaged.
    """
    if not is_text(workflow_id):
        raise unknown_workflow(workflow_id)
    rows = connection.execute(
        "SELECT seq, data FROM event WHERE workflow_id = ? ORDER BY seq", (workflow_id,)
    ).fetchall()
    if not rows:
        raise unknown_workflow(workflow_id)
    try:
        return rebuild([event for _, data in rows for event in decode_events(data)]), int(rows[-1][0])
    except UNREADABLE_VALUE as error:
        raise damaged_value(error, database_name(connection), f"the history of {workflow_id}") from error

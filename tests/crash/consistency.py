"""Whether a database tells one story: its rows are what its events rebuild, and the events are possible."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

from penguin.orchestration import events as ev
from penguin.orchestration.backend import ACTIVE
from penguin.orchestration.flow import State, rebuild
from penguin.orchestration.store.codec import decode_events, inserted_run

EVENTS = "SELECT workflow_id, seq, data FROM event ORDER BY workflow_id, seq"


def assert_consistent(db: Path) -> None:
    """Raise AssertionError where the store contradicts itself."""
    if not db.exists():
        return
    with sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return  # Its maker died before the first table.
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        events = connection.execute(EVENTS).fetchall()
        rows = {row[0]: row for row in connection.execute("SELECT * FROM run")}
    connection.close()
    histories: dict[str, list[tuple[int, list[ev.AnyEvent]]]] = {}
    for workflow_id, seq, data in events:
        histories.setdefault(workflow_id, []).append((seq, decode_events(data)))
    assert histories.keys() == rows.keys(), "a workflow has events but no row, or a row but no events"
    states = [_checked(workflow_id, history, rows[workflow_id]) for workflow_id, history in histories.items()]
    active = [state.definition.task.id for state in states if state.status in ACTIVE]
    assert len(active) == len(set(active)), "a task has two active workflows"


def _checked(workflow_id: str, history: list[tuple[int, list[ev.AnyEvent]]], row: tuple[object, ...]) -> State:
    numbers = [seq for seq, _ in history]
    assert numbers == list(range(1, len(numbers) + 1)), f"{workflow_id}: numbers are missing in {numbers}"
    told = [event for _, events in history for event in events]
    state = rebuild(told)
    assert inserted_run(state, numbers[-1]) == row, f"{workflow_id}: its row is not what its events say"
    _assert_possible(workflow_id, told)
    return state


def _assert_possible(workflow_id: str, told: list[ev.AnyEvent]) -> None:
    """Each attempt begins once, ends at most once, and begins again only after an interruption."""
    begun = [event.attempt for event in told if isinstance(event, ev.AttemptStarted) and not event.again]
    assert begun == list(range(1, len(begun) + 1)), f"{workflow_id}: attempts {begun}"
    ended = [event.attempt for event in told if isinstance(event, ev.AttemptEnded)]
    assert len(ended) == len(set(ended)), f"{workflow_id}: an attempt ended twice: {ended}"
    of_attempts = [e for e in told if isinstance(e, (ev.AttemptStarted, ev.AttemptEnded, ev.Interrupted))]
    for before, after in pairwise(of_attempts):
        again = isinstance(after, ev.AttemptStarted) and after.again
        interrupted = isinstance(before, ev.Interrupted)
        assert not again or interrupted, f"{workflow_id}: attempt {after.attempt} began again, uninterrupted"

"""The consistency of a store: `penguin check`, and the order of events."""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import groupby, pairwise
from operator import itemgetter

from penguin.orchestration.core import events as ev
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.maintenance.check import check
from penguin.orchestration.store.rows import decode_events

EVENTS = "SELECT workflow_id, data FROM event ORDER BY workflow_id, seq"


def assert_consistent(workspace: Workspace) -> None:
    """Raise AssertionError if the store is inconsistent."""
    assert check(workspace).problems == ()
    if not workspace.db.exists():
        return
    with contextlib.closing(sqlite3.connect(f"{workspace.db.as_uri()}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchall():
            return  # The process died before it created a table.
        rows = connection.execute(EVENTS).fetchall()
    for workflow_id, history in groupby(rows, itemgetter(0)):
        _assert_possible(workflow_id, [event for _, data in history for event in decode_events(data)])


def _assert_possible(workflow_id: str, events: list[ev.AnyEvent]) -> None:
    """Each attempt begins once, ends at most once, and begins again only after an interruption."""
    begun = [event.attempt for event in events if isinstance(event, ev.AttemptStarted) and not event.again]
    assert begun == list(range(1, len(begun) + 1)), f"{workflow_id}: attempts {begun}"
    ended = [event.attempt for event in events if isinstance(event, ev.AttemptEnded)]
    assert len(ended) == len(set(ended)), f"{workflow_id}: an attempt ended twice: {ended}"
    of_attempts = [e for e in events if isinstance(e, (ev.AttemptStarted, ev.AttemptEnded, ev.Interrupted))]
    for before, after in pairwise(of_attempts):
        again = isinstance(after, ev.AttemptStarted) and after.again
        interrupted = isinstance(before, ev.Interrupted)
        assert not again or interrupted, f"{workflow_id}: attempt {after.attempt} began again, uninterrupted"

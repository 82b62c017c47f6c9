"""The check of a database: whether it agrees with its own history, and which files nothing needs.

Reads in one transaction, so it sees one moment of a store that engines write to. Repairs nothing.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from penguin.orchestration.backend import StoreError, WorkflowError, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.events import AnyEvent
from penguin.orchestration.core.evolve import rebuild
from penguin.orchestration.core.state import State
from penguin.orchestration.files.safe_open import UnsafePath
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.agent_snapshots import unpack
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error
from penguin.orchestration.store.maintenance.backup_search import FoundBackup, find_backups
from penguin.orchestration.store.maintenance.crash_leftovers import Leftover, ReferencedFiles, leftovers
from penguin.orchestration.store.maintenance.loss_messages import (
    describe_earlier,
    describe_loss,
    describe_unread,
    replace_hint,
    restore_hint,
)
from penguin.orchestration.store.maintenance.lost_workflows import Loss, find_loss, recorded_workflows
from penguin.orchestration.store.rows import RUN_COLUMNS, Row, decode_events, event_row, inserted_run
from penguin.orchestration.store.workspace_databases import Database, workspace_databases

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError)
"""Errors that a history may cause in its reader if Penguin did not write it."""
EVENTS = "SELECT workflow_id, seq, at, kind, data FROM event ORDER BY workflow_id, seq"


RUN = f"SELECT {', '.join(RUN_COLUMNS)} FROM run WHERE workflow_id = ?"
CONVERSATIONS = """
SELECT snapshot_id, snapshot.bytes, conversation.data FROM snapshot LEFT JOIN conversation USING (snapshot_id)
ORDER BY snapshot_id
"""
ORPHANS = 'SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1'
SESSION_FILES = "SELECT snapshot_id, bytes, data FROM session_file ORDER BY snapshot_id, name"


class StoreProblem(NamedTuple):
    """An inconsistency."""

    subject: str
    """A workflow, a snapshot, or the file."""
    message: str


class CheckReport(NamedTuple):
    """The result of a check."""

    workflows: int = 0
    events: int = 0
    """Decisions, each a row of the history."""
    problems: tuple[StoreProblem, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    """Harmless; `/workflow prune` removes them."""
    loss: Loss = Loss()
    backups: tuple[FoundBackup, ...] = ()
    """Copies of the database; looked for only after a loss."""


def check(workspace: Workspace) -> CheckReport:
    """Check the databases of a workspace. Unreadable data is a problem of the report, not an error."""
    now = time.time()
    needed = ReferencedFiles(workspace)
    found = [_check(database, needed) for database in workspace_databases(workspace)]
    problems = [problem for findings in found for problem in findings.problems]
    left: list[Leftover] = []
    loss = Loss()
    # An unreadable database may be the only one that knows what is needed.
    if not any(findings.unread for findings in found):
        loss = find_loss(workspace)
        problems += _lost(workspace, loss)
        lost = {one.workflow_id for one in loss.workflows}
        left = [leftover for leftover in leftovers(workspace, needed, now) if leftover.path.name not in lost]
    elif found[0].unread and (loss := recorded_workflows(workspace)).workflows:
        message = f"{describe_unread(workspace, loss.workflows)}; {replace_hint(workspace, loss)}"
        problems.append(StoreProblem(workspace.db.name, message))
    counts = sum(findings.workflows for findings in found), sum(findings.events for findings in found)
    backups = () if loss.is_empty else find_backups(workspace, loss)
    return CheckReport(*counts, tuple(problems), tuple(left), loss, tuple(backups))


def _lost(workspace: Workspace, loss: Loss) -> Iterator[StoreProblem]:
    hint = "" if loss.is_empty else restore_hint(workspace, loss)
    if loss.workflows:
        yield StoreProblem(workspace.db.name, f"{describe_loss(workspace, loss.workflows)}; {hint}")
    if loss.earlier:
        yield StoreProblem(workspace.state.name, f"{describe_earlier(workspace, loss.earlier)}; {hint}")


class _Findings(NamedTuple):
    """The result of the check of one database."""

    workflows: int = 0
    events: int = 0
    problems: tuple[StoreProblem, ...] = ()
    unread: bool = False


def _check(database: Database, needed: ReferencedFiles) -> _Findings:
    name = database.db.name
    try:
        connection = open_reader(database.db, migrate=False)
    except (StoreError, UnsafePath) as error:
        return _unread(name, error)
    if connection is None:
        return _Findings()
    try:
        connection.execute("BEGIN")
        found = _Check(connection, database).run()
        needed.scan(database, connection)
    except DATABASE_ERRORS as error:
        return _unread(name, explain_error(error, database.db))
    finally:
        connection.close()
    return found


def _unread(name: str, error: WorkflowError) -> _Findings:
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return _Findings(problems=(StoreProblem(name, message),), unread=True)


class _Check:
    """A check of one moment of the database."""

    def __init__(self, connection: sqlite3.Connection, database: Database) -> None:
        self._connection = connection
        self._database = database
        self._events = 0
        self._active: dict[tuple[str, str], str] = {}

    def run(self) -> _Findings:
        """Return what is found."""
        broken = [StoreProblem(self._database.db.name, text) for text in self._integrity()]
        known = {row[0] for row in self._connection.execute("SELECT workflow_id FROM run")}
        # An unreadable page would end the walk; it is reported already.
        problems = broken or [*self._workflows(known), *self._snapshots()]
        return _Findings(len(known), self._events, tuple(problems))

    def _integrity(self) -> list[str]:
        return [text for (text,) in self._connection.execute("PRAGMA integrity_check") if text != "ok"]

    def _snapshots(self) -> Iterator[StoreProblem]:
        """Yield saved conversations that are damaged."""
        for table, count in self._connection.execute(ORPHANS):
            yield StoreProblem(self._database.db.name, f"{table} has {_rows(count)} without a snapshot")
        for what, sql in (("conversation", CONVERSATIONS), ("session files", SESSION_FILES)):
            for snapshot_id, size, data in self._connection.execute(sql):
                if not _is_intact(data, size):
                    yield StoreProblem(snapshot_id, f"its {what} can't be read")

    def _workflows(self, known: set[str]) -> Iterator[StoreProblem]:
        reported: set[str] = set()
        for workflow_id, history in itertools.groupby(self._connection.execute(EVENTS), itemgetter(0)):
            reported.add(workflow_id)
            row = self._connection.execute(RUN, (workflow_id,)).fetchone()
            for message in self._workflow(row, list(history)):
                yield StoreProblem(workflow_id, message)
        # Of a server's workflows, the cache holds only the parts that were read.
        for workflow_id in sorted(known - reported) if self._database.whole else ():
            yield StoreProblem(workflow_id, "it has a row but no history")

    def _workflow(self, row: Row | None, history: list[Row]) -> Iterator[str]:
        self._events += len(history)
        seqs = [event[1] for event in history]
        if not all(isinstance(seq, int) for seq in seqs):
            yield "its history can't be read: an event has no number"
            return
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"its history has gaps: {_ranges(seqs)}"
        if row is None:
            yield "it has a history but no row"
        else:
            yield from _unknown_words(dict(zip(RUN_COLUMNS, row, strict=True)))
        try:
            state = _rebuilt(history)
        except UNREADABLE as error:
            yield f"its history can't be read: {error}"
            return
        yield from _mismatched_rows(history)
        if row is not None and (self._database.whole or row[RUN_COLUMNS.index("seq")] == seqs[-1]):
            yield from _differences(row, inserted_run(state, int(seqs[-1])), whole=self._database.whole)
        yield from self._second_active(state)

    def _second_active(self, state: State) -> Iterator[str]:
        # Of two active workflows on a server, one is already over; the cache is only not up to date.
        if state.is_final or not self._database.whole:
            return
        task = state.definition.task
        first = self._active.setdefault((task.project_id, task.id), state.workflow_id)
        if first != state.workflow_id:
            yield f"it is active, and so is {first} of the same task"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _is_intact(data: object, size: int) -> bool:
    """Return whether compressed data is undamaged: it carries its own checksum."""
    try:
        return isinstance(data, bytes) and len(unpack(data)) == size
    except ValueError:
        return False


def _rebuilt(history: Iterable[Row]) -> State:
    return rebuild([event for row in history for event in _decoded(row)])


def _decoded(row: Row) -> list[AnyEvent]:
    return decode_events(str(row[4]))


def _mismatched_rows(history: Iterable[Row]) -> Iterator[str]:
    """Yield event rows whose columns differ from their events."""
    for row in history:
        workflow_id, seq, at, kind, _ = row
        expected = event_row(str(workflow_id), int(seq), tuple(_decoded(row)))
        if (at, kind) != expected[2:4]:
            yield f"event {seq} has the columns {kind} at {at}, but holds {expected[3]} at {expected[2]}"


def _unknown_words(row: dict[str, Any]) -> Iterator[str]:
    for column, known in (("status", WorkflowStatus), ("phase", WorkflowPhase)):
        if row[column] not in list(known):
            yield f"its row has an unknown {column}: {row[column]!r}"


def _differences(row: Row, rebuilt: Row, *, whole: bool) -> Iterator[str]:
    for column, got, expected in zip(RUN_COLUMNS, row, rebuilt, strict=True):
        # A migration leaves it empty where the history does not tell it. The server's state that an earlier Penguin
        # wrote does not tell which gates failed.
        unknown = column == "progress" and (not got or not whole)
        if got != expected and not unknown:
            yield f"its row says {column} {got!r}, its history says {expected!r}"


def _ranges(seqs: list[int | float | str]) -> str:
    """Return ranges of the numbers, as `1-3, 5`."""
    parts: list[list[Any]] = []
    for seq in seqs:
        if parts and seq == parts[-1][1] + 1:
            parts[-1][1] = seq
        else:
            parts.append([seq, seq])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)

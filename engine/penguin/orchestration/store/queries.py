"""Queries of the store for lists, completion and the terminal. Synchronous, cheap to import, read-only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from penguin.orchestration.backend import WorkflowInfo, WorkflowNotFound, WorkflowStatus
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.connection import is_own, open_reader
from penguin.orchestration.store.database_file import (
    DATABASE_ERRORS,
    UNREADABLE_VALUE,
    damaged_value,
    explain_error,
    numbers,
    sql_list,
)
from penguin.orchestration.store.list_queries import COLUMNS, ORDER, json_list, list_query, total_query, workflow_of
from penguin.orchestration.workflow_status import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.store.history import HistoryEntry, PhaseResult
    from penguin.orchestration.store.progress import WorkflowProgress

ENGINES = "engines"
"""Folder beside the database in which engines prove that they are alive."""
SIMILAR = 2_000
"""Number of newest workflows in which a mistyped id is searched."""
NAMED = 5
"""Maximum number of ids in an error."""

T = TypeVar("T")

# The class has a method `list`, so its annotations can't use that name.
Infos = list[WorkflowInfo]
History = list["HistoryEntry"]
Results = list["PhaseResult"]
Ids = list[str]
Rows = list[tuple[Any, ...]]

SPENT = """
SELECT workflow_id, turns, tokens, usd, minutes FROM run
WHERE workflow_id IN ({}) AND (turns OR tokens OR usd OR minutes)
"""
HAS = "SELECT 1 FROM run WHERE workflow_id = ? AND seq >= ? AND typeof(seq) = 'integer'"
"""Whether a workflow has a number of decisions. SQLite sorts text above all numbers."""
AT_ONCE = 500
"""Maximum number of ids in one query: SQLite limits parameters to a few thousand."""
_ACTIVE = sql_list(ACTIVE)


class WorkflowReader:
    """Reads workflows from a database that other processes write. A missing file counts as empty.

    Any thread may use it, one at a time. Its methods raise StoreError if the file can't be read.
    """

    def __init__(self, db: str | Path) -> None:
        self._db = db
        self._connection: sqlite3.Connection | None = None
        self._own = True
        """Whether the open connection sees the writes of others: the workspace is this user's own."""

    def interrupt(self) -> None:
        """Interrupt a request to a server that another thread waits for. This reader makes none.

        The request raises WorkflowError, and so do later ones until the reader is closed.
        """

    def close(self) -> None:
        """Close the database. The next query opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def find(self, ref: str, *, prefix: bool = False) -> str:
        """Return the id of the workflow that `ref` names.

        `ref` is its id, or the id of a task, which means its newest workflow; with `prefix` also an unambiguous prefix
        of either. Raises WorkflowNotFound, with the nearest match as hint.
        """
        if not is_text(ref):
            raise WorkflowNotFound("a workflow id must be UTF-8 text", "/workflow list")
        if self._rows("SELECT 1 FROM run WHERE workflow_id = ?", (ref,)):
            return ref
        newest = self._rows(f"SELECT workflow_id FROM run INDEXED BY run_task WHERE task_id = ? {ORDER}", (ref, 1))
        if newest:
            return str(newest[0][0])
        return self._find_beginning(ref) if prefix and ref else self._not_found(ref)

    def info(self, workflow_id: str) -> WorkflowInfo | None:
        """Return the workflow as it is now, or None if the id is unknown."""
        if not is_text(workflow_id):
            return None
        rows = self._rows(f"SELECT {COLUMNS} FROM run WHERE workflow_id = ?", (workflow_id,))
        return self._info(rows[0]) if rows else None

    def list(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[WorkflowStatus] = (),
        task_id: str | None = None,
        since: float | None = None,
        sort: str = "newest",
        limit: int = 100,
    ) -> Infos:
        """Return the newest workflows, or those first in another order of SORTS, at most `limit`. No `statuses` means
        all.

        `since` (seconds since the epoch) omits workflows that started before; sorted by `updated`, that changed before.
        """
        if limit <= 0 or not all(map(is_text, filter(None, (project_id, task_id)))):
            return []
        sql, parameters = list_query(project_id, statuses, task_id, since, sort)
        return [self._info(row) for row in self._rows(sql, (*parameters, min(limit, 2**62)))]

    def count(self) -> int:
        """Return the number of workflows."""
        rows = self._rows("SELECT count(*) FROM run", ())
        return int(rows[0][0]) if rows else 0

    def holds(self, entries: Iterable[tuple[str, int]]) -> bool:
        """Return whether each of these workflows has at least this number of decisions."""
        return all(self._rows(HAS, entry) for entry in entries)

    def total(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[WorkflowStatus] = (),
        task_id: str | None = None,
        since: float | None = None,
        sort: str = "newest",
    ) -> tuple[int, UsageTotals]:
        """Return how many workflows `list` would find without a limit, and what their agents spent in total."""
        sql, parameters = total_query(project_id, statuses, task_id, since, sort)
        rows = self._rows(sql, parameters) if all(map(is_text, filter(None, (project_id, task_id)))) else []
        count, *spent = rows[0] if rows else (0,)
        try:
            return count, UsageTotals(*numbers(spent))
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, "what agents spent") from error

    def usage_of(self, workflow_ids: Iterable[str]) -> dict[str, UsageTotals]:
        """Return what agents spent by workflow. Workflows without an entry spent nothing."""
        names = [name for name in workflow_ids if is_text(name)]
        found: dict[str, UsageTotals] = {}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            rows = self._rows(SPENT.format(", ".join("?" * len(some))), some)
            for name, *spent in rows:
                try:
                    found[name] = UsageTotals(*numbers(spent))
                except UNREADABLE_VALUE as error:
                    raise damaged_value(error, self._db, f"what agents spent on {name}") from error
        return found

    def agent_names(self, workflow_id: str) -> str:
        """Return the names of the workflow's agents, separated by commas; empty if there are none."""
        if not is_text(workflow_id):
            return ""
        rows = self._rows("SELECT agents FROM run WHERE workflow_id = ?", (workflow_id,))
        return str(rows[0][0]) if rows else ""

    def history(self, workflow_id: str, *, after: int = 0) -> History:
        """Return the events of the workflow after the decision of this number, oldest first."""
        from penguin.orchestration.store.history import history_entries

        return self._read_events(history_entries, workflow_id, after)

    def results(self, workflow_id: str) -> Results:
        """Return the results of its attempts, oldest first."""
        from penguin.orchestration.store.history import phase_results

        return self._read_events(phase_results, workflow_id)

    def attempt_hosts(self, workflow_id: str) -> dict[int, str]:
        """Return the machine that ran an attempt last, by attempt number; empty if its name is unknown."""
        from penguin.orchestration.store.history import attempt_hosts

        return self._read_events(attempt_hosts, workflow_id)

    def checkpoint_exclude(self, workflow_id: str) -> tuple[str, ...]:
        """Return the patterns of files that the workflow's checkpoints leave out. Raises WorkflowNotFound."""
        from penguin.orchestration.store.rows import decode_events

        rows = self._events(workflow_id)
        if not rows:
            self._not_found(workflow_id)
        try:
            started = decode_events(rows[0][1])[0]
            return tuple(started.definition.checkpoint_exclude)  # type: ignore[union-attr]
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, f"the history of {workflow_id}") from error

    def isolation(self, workflow_id: str) -> tuple[str, str]:
        """Return the isolation of a workflow, and the branch on which it lands; '' if it lands on none."""
        columns = "SELECT isolation, target_branch FROM run WHERE workflow_id = ?"
        rows = self._rows(columns, (workflow_id,)) if is_text(workflow_id) else []
        return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")

    def left_changes(self, workflow_id: str) -> tuple[dict[str, Any], ...]:
        """Return the changes of other workflows that were in the working tree when it took the tree last.

        Each is a LeftChanges as a dict.
        """
        if not is_text(workflow_id):
            return ()
        rows = self._rows("SELECT left_changes FROM run WHERE workflow_id = ?", (workflow_id,))
        return tuple(json_list(rows[0][0])) if rows else ()

    def host_of(self, workflow_id: str) -> str:
        """Return the name of the machine that runs the workflow, or ran it last; empty if none did or it is unknown."""
        if not is_text(workflow_id):
            return ""
        rows = self._rows("SELECT host FROM run WHERE workflow_id = ?", (workflow_id,))
        return str(rows[0][0]) if rows else ""

    def explain(self, workflow_id: str) -> str:
        """Return what it waits for, in one line; empty if it runs, is final, or is unknown."""
        from penguin.orchestration.store.explain import explain

        return self._ask(explain, workflow_id, "")

    def next_command(self, workflow_id: str) -> str:
        """Return the next command to type, or "" if none is needed."""
        from penguin.orchestration.store.explain import next_command

        return self._ask(next_command, workflow_id, "")

    def is_settled(self, workflow_id: str) -> bool:
        """Return whether the workflow and what it waits for stay as they are until a person acts. True if it is
        unknown."""
        from penguin.orchestration.store.explain import is_settled

        return self._ask(is_settled, workflow_id, True)

    def current_attempt(self, workflow_id: str) -> CurrentAttempt | None:
        """Return its current or last attempt; None before the first one, and if it is unknown."""
        from penguin.orchestration.store.current_attempt import current_attempt

        return self._ask(current_attempt, workflow_id, None)

    def progress_of(self, workflow_ids: Iterable[str]) -> dict[str, WorkflowProgress]:
        """Return the progress of workflows by id, as far as this database has it."""
        from penguin.orchestration.store.progress import progress_of

        ids = list(filter(is_text, workflow_ids))
        return self._ask(lambda connection, engines, first: progress_of(connection, ids), ids[0], {}) if ids else {}

    def task_durations(self, project_id: str) -> dict[str, float]:
        """Return the seconds that completed tasks of a project took, by task."""
        from penguin.orchestration.store.durations import task_durations

        return self._ask(lambda connection, engines, name: task_durations(connection, name), project_id, {})

    def changes(self) -> int:
        """Return a number that changes when another connection has written."""
        rows = self._rows("PRAGMA data_version", ())
        return int(rows[0][0]) if rows else 0

    def active_statuses(self) -> dict[str, WorkflowStatus]:
        """Return the status of every active workflow, by id."""
        # The statuses are known words: the query asks for them.
        sql = f"SELECT workflow_id, status FROM run INDEXED BY run_status WHERE status IN ({_ACTIVE})"
        return {workflow_id: WorkflowStatus(status) for workflow_id, status in self._rows(sql, ())}

    def executing(self) -> set[str]:
        """Return the ids of the workflows whose step runs now."""
        return {row[0] for row in self._rows("SELECT workflow_id FROM run WHERE slot = 1", ())}

    def completed_tasks(self, project_id: str) -> set[str]:
        """Return the tasks that meet a dependency: COMPLETED, and not active again."""
        sql = "SELECT DISTINCT task_id FROM run INDEXED BY run_completed WHERE project_id = ? AND status = 'COMPLETED'"
        return {row[0] for row in self._rows(sql, (project_id,))} - self.active_tasks(project_id).keys()

    def active_tasks(self, project_id: str) -> dict[str, WorkflowStatus]:
        """Return the tasks with an active workflow, and its status."""
        sql = f"SELECT task_id, status FROM run INDEXED BY run_active WHERE project_id = ? AND status IN ({_ACTIVE})"
        return {task_id: WorkflowStatus(status) for task_id, status in self._rows(sql, (project_id,))}

    # --- the database ---

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            self._own = is_own(self._db)
            self._connection = open_reader(self._db)
        return self._connection

    def _release(self) -> None:
        """Close a connection that shows only one moment: the workspace may be trusted before the next query.

        A writer in this process would share its read-only view of the write-ahead log.
        """
        if not self._own:
            self.close()

    def _rows(self, sql: str, parameters: Iterable[str | float]) -> Rows:
        connection = self._open()
        if connection is None:
            return []
        try:
            return connection.execute(sql, tuple(parameters)).fetchall()
        except DATABASE_ERRORS as error:
            raise explain_error(error, self._db) from error
        finally:
            self._release()

    def _events(self, workflow_id: str, after: int = 0) -> Rows:
        if not is_text(workflow_id):
            return []
        sql = "SELECT seq, data FROM event WHERE workflow_id = ? AND seq > ? ORDER BY seq"
        return self._rows(sql, (workflow_id, after))

    def _read_events(self, read: Callable[[Rows], T], workflow_id: str, after: int = 0) -> T:
        rows = self._events(workflow_id, after)
        try:
            if rows and not self._own:
                # Another user wrote them: values of other types would be errors where they are shown.
                from penguin.orchestration.store.rows import rewritten_rows

                rows = rewritten_rows(rows)
            return read(rows)
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, f"the history of {workflow_id}") from error

    def _info(self, row: tuple[Any, ...]) -> WorkflowInfo:
        try:
            return workflow_of(row)
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, f"the row of {row[0]!r}") from error

    def _ask(self, question: Callable[[sqlite3.Connection, str, str], T], workflow_id: str, unknown: T) -> T:
        connection = self._open()
        if connection is None or not is_text(workflow_id):
            return unknown
        try:
            return question(connection, f"{os.path.dirname(self._db)}/{ENGINES}", workflow_id)
        except DATABASE_ERRORS as error:
            raise explain_error(error, self._db) from error
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, self._db, workflow_id) from error
        finally:
            self._release()

    # --- finding ---

    def _find_beginning(self, ref: str) -> str:
        """Return the one workflow, or the newest one of the one task, whose id has this prefix."""
        workflows = self._beginnings("workflow_id", ref)
        tasks = self._beginnings("task_id", ref)
        found = workflows + tasks
        if not found:
            self._not_found(ref)
        if len(found) > 1:
            what = "tasks" if not workflows else "workflows" if not tasks else "ids"
            named = ", ".join(found[:NAMED]) + (", …" if len(found) > NAMED else "")
            raise WorkflowNotFound(f"{ref!r} matches several {what}: {named}", "type more of the id")
        return workflows[0] if workflows else self.find(tasks[0])

    def _beginnings(self, column: str, ref: str) -> Ids:
        """Return the first few values of an indexed column with this prefix."""
        # Seek from one value to the next: a task may have any number of workflows.
        sql = f"SELECT min({column}) FROM run WHERE {column} > ? AND {column} < ?"
        found: Ids = []
        # The caller knows that `ref` itself is not a value.
        while len(found) <= NAMED:
            row = self._rows(sql, (found[-1] if found else ref, ref + "\U0010ffff"))
            if not row or row[0][0] is None:
                break
            found.append(str(row[0][0]))
        return found

    def _not_found(self, ref: str) -> NoReturn:
        import difflib

        rows = self._rows(f"SELECT workflow_id, task_id FROM run {ORDER}", (SIMILAR,))
        known = list(dict.fromkeys(name for row in rows for name in row))
        near = difflib.get_close_matches(ref, known, 1)
        hint = f"did you mean {near[0]}?" if near else "/workflow list"
        raise WorkflowNotFound(f"there is no workflow {ref!r}", hint)


def is_text(value: str) -> bool:
    """Return whether SQLite accepts the text: bytes of a command line that are not UTF-8 become lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

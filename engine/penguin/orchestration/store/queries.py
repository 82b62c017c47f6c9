"""Reading the store: what lists, queries and the terminal show. Synchronous, cheap to import, changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from penguin.orchestration.backend import ACTIVE, WorkflowInfo, WorkflowNotFound, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.times import from_timestamp
from penguin.orchestration.core.usage import UsageTotals
from penguin.orchestration.store.connection import is_own, open_reader
from penguin.orchestration.store.database_file import explain_error, sql_list

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.store.history import HistoryEntry, PhaseResult

ENGINES = "engines"
"""Folder beside the database in which engines prove that they live."""
SIMILAR = 2_000
"""Newest workflows among which a mistyped id is looked for."""
NAMED = 5
"""How many ids an error names at most."""

T = TypeVar("T")

# A method is called `list`, so the annotations of its class can't say it.
Infos = list[WorkflowInfo]
History = list["HistoryEntry"]
Results = list["PhaseResult"]
Ids = list[str]
Rows = list[tuple[Any, ...]]

COLUMNS = "workflow_id, task_id, blueprint_id, project_id, status, phase, created_at, updated_at, reason, artifacts"
ORDER = "ORDER BY created_at DESC, workflow_id LIMIT ?"
SORTS = {
    "newest": ORDER,
    "oldest": "ORDER BY created_at, workflow_id DESC LIMIT ?",
    "updated": "ORDER BY updated_at DESC, workflow_id LIMIT ?",
}
"""Orders of a list: by the time of the start, or what changed last first. Ids break ties: each is a total one."""

SPENT = """
SELECT workflow_id, turns, tokens, usd, minutes FROM run
WHERE workflow_id IN ({}) AND (turns OR tokens OR usd OR minutes)
"""
AT_ONCE = 500
"""So many ids are asked for at once: SQLite takes no more than a few thousand parameters."""
TOTAL = """
SELECT count(*), coalesce(sum(turns), 0), coalesce(sum(tokens), 0), coalesce(sum(usd), 0.0), coalesce(sum(minutes), 0.0)
FROM run WHERE"""

_ACTIVE = sql_list(ACTIVE)


class WorkflowReader:
    """Reads workflows from a database that others write; no file yet means that there is nothing.

    It may be used from any thread, by one at a time. Its methods raise StoreError where the file can't be read.
    """

    def __init__(self, db: str | Path) -> None:
        self._db = db
        self._connection: sqlite3.Connection | None = None
        self._own = True
        """Whether the open connection sees what others write: the workspace is this user's own."""

    def interrupt(self) -> None:
        """Let nobody wait, on another thread, for an answer of somebody else: this reader asks nobody.

        Such a question raises WorkflowError, and so do those after it until the reader is closed.
        """

    def close(self) -> None:
        """Close the database; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def find(self, ref: str, *, prefix: bool = False) -> str:
        """The workflow that `ref` means: its id, a task's id (the newest workflow of it), or with `prefix` the
        unambiguous beginning of either.

        Raises WorkflowNotFound, with the nearest match in its hint.
        """
        if not _is_text(ref):
            raise WorkflowNotFound("a workflow's id must be readable text", "/workflow list")
        if self._rows("SELECT 1 FROM run WHERE workflow_id = ?", (ref,)):
            return ref
        newest = self._rows(f"SELECT workflow_id FROM run INDEXED BY run_task WHERE task_id = ? {ORDER}", (ref, 1))
        if newest:
            return str(newest[0][0])
        return self._find_beginning(ref) if prefix and ref else self._not_found(ref)

    def info(self, workflow_id: str) -> WorkflowInfo | None:
        """The workflow as it stands, or None where there is none."""
        if not _is_text(workflow_id):
            return None
        rows = self._rows(f"SELECT {COLUMNS} FROM run WHERE workflow_id = ?", (workflow_id,))
        return _info(rows[0]) if rows else None

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
        """The newest workflows first, or in another order of SORTS, at most `limit`; no `statuses` means all.

        `since` leaves out what started before, in seconds since the epoch; sorted by `updated`, what changed before.
        """
        if limit <= 0 or not all(map(_is_text, filter(None, (project_id, task_id)))):
            return []
        sql, parameters = list_query(project_id, statuses, task_id, since, sort)
        return [_info(row) for row in self._rows(sql, (*parameters, min(limit, 2**62)))]

    def total(
        self,
        *,
        project_id: str | None = None,
        statuses: Collection[WorkflowStatus] = (),
        task_id: str | None = None,
        since: float | None = None,
        sort: str = "newest",
    ) -> tuple[int, UsageTotals]:
        """How many workflows `list` would find without a limit, and what their agents spent together."""
        sql, parameters = total_query(project_id, statuses, task_id, since, sort)
        rows = self._rows(sql, parameters) if all(map(_is_text, filter(None, (project_id, task_id)))) else []
        count, *spent = rows[0] if rows else (0,)
        return count, UsageTotals(*spent)

    def usage_of(self, workflow_ids: Iterable[str]) -> dict[str, UsageTotals]:
        """What agents spent in these workflows; those without an entry spent nothing."""
        names = [name for name in workflow_ids if _is_text(name)]
        found: dict[str, UsageTotals] = {}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            rows = self._rows(SPENT.format(", ".join("?" * len(some))), some)
            found.update((name, UsageTotals(*spent)) for name, *spent in rows)
        return found

    def agent_names(self, workflow_id: str) -> str:
        """Names of the agents that a workflow was started with, with commas between; empty where there are none."""
        if not _is_text(workflow_id):
            return ""
        rows = self._rows("SELECT agents FROM run WHERE workflow_id = ?", (workflow_id,))
        return str(rows[0][0]) if rows else ""

    def history(self, workflow_id: str, *, after: int = 0) -> History:
        """Everything that happened to the workflow after the decision of this number, oldest first."""
        from penguin.orchestration.store.history import history_entries

        return history_entries(self._events(workflow_id, after))

    def results(self, workflow_id: str) -> Results:
        """What its attempts came to, oldest first."""
        from penguin.orchestration.store.history import phase_results

        return phase_results(self._events(workflow_id))

    def attempt_hosts(self, workflow_id: str) -> dict[int, str]:
        """By the number of an attempt: the machine that ran it last; empty where its name is not known."""
        from penguin.orchestration.store.history import attempt_hosts

        return attempt_hosts(self._events(workflow_id))

    def checkpoint_exclude(self, workflow_id: str) -> tuple[str, ...]:
        """The patterns of files that the workflow's checkpoints leave out. Raises WorkflowNotFound."""
        from penguin.orchestration.store.rows import decode_events

        rows = self._events(workflow_id)
        if not rows:
            self._not_found(workflow_id)
        started = decode_events(rows[0][1])[0]
        return tuple(started.definition.checkpoint_exclude)  # type: ignore[union-attr]

    def host_of(self, workflow_id: str) -> str:
        """Name of the machine whose engine runs the workflow, or ran it last; empty where none did or it is unknown."""
        if not _is_text(workflow_id):
            return ""
        rows = self._rows("SELECT host FROM run WHERE workflow_id = ?", (workflow_id,))
        return str(rows[0][0]) if rows else ""

    def explain(self, workflow_id: str) -> str:
        """What it waits for, in one line; empty while it runs, when it is over, and where it is unknown."""
        from penguin.orchestration.store.explain import explain

        return self._ask(explain, workflow_id, "")

    def next_command(self, workflow_id: str) -> str:
        """What to type next; empty where nothing needs to be typed."""
        from penguin.orchestration.store.explain import next_command

        return self._ask(next_command, workflow_id, "")

    def is_settled(self, workflow_id: str) -> bool:
        """Whether nothing of the workflow moves any more until a person acts; so is one that is unknown."""
        from penguin.orchestration.store.explain import is_settled

        return self._ask(is_settled, workflow_id, True)

    def current_attempt(self, workflow_id: str) -> CurrentAttempt | None:
        """The attempt that it is at, or that it tried last; None before the first one, and where it is unknown."""
        from penguin.orchestration.store.current_attempt import current_attempt

        return self._ask(current_attempt, workflow_id, None)

    def changes(self) -> int:
        """A number that is another one whenever somebody else has written since the last question."""
        rows = self._rows("PRAGMA data_version", ())
        return int(rows[0][0]) if rows else 0

    def active_statuses(self) -> dict[str, WorkflowStatus]:
        """The status of every active workflow, by id."""
        sql = f"SELECT workflow_id, status FROM run INDEXED BY run_status WHERE status IN ({_ACTIVE})"
        return {workflow_id: WorkflowStatus(status) for workflow_id, status in self._rows(sql, ())}

    def completed_tasks(self, project_id: str) -> set[str]:
        """The tasks on which a dependency is met: COMPLETED once, and not under way again."""
        sql = "SELECT DISTINCT task_id FROM run INDEXED BY run_completed WHERE project_id = ? AND status = 'COMPLETED'"
        return {row[0] for row in self._rows(sql, (project_id,))} - self.active_tasks(project_id).keys()

    def active_tasks(self, project_id: str) -> dict[str, WorkflowStatus]:
        """The tasks with an active workflow, and its status."""
        sql = f"SELECT task_id, status FROM run INDEXED BY run_active WHERE project_id = ? AND status IN ({_ACTIVE})"
        return {task_id: WorkflowStatus(status) for task_id, status in self._rows(sql, (project_id,))}

    # --- the database ---

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            self._own = is_own(self._db)
            self._connection = open_reader(self._db)
        return self._connection

    def _release(self) -> None:
        """Close a connection that shows one moment only: the workspace may be trusted before the next question.

        A writer in this process would get its read-only view of the write-ahead log, too.
        """
        if not self._own:
            self.close()

    def _rows(self, sql: str, parameters: Iterable[str | float]) -> Rows:
        connection = self._open()
        if connection is None:
            return []
        try:
            return connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.DatabaseError as error:
            raise explain_error(error, self._db) from error
        finally:
            self._release()

    def _events(self, workflow_id: str, after: int = 0) -> Rows:
        if not _is_text(workflow_id):
            return []
        sql = "SELECT seq, data FROM event WHERE workflow_id = ? AND seq > ? ORDER BY seq"
        return self._rows(sql, (workflow_id, after))

    def _ask(self, question: Callable[[sqlite3.Connection, str, str], T], workflow_id: str, unknown: T) -> T:
        connection = self._open()
        if connection is None or not _is_text(workflow_id):
            return unknown
        try:
            return question(connection, f"{os.path.dirname(self._db)}/{ENGINES}", workflow_id)
        except sqlite3.DatabaseError as error:
            raise explain_error(error, self._db) from error
        finally:
            self._release()

    # --- finding ---

    def _find_beginning(self, ref: str) -> str:
        """The one workflow, or the newest one of the one task, whose id begins so."""
        workflows = self._beginnings("workflow_id", ref)
        tasks = self._beginnings("task_id", ref)
        found = workflows + tasks
        if not found:
            self._not_found(ref)
        if len(found) > 1:
            what = "tasks" if not workflows else "workflows" if not tasks else "ids"
            named = ", ".join(found[:NAMED]) + (", …" if len(found) > NAMED else "")
            raise WorkflowNotFound(f"{ref!r} is the beginning of several {what}: {named}", "type more of the id")
        return workflows[0] if workflows else self.find(tasks[0])

    def _beginnings(self, column: str, ref: str) -> Ids:
        """The first few values of an indexed column that begin so."""
        # From one value to the next: a task may have had any number of workflows.
        sql = f"SELECT min({column}) FROM run WHERE {column} > ? AND {column} < ?"
        found: Ids = []
        # Whoever asks knows that `ref` itself is none.
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


def list_query(
    project_id: str | None,
    statuses: Collection[WorkflowStatus],
    task_id: str | None,
    since: float | None = None,
    sort: str = "newest",
) -> tuple[str, tuple[str | float, ...]]:
    """The SQL of a list without its limit, and its parameters. Every form walks an index in the order of the list,
    but for a task's workflows by their last change: there the few that a task has are sorted.
    """
    order, updated = SORTS[sort], sort == "updated"
    wanted = sorted(set(statuses) or WorkflowStatus)
    whole = len(wanted) == len(WorkflowStatus)
    marks = ", ".join("?" * len(wanted))
    project: dict[str, str | float] = {} if project_id is None else {"project_id = ?": project_id}
    after = {} if since is None else {f"{'updated_at' if updated else 'created_at'} >= ?": since}
    if task_id is not None:
        # A task has few workflows: the other filters look at each.
        where = {"task_id = ?": task_id, **project, **after}
        select = _select("run_task", [*where, *([] if whole else [f"status IN ({marks})"])])
        return f"{select} {order}", (*where.values(), *([] if whole else wanted))
    if whole and not updated:
        where = {**project, **after}
        return f"{_select('run_project' if project else 'run_created', where)} {order}", tuple(where.values())
    # One walk per status, merged by SQLite as far as the limit asks.
    index = ("run_project_status" if project else "run_status") + ("_updated" if updated else "")
    each = [{**project, "status = ?": status.value, **after} for status in wanted]
    return f"{' UNION ALL '.join(_select(index, where) for where in each)} {order}", tuple(
        value for where in each for value in where.values()
    )


def total_query(
    project_id: str | None,
    statuses: Collection[WorkflowStatus],
    task_id: str | None,
    since: float | None = None,
    sort: str = "newest",
) -> tuple[str, tuple[str | float, ...]]:
    """The SQL that counts and adds up what a list would find without a limit, and its parameters."""
    wanted = sorted(set(statuses))
    when = "updated_at" if sort == "updated" else "created_at"
    where: dict[str, str | float | None] = {"project_id = ?": project_id, "task_id = ?": task_id, f"{when} >= ?": since}
    given = {condition: value for condition, value in where.items() if value is not None}
    among = [f"status IN ({', '.join('?' * len(wanted))})"] if wanted else []
    return f"{TOTAL} {' AND '.join([*given, *among]) or 'TRUE'}", (*given.values(), *wanted)


def _select(index: str, conditions: Iterable[str]) -> str:
    return f"SELECT {COLUMNS} FROM run INDEXED BY {index} WHERE {' AND '.join(conditions) or 'TRUE'}"


def _info(row: tuple[Any, ...]) -> WorkflowInfo:
    workflow_id, task_id, blueprint_id, project_id, status, phase, created_at, updated_at, reason, artifacts = row
    where = WorkflowPhase(phase)
    return WorkflowInfo(
        workflow_id=workflow_id,
        task_id=task_id,
        blueprint_id=blueprint_id,
        project_id=project_id,
        status=WorkflowStatus(status),
        phase=where,
        progress=where.progress,
        started_at=from_timestamp(created_at),
        updated_at=from_timestamp(updated_at),
        error_message=reason or None,
        artifacts=() if artifacts == "[]" else _paths(artifacts),
    )


def _paths(artifacts: str) -> tuple[str, ...]:
    # Most workflows leave nothing behind, and a list of them needs no JSON then.
    import json

    return tuple(json.loads(artifacts))


def _is_text(value: str) -> bool:
    """Whether SQLite can take it: bytes of a command line that are no UTF-8 arrive as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

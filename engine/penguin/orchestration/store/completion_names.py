"""Readers for completion: names of workflows by prefix, and names in them, in a store of any size."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.store.list_queries import ORDER
from penguin.orchestration.store.queries import WorkflowReader

PREFIX = "ituv-"
"""Prefix of every workflow id; the task's id follows."""
_LAST = "\U0010ffff"
"""Sorts after every character of an id."""
_COLUMNS = "workflow_id, task_id, status, phase, created_at"
NEIGHBOURS = """
SELECT (SELECT max(workflow_id) FROM run WHERE workflow_id < ?),
    (SELECT min(workflow_id) FROM run WHERE workflow_id > ?)
"""
"""The ids before and after an id, which is the parameter twice."""
PEOPLE = """
SELECT coalesce(json_extract(data, '$[0].by'), json_extract(data, '$[0].advice.by')) AS name FROM event
WHERE workflow_id IN (
    SELECT ? UNION SELECT workflow_id FROM (
        SELECT workflow_id FROM run INDEXED BY run_created ORDER BY created_at DESC, workflow_id LIMIT ?
    )
) AND substr(kind, 1, instr(kind || '+', '+') - 1) IN (
    'Started', 'Paused', 'Resumed', 'Passed', 'FeedbackQueued', 'CancelRequested', 'Cancelled'
)
GROUP BY name HAVING name != '' ORDER BY max(workflow_id = ?) DESC, max(at) DESC, name
"""
"""The people who made decisions in a workflow, then those of the newest workflows; the latest first. A person's command
is the first event of its decision. The parameters are the workflow, the number of newest ones, and the workflow again.
"""
RECENT = 200
"""Number of the newest workflows that are searched for people."""


class CompletionItem(NamedTuple):
    """A workflow, as completion offers it."""

    workflow_id: str
    task_id: str
    status: str
    phase: str
    started_at: float
    """Seconds since the epoch."""


class CompletionReader(WorkflowReader):
    """Reads names for completion. See WorkflowReader for threads and errors."""

    def newest(self, statuses: Collection[WorkflowStatus], limit: int) -> tuple[CompletionItem, ...]:
        """Return the newest workflows with one of these statuses, at most `limit`."""
        sql, parameters = newest_query(statuses)
        return tuple(map(CompletionItem._make, self._rows(sql, (*parameters, limit))))

    def with_prefix(
        self, beginning: str, statuses: Collection[WorkflowStatus], limit: int
    ) -> tuple[CompletionItem, ...]:
        """Return workflows whose id or task id has the prefix, in the order of their ids; at most `limit` of each."""
        found: dict[str, CompletionItem] = {}
        for start in {PREFIX + beginning, beginning}:
            sql, parameters = beginning_query(start, statuses)
            try:
                rows = self._rows(sql, (*parameters, limit))
            except UnicodeEncodeError:
                # Keys may be bytes that are not UTF-8; no id has such a prefix.
                return ()
            found.update((row[0], CompletionItem._make(row)) for row in rows)
        return tuple(found[name] for name in sorted(found))

    def attempts(self, workflow_id: str) -> dict[int, str]:
        """Return phase and verdict by attempt number, the newest first, as far as they are known here."""
        rows = self._rows("SELECT attempt FROM run WHERE workflow_id = ?", (workflow_id,))
        known = {
            result.attempt: f"{result.phase} {result.verdict or 'running'}" for result in self.results(workflow_id)
        }
        return {number: known.get(number, "") for number in range(rows[0][0] if rows else 0, 0, -1)}

    def people(self, workflow_id: str) -> tuple[str, ...]:
        """Return the people who started, controlled or approved a workflow, then those of the newest ones; the
        latest first."""
        return tuple(row[0] for row in self._rows(PEOPLE, (workflow_id, RECENT, workflow_id)))

    def unique_lengths(self, workflow_ids: Iterable[str]) -> dict[str, int]:
        """Return by id the length of its shortest unique prefix: the whole id if another one continues it."""
        return {name: self._unique_length(name) for name in workflow_ids}

    def _unique_length(self, workflow_id: str) -> int:
        # In sorted order, the two neighbours share the longest prefixes.
        rows = self._rows(NEIGHBOURS, (workflow_id, workflow_id))
        neighbours = rows[0] if rows else ()
        shared = max((_shared(workflow_id, other) for other in neighbours if other), default=0)
        return min(shared + 1, len(workflow_id))


def newest_query(statuses: Collection[WorkflowStatus]) -> tuple[str, tuple[str, ...]]:
    """Return the SQL for the newest workflows, without its limit, and its parameters. It reads indexes in their
    order."""
    if _are_all(statuses):
        return f"SELECT {_COLUMNS} FROM run INDEXED BY run_created {ORDER}", ()
    wanted = sorted(statuses)
    select = f"SELECT {_COLUMNS} FROM run INDEXED BY run_status WHERE status = ?"
    return f"{' UNION ALL '.join([select] * len(wanted))} {ORDER}", tuple(wanted)


def beginning_query(start: str, statuses: Collection[WorkflowStatus]) -> tuple[str, tuple[str, ...]]:
    """Return the SQL for ids with a prefix, without its limit, and its parameters. It reads indexes in their order."""
    where, order = "workflow_id >= ? AND workflow_id < ?", "ORDER BY workflow_id LIMIT ?"
    bounds = (start, start + _LAST)
    if _are_all(statuses):
        return f"SELECT {_COLUMNS} FROM run WHERE {where} {order}", bounds
    wanted = sorted(statuses)
    select = f"SELECT {_COLUMNS} FROM run INDEXED BY run_status_name WHERE status = ? AND {where}"
    parameters = tuple(value for status in wanted for value in (status.value, *bounds))
    return f"{' UNION ALL '.join([select] * len(wanted))} {order}", parameters


def _are_all(statuses: Collection[WorkflowStatus]) -> bool:
    return len(set(statuses)) == len(WorkflowStatus)


def _shared(one: str, other: str) -> int:
    """Return the length of the common prefix of two names."""
    count = 0
    for here, there in zip(one, other, strict=False):
        if here != there:
            break
        count += 1
    return count

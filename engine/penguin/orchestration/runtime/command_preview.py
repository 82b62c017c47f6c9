"""The commands that the active workflows of a workspace would run.

Read-only, so that a person can inspect a workspace of another user before trusting it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from penguin.orchestration.backend import StoreError, WorkflowPhase
from penguin.orchestration.core.definition import Definition, Gate
from penguin.orchestration.core.events import Started
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.database_file import DATABASE_ERRORS, explain_error
from penguin.orchestration.store.rows import decode_events
from penguin.orchestration.store.workspace_databases import workspace_databases
from penguin.orchestration.workflow_status import ACTIVE, GATES

_ACTIVE = ", ".join(f"'{status}'" for status in sorted(ACTIVE))
RUNS = f"SELECT workflow_id, task_id, status FROM run WHERE status IN ({_ACTIVE}) ORDER BY created_at, workflow_id"
FIRST = "SELECT data FROM event WHERE workflow_id = ? ORDER BY seq LIMIT 1"


class PlannedCommand(NamedTuple):
    """A command that a workflow may run."""

    phase: WorkflowPhase
    kind: str
    """run, agent, judge, recipe or check."""
    text: str


class ActiveWorkflow(NamedTuple):
    """A workflow that an engine would continue."""

    workflow_id: str
    task_id: str
    status: str
    commands: tuple[PlannedCommand, ...]


def active_workflows(workspace: Workspace) -> list[ActiveWorkflow]:
    """Return the active workflows of all databases of a workspace. Raises StoreError if one can't be read."""
    return [found for database in workspace_databases(workspace) for found in _active(database.db)]


def _active(db: Path) -> list[ActiveWorkflow]:
    connection = open_reader(db, migrate=False)
    if connection is None:
        return []
    with closing(connection):
        try:
            rows = connection.execute(RUNS).fetchall()
            return [
                ActiveWorkflow(workflow_id, task, status, _commands(connection, workflow_id))
                for workflow_id, task, status in rows
            ]
        except DATABASE_ERRORS as error:
            raise explain_error(error, db) from error
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise StoreError(f"{db} holds a workflow that can't be read: {error}", "penguin check") from error


def _commands(connection: sqlite3.Connection, workflow_id: str) -> tuple[PlannedCommand, ...]:
    row = connection.execute(FIRST, (workflow_id,)).fetchone()
    first = decode_events(row[0])[0] if row else None
    return tuple(planned_commands(first.definition)) if isinstance(first, Started) else ()


def planned_commands(definition: Definition) -> Iterator[PlannedCommand]:
    """Yield what a workflow with this definition may run, phase by phase."""
    for phase in GATES:
        gate = definition.gates.get(phase)
        if gate is not None and not gate.skip:
            yield from (PlannedCommand(phase, *found) for found in _of_gate(definition, gate))


def _of_gate(definition: Definition, gate: Gate) -> Iterator[tuple[str, str]]:
    for command in gate.run:
        yield "run", command.run
    for kind, name in (("agent", gate.agent), ("judge", gate.judge)):
        if name is not None:
            yield kind, _agent(definition, name)
    if gate.recipes:
        for recipe in definition.task.recipes:
            for step in recipe.steps:
                yield "recipe", f"{step.kind}: {step.source}"
    if gate.criteria:
        for criterion in definition.task.criteria:
            if criterion.check is not None:
                yield "check", criterion.check


def _agent(definition: Definition, name: str) -> str:
    spec = definition.agents.get(name)
    return name if spec is None else " ".join([spec.kind, *spec.command, *spec.args])

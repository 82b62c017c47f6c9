"""Reasons why a workflow is not running, and the next command.

For most workflows the row is enough; other modules are imported only when they are needed. `engines` is the folder in
which engines prove that they are alive.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.store.sentence_format import clock, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.store.dependencies import Dependency

COLUMNS = (
    "workflow_id",
    "project_id",
    "dependencies",
    "status",
    "phase",
    "slot",
    "isolation",
    "holds_tree",
    "landing",
    "target_branch",
    "due_at",
    "cancelling",
    "owner",
    "actor",
    "reason",
    "advice",
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM run WHERE workflow_id = ?"
_LANDING = 2
"""LandingStage.LANDING, which is not imported for each list."""
BRANCH_HOLDER = "SELECT task_id FROM run WHERE landing >= 2 AND target_branch = ?"
HOLDERS = "SELECT task_id, owner FROM run WHERE slot = 1 ORDER BY workflow_id"
TREE_HOLDERS = "SELECT workflow_id, task_id, status, owner FROM run WHERE holds_tree = 1 ORDER BY workflow_id"
START_ENGINE = "penguin, or penguin worker"
NO_ENGINE = "no shell or worker is running"
STEP_RUNS = "its step still runs"

Run = dict[str, Any]


def read_run(connection: sqlite3.Connection, workflow_id: str) -> Run | None:
    """Return the columns of a workflow that this module needs."""
    row = connection.execute(SELECT, (workflow_id,)).fetchone()
    return dict(zip(COLUMNS, row, strict=True)) if row else None


def explain(connection: sqlite3.Connection, engines: str, workflow_id: str) -> str:
    """Return what the workflow waits for, in one line; empty if it runs, is final, or is unknown."""
    run = read_run(connection, workflow_id)
    if run is None or WorkflowStatus(run["status"]).final:
        return ""
    if _rests(run):
        return _paused(run) if run["status"] == WorkflowStatus.PAUSED else one_line(run["reason"])
    reasons = (
        _slot_reason(connection, engines, run),
        _orphan_reason(engines, run) or _no_engine(engines, run["owner"]),
    )
    return "; ".join(reason for reason in reasons if reason)


def next_command(connection: sqlite3.Connection, engines: str, workflow_id: str) -> str:
    """Return the next command to type, or "" if none is needed."""
    run = read_run(connection, workflow_id)
    if run is None or run["status"] == WorkflowStatus.COMPLETED:
        return ""
    if run["advice"]:
        return str(run["advice"])
    if WorkflowStatus(run["status"]).final:
        return f"/workflow retry {workflow_id}"
    if _rests(run):
        return f"/workflow resume {workflow_id}"
    hopeless = _settled_dependency(connection, run)
    if hopeless is not None:
        return _next_command_for_dependency(connection, engines, hopeless)
    if _waits_for_paused(connection, run):
        return _resume_holder(connection)
    return START_ENGINE if _no_engine(engines, run["owner"]) else ""


def is_settled(connection: sqlite3.Connection, engines: str, workflow_id: str) -> bool:
    """Return whether the workflow and what it waits for stay as they are until a person acts. True if it is unknown."""
    run = read_run(connection, workflow_id)
    if run is None:
        return True
    if run["slot"] or run["cancelling"]:
        return False
    if _waits_for_paused(connection, run):
        return True
    if run["status"] == WorkflowStatus.PENDING:
        return _settled_dependency(connection, run) is not None
    return not WorkflowStatus(run["status"]).moving


def _rests(run: Run) -> bool:
    return WorkflowStatus(run["status"]).rests and not run["cancelling"]


def _settled_dependency(connection: sqlite3.Connection, run: Run) -> Dependency | None:
    """Return the dependency because of which a workflow can't start until a person acts, or None."""
    if run["status"] != WorkflowStatus.PENDING:
        return None
    from penguin.orchestration.store.dependencies import settled_dependency

    return settled_dependency(connection, run["workflow_id"])


def _next_command_for_dependency(connection: sqlite3.Connection, engines: str, dependency: Dependency) -> str:
    if dependency.workflow_id is None:
        return f"/workflow start {dependency.task_id}"
    return next_command(connection, engines, dependency.workflow_id)


def _slot_reason(connection: sqlite3.Connection, engines: str, run: Run) -> str:
    if run["cancelling"]:
        return f"being cancelled{_by(run)}: the step of {run['phase']} is ending"
    if run["slot"]:
        return f"landing on {run['target_branch']}" if run["landing"] == _LANDING else ""
    unmet = _unmet(connection, run)
    if unmet:
        return f"waits for {', '.join(unmet)}"
    now = time.time()
    if run["due_at"] > now:
        because = f"; {one_line(run['reason'])}" if run["reason"] else ""
        return f"retrying at {clock(run['due_at'], now)} with {run['phase']}{because}"
    if held := _tree_reason(connection, engines, run) or _branch_reason(connection, run):
        return held
    holders = _slot_holders(connection, engines)
    return f"waits for a slot, held by {', '.join(holders)}" if holders else ""


def _tree_reason(connection: sqlite3.Connection, engines: str, run: Run) -> str:
    """Return which workflow holds the working tree that this one waits for; "" if it waits for none."""
    holders = _tree_holders(connection, run)
    if not holders:
        return ""
    # If this one has no engine either, that is said once, for both.
    own_engine = not _no_engine(engines, run["owner"])
    descriptions = []
    for _, task_id, status, owner in holders:
        lacks = own_engine and WorkflowStatus(status).moving and _no_engine(engines, owner)
        descriptions.append(f"{task_id} ({_word(status)}{f', {lacks}' if lacks else ''})")
    return f"waits for the working tree, held by {', '.join(descriptions)}"


def _branch_reason(connection: sqlite3.Connection, run: Run) -> str:
    """Return which workflow lands on the branch on which this one lands next; "" if it waits for none."""
    from penguin.orchestration.core.landing_stage import LandingStage

    if run["landing"] != LandingStage.QUEUED:
        return ""
    holder = connection.execute(BRANCH_HOLDER, (run["target_branch"],)).fetchone()
    return f"waits to land on {run['target_branch']}, after {holder[0]}" if holder else ""


def _tree_holders(connection: sqlite3.Connection, run: Run) -> list[tuple[str, str, str, str]]:
    """Return id, task, status and owner of the workflows that keep this one from the working tree."""
    if not WorkflowStatus(run["status"]).moving:
        return []
    from penguin.orchestration.core.tree_isolation import needs_tree

    if not needs_tree(run["isolation"], bool(run["holds_tree"])):
        return []
    return connection.execute(TREE_HOLDERS).fetchall()


def _waits_for_paused(connection: sqlite3.Connection, run: Run) -> bool:
    """Return whether it waits for the working tree, and the holder is PAUSED."""
    if _unmet(connection, run):
        return False
    return any(status == WorkflowStatus.PAUSED for _, _, status, _ in _tree_holders(connection, run))


def _resume_holder(connection: sqlite3.Connection) -> str:
    paused = next(row[0] for row in connection.execute(TREE_HOLDERS) if row[2] == WorkflowStatus.PAUSED)
    return f"/workflow resume {paused}"


def _slot_holders(connection: sqlite3.Connection, engines: str) -> list[str]:
    """Return the tasks that hold a slot."""
    from penguin.orchestration.files.engine_lock import is_alive, may_run_steps

    folder = _path(engines)
    outlives = "whose step still runs although its engine ended"
    return [
        task_id if is_alive(folder, owner) else f"{task_id}, {outlives}"
        for task_id, owner in connection.execute(HOLDERS)
        if may_run_steps(folder, owner)
    ]


def _unmet(connection: sqlite3.Connection, run: Run) -> list[str]:
    """Return descriptions of the tasks that a PENDING workflow waits for."""
    if run["status"] != WorkflowStatus.PENDING or run["dependencies"] == "[]":
        return []
    import json

    from penguin.orchestration.store.dependencies import unmet_dependencies

    unmet = unmet_dependencies(connection, run["project_id"], json.loads(run["dependencies"]))
    return [_dependency(connection, dependency) for dependency in unmet]


def _dependency(connection: sqlite3.Connection, dependency: Dependency) -> str:
    text = _word(dependency.status)
    if dependency.status is WorkflowStatus.BLOCKED:
        text += ", needs a person"
    elif dependency.status is WorkflowStatus.PENDING and dependency.workflow_id is not None:
        from penguin.orchestration.store.dependencies import settled_dependency

        behind = settled_dependency(connection, dependency.workflow_id)
        text += f" for {behind.task_id}, {_word(behind.status)}" if behind else ""
    return f"{dependency.task_id} ({text})"


def _word(status: str | None) -> str:
    """Return the word for the status of another task; None: it was never started."""
    if status is None:
        return "not started"
    return "waiting" if status == WorkflowStatus.PENDING else status.lower()


def _paused(run: Run) -> str:
    ending = f"; a step of {run['phase']} is still ending" if run["slot"] else ""
    return f"paused{_by(run)}{ending}"


def _by(run: Run) -> str:
    return f" by {run['actor']}" if run["actor"] else ""


def _no_engine(engines: str, owner: str) -> str:
    from penguin.orchestration.files.engine_lock import has_claiming_engine, is_alive

    folder = _path(engines)
    # A script's engine is alive too, but runs only what the script started.
    return "" if is_alive(folder, owner) or has_claiming_engine(folder) else NO_ENGINE


def _orphan_reason(engines: str, run: Run) -> str:
    """Return the reason if a step of a dead engine still runs and no engine takes it over; else ''."""
    from penguin.orchestration.files.engine_lock import may_run_steps

    if not run["slot"] or not _no_engine(engines, run["owner"]) or not may_run_steps(_path(engines), run["owner"]):
        return ""
    workflow_id = run["workflow_id"]
    cancel = "" if run["cancelling"] else f", or cancel it: /workflow cancel {workflow_id}"
    take_over = f"take it over: /workflow resume {workflow_id}{cancel}"
    return f"{STEP_RUNS}, but {NO_ENGINE} to continue after it; {take_over}"


def _path(name: str) -> Path:
    from pathlib import Path

    return Path(name)

"""Input of the measures: a workspace with tasks, and a store with many workflows."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penguin.orchestration import get_backend
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.results import AttemptResult
from penguin.orchestration.testing import scripted_phases

GATES = ("implement", "test", "use", "verify")
PROJECTS = 10
PATTERNS = 100
UNVERIFIED, IMPOSSIBLE, CANCELLED = 2, 5, 20
"""Of each hundred: the numbers of BLOCKED, of FAILED, and of BLOCKED and then CANCELLED workflows; the rest passed."""


def task_ids(count: int) -> list[str]:
    return [f"task-{number}" for number in range(count)]


def make_workspace(root: Path, tasks: int, phases: dict[str, Any] | None = None, max_parallel: int = 1000) -> Path:
    """Create a workspace with this number of tasks. Its gates run `true` by default."""
    root.mkdir(parents=True, exist_ok=True)
    settings = {
        "project": {"id": "bench"},
        "blueprints": ["tasks.json"],
        "phases": phases or {gate: {"run": ["true"]} for gate in GATES},
        "isolation": "shared",
        "orchestration": {"max_parallel": max_parallel, "retry": {"max_attempts": 1}},
    }
    (root / "penguin.yaml").write_text(json.dumps(settings))
    items = [{"id": name, "title": f"Do the work of {name}"} for name in task_ids(tasks)]
    (root / "tasks.json").write_text(json.dumps({"id": "tasks", "title": "Tasks", "items": items}))
    return root


def filled_workspace(place: Path, count: int) -> Path:
    """A workspace with so many workflows in its store, nearly all of them over; made once for a place.

    Some are made by the engine. The others are copies of their rows, under names and times of their own.
    """
    root = place / f"filled-{count}"
    if not (root / "made").exists():
        make_workspace(root, PATTERNS)
        asyncio.run(_run_patterns(root))
        _copy_patterns(root / ".penguin" / "penguin.db", count)
        (root / "made").touch()
    return root


async def _run_patterns(root: Path) -> None:
    tasks = task_ids(PATTERNS)
    failed = AttemptResult(verdict=Verdict.ERROR, reason="nothing could run it", impossible=True)
    scripts: dict[str, dict[str, list[str | AttemptResult]]] = {task: {} for task in tasks}
    for number, task in enumerate(tasks[: UNVERIFIED + IMPOSSIBLE + CANCELLED]):
        scripts[task] = {"TEST": [failed if number < IMPOSSIBLE else "UNVERIFIED"]}
    with scripted_phases(tasks=scripts):
        async with get_backend(workspace_path=root) as backend:
            infos = await backend.wait_workflows(await backend.start_tasks(tasks))
            blocked = [info.workflow_id for info in infos if info.status == "BLOCKED"]
            for workflow_id in blocked[UNVERIFIED:]:
                await backend.cancel_workflow(workflow_id)


def _copy_patterns(db: Path, count: int) -> None:
    connection = sqlite3.connect(db, isolation_level=None)
    try:
        patterns = int(connection.execute("SELECT count(*) FROM run").fetchone()[0])
        copies = count // patterns - 1
        numbers = f"""
            WITH RECURSIVE copy(n) AS (SELECT 1 WHERE {copies} > 0 UNION ALL SELECT n + 1 FROM copy WHERE n < {copies})
        """
        changed = {
            "workflow_id": "printf('%s-%06d', workflow_id, n)",
            "task_id": "printf('%s-%06d', task_id, n)",
            "project_id": f"printf('%s-%d', project_id, n % {PROJECTS})",
            "created_at": "created_at - n",
            "updated_at": "updated_at - n",
            "at": "at - n",
        }
        connection.execute("BEGIN")
        for table in ("run", "event"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(column, column) for column in columns)
            # Read before writing: a statement must not find its own copies.
            connection.execute(f"CREATE TEMP TABLE pattern AS SELECT * FROM {table}")
            connection.execute(f"INSERT INTO {table} {numbers} SELECT {values} FROM pattern, copy")
            connection.execute("DROP TABLE pattern")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def workflow_ids(root: Path, count: int) -> Sequence[str]:
    """Return some workflows, spread over the whole store."""
    connection = sqlite3.connect(root / ".penguin" / "penguin.db")
    try:
        rows = connection.execute("SELECT workflow_id FROM run ORDER BY workflow_id").fetchall()
    finally:
        connection.close()
    return [row[0] for row in rows[:: max(1, len(rows) // count)]][:count]

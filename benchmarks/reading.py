"""Lists, statuses and histories over stores of three sizes: the query, and the objects made from its rows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.clock import Figures, median_ms
from benchmarks.grounds import filled_workspace, workflow_ids
from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.store.list_queries import SORTS
from penguin.orchestration.store.queries import WorkflowReader

SIZES = (1_000, 10_000, 100_000)
LIMIT = 100
PROJECT = "bench-3"


def measure(place: Path, quick: bool) -> Figures:
    figures: Figures = {}
    for size in SIZES[:1] if quick else SIZES:
        root = filled_workspace(place.parent, size)
        reader = WorkflowReader(root / ".penguin" / "penguin.db")
        try:
            lists = _lists(reader, f"{workflow_ids(root, 1)[0]}")
            figures[f"list{size}.ms"] = max(lists.values())
            ids = workflow_ids(root, 20)
            figures[f"status{size}.ms"] = median_ms(lambda: [reader.info(name) for name in ids], 5) / len(ids)  # noqa: B023
            figures[f"history{size}.ms"] = median_ms(lambda: [reader.history(name) for name in ids], 5) / len(ids)  # noqa: B023
        finally:
            reader.close()
    return figures


def _lists(reader: WorkflowReader, workflow_id: str) -> Figures:
    """The slowest one counts, over every filter and order."""
    info = reader.info(workflow_id)
    assert info is not None
    filters: dict[str, dict[str, object]] = {
        "all": {},
        "project": {"project_id": PROJECT},
        "task": {"task_id": info.task_id},
        "since": {"since": info.started_at.timestamp() - 3600},
        "active": {"statuses": WorkflowStatus.active()},
        "project and active": {"project_id": PROJECT, "statuses": WorkflowStatus.active()},
        "nothing": {"project_id": "nobody"},
    }
    filters |= {status: {"statuses": [status]} for status in WorkflowStatus}
    return {
        f"{name}, {sort}": median_ms(lambda: reader.list(**given, sort=sort, limit=LIMIT), 7)  # type: ignore[arg-type]  # noqa: B023
        for name, given in filters.items()
        for sort in SORTS
    }

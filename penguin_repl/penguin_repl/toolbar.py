"""The toolbar: how many workflows there are in which state, and what runs. Everything in it is told elsewhere too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowInfo

LIMIT = 200
"""So many active workflows are counted; then there are `more`."""
WORDS = {
    WorkflowStatus.RUNNING: "running",
    WorkflowStatus.PENDING: "waiting",
    WorkflowStatus.BLOCKED: "blocked",
    WorkflowStatus.PAUSED: "paused",
}


def fitting(active: Sequence[WorkflowInfo], width: int) -> str:
    """What is known of the active workflows in one line, as much as fits: counts before names."""
    if not active:
        return _cut(" nothing runs", width)
    shown = active[:LIMIT]
    named = max(sum(info.status is status for info in shown) for status in WORDS)
    for names in range(min(named, width // 4), -1, -1):
        line = _line(shown, names, "+" if len(active) > LIMIT else "")
        if len(line) <= width:
            return line
    return _cut(line, width)


def _line(active: Sequence[WorkflowInfo], names: int, more: str) -> str:
    parts = []
    for status, word in WORDS.items():
        infos = [info for info in active if info.status is status]
        if infos:
            parts.append(f"{len(infos)}{more} {word}{_named(infos, names)}")
    return " " + " · ".join(parts)


def _named(infos: Sequence[WorkflowInfo], names: int) -> str:
    """The tasks, those that run with their phase; of those that wait nobody needs the names."""
    if not names or infos[0].status is WorkflowStatus.PENDING:
        return ""
    running = infos[0].status is WorkflowStatus.RUNNING
    told = [f"{info.task_id} {info.phase}" if running else info.task_id for info in infos[:names]]
    return ": " + ", ".join([*told, *(["…"] if len(infos) > names else [])])


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"

"""The toolbar: the number of workflows in each status, and what runs. Everything in it is shown elsewhere too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowStatus
from penguin_repl.render.words import STATUS_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penguin.orchestration.backend import WorkflowInfo


def toolbar_text(counts: Mapping[WorkflowStatus, int], active: Sequence[WorkflowInfo], width: int) -> str:
    """Return the active workflows in one line, as much as fits, with counts before names."""
    if not counts:
        return _truncate(" no workflow is running", width)
    for names in range(min(max(counts.values()), width // 4), -1, -1):
        line = _format_line(counts, active, names)
        if len(line) <= width:
            return line
    return _truncate(line, width)


def _format_line(counts: Mapping[WorkflowStatus, int], active: Sequence[WorkflowInfo], names: int) -> str:
    parts = []
    for status, word in STATUS_WORDS.items():
        if counts.get(status):
            infos = [info for info in active if info.status is status]
            parts.append(f"{counts[status]} {word}{_task_names(infos, counts[status], names)}")
    return " " + " · ".join(parts)


def _task_names(infos: Sequence[WorkflowInfo], count: int, names: int) -> str:
    """Return the names of the tasks, with the phase if they run. Waiting tasks are only counted."""
    if not names or not infos or infos[0].status is WorkflowStatus.PENDING:
        return ""
    running = infos[0].status is WorkflowStatus.RUNNING
    shown = [f"{info.task_id} {info.phase}" if running else info.task_id for info in infos[:names]]
    return ": " + ", ".join([*shown, *(["…"] if count > len(shown) else [])])


def _truncate(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"

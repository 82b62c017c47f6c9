"""How far those are that are being waited for, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.format import duration

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.results.changes import Waiting

CELLS = 20
"""Length of the bar, where there is room."""
NAMED = 3
"""So many are named in a line of words."""


def progress_line(waiting: Waiting, columns: int) -> str:
    """A bar, how many are over, what the others do, and the time: as much as fits, in ASCII."""
    infos = waiting.workflows
    percent = sum(100 if info.status.final else info.progress for info in infos) // len(infos)
    over = sum(info.status.final for info in infos)
    count = "" if len(infos) == 1 else f"{over} of {len(infos)} over"
    moving = [_doing(info) for info in infos if not info.status.final]
    for cells, named in ((CELLS, 3), (CELLS, 1), (CELLS // 2, 1), (CELLS // 2, 0)):
        names = [", ".join([*moving[:named], *["..."] * (len(moving) > named)])] if named else []
        line = "  ".join(part for part in (_bar(percent, cells), count, *names, _time(waiting)) if part)
        if len(line) < columns:
            return line
    return line[: max(0, columns - 1)]


def heartbeat_line(waiting: Waiting) -> str:
    """The same in words, to be read aloud."""
    moving = [f"{_doing(info)} ({info.progress}%)" for info in waiting.workflows if not info.status.final]
    more = [f"{len(moving) - NAMED} more"] if len(moving) > NAMED else []
    return f"still waiting, {_time(waiting)}: {', '.join([*moving[:NAMED], *more]) or 'nothing moves'}"


def _bar(percent: int, cells: int) -> str:
    full = percent * cells // 100
    return f"[{'#' * full}{'-' * (cells - full)}] {percent:3}%"


def _doing(info: WorkflowInfo) -> str:
    where = info.status if info.status.rests else info.phase
    return f"{info.task_id} {where}"


def _time(waiting: Waiting) -> str:
    elapsed = _seconds(waiting.elapsed)
    return elapsed if waiting.timeout is None else f"{elapsed} of {_seconds(waiting.timeout)}"


def _seconds(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds < 60 else duration(seconds)

"""Rendering of the progress of a wait in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.format import format_duration
from penguin_repl.render.parts import Span, line

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.config.theme import Meaning
    from penguin_commands.results.changes import WaitProgress
    from penguin_repl.render.parts import Line

BAR_CELLS = 20
"""The length of the bar, if there is room."""
MAX_NAMED = 3
"""The maximum number of workflows named in a progress line."""


def progress_line(waiting: WaitProgress, columns: int) -> Line:
    """Return the progress: a bar, the number of finished workflows, the state of the others, and the time.

    Leaves out what does not fit.
    """
    infos = waiting.workflows
    percent = sum(100 if info.status.final else info.progress for info in infos) // len(infos)
    over = sum(info.status.final for info in infos)
    count = "" if len(infos) == 1 else f"{over} of {len(infos)} ended"
    moving = [_task_phase(info) for info in infos if not info.status.final]
    for cells, named in ((BAR_CELLS, 3), (BAR_CELLS, 1), (BAR_CELLS // 2, 1), (BAR_CELLS // 2, 0)):
        names = [", ".join([*moving[:named], *["..."] * (len(moving) > named)])] if named else []
        facts = " " + "  ".join(part for part in (f"{percent:3}%", count, *names, _elapsed_text(waiting)) if part)
        if cells + len(facts) < columns:
            return line(*progress_bar(percent, cells, "status.running"), facts)
    return line(facts.strip()[: max(0, columns - 1)])


def progress_bar(percent: int, cells: int, meaning: Meaning) -> tuple[Span, Span]:
    """Return a bar of `cells` columns: the part that is done, and the rest."""
    full = percent * cells // 100
    return Span("━" * full, meaning), Span("─" * (cells - full), "dim")


def heartbeat_line(waiting: WaitProgress) -> str:
    """Return the progress in words, for screen readers."""
    moving = [f"{_task_phase(info)} ({info.progress}%)" for info in waiting.workflows if not info.status.final]
    more = [f"{len(moving) - MAX_NAMED} more"] if len(moving) > MAX_NAMED else []
    return f"still waiting, {_elapsed_text(waiting)}: {', '.join([*moving[:MAX_NAMED], *more]) or 'nothing is running'}"


def _task_phase(info: WorkflowInfo) -> str:
    where = info.status if info.status.rests else info.phase
    return f"{info.task_id} {where}"


def _elapsed_text(waiting: WaitProgress) -> str:
    elapsed = _seconds(waiting.elapsed)
    return elapsed if waiting.timeout is None else f"{elapsed} of {_seconds(waiting.timeout)}"


def _seconds(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds < 60 else format_duration(seconds)

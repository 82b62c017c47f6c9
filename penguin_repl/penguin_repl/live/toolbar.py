"""The toolbar: the number of workflows that run and that wait, and which. Everything in it is shown elsewhere too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_repl.render.parts import Line, Span
from penguin_repl.text.escape import clean
from penguin_repl.text.width import display_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.config.theme import Meaning
    from penguin_repl.live.poller import PollResult

MEANINGS: dict[str, Meaning] = {
    "running": "status.running",
    "blocked": "status.blocked",
    "paused": "status.paused",
    "waiting": "status.pending",
}
"""The meaning of each count, in display order."""
NO_WORKFLOWS = " no workflow is running"


def toolbar_line(poll: PollResult, width: int) -> Line:
    """Return the active workflows in one line, as much as fits, with counts before names."""
    if not poll.counts.total:
        return Line((Span(NO_WORKFLOWS, "toolbar"),))
    for names in range(min(max(poll.counts), width // 4), -1, -1):
        found = Line(tuple(_pieces(poll, names)))
        if display_width(found.text) <= width:
            break
    return found


def _pieces(poll: PollResult, names: int) -> Iterator[Span]:
    start = " "
    for word, meaning in MEANINGS.items():
        if count := getattr(poll.counts, word):
            yield Span(start, "toolbar")
            yield Span(f"{count} {word}", meaning)
            if named := _task_names(poll, word, count, names):
                yield Span(named, "toolbar")
            start = " · "


def _task_names(poll: PollResult, word: str, count: int, names: int) -> str:
    """Return the names of the tasks, with the phase if they run. Waiting tasks are only counted."""
    infos = [info for info in poll.active if names and _word(poll, info) == word]
    if not infos or word == "waiting":
        return ""
    running = word == "running"
    shown = [clean(f"{info.task_id} {info.phase}" if running else info.task_id) for info in infos[:names]]
    return ": " + ", ".join([*shown, *(["…"] if count > len(shown) else [])])


def _word(poll: PollResult, info: WorkflowInfo) -> str:
    if info.status.rests:
        return info.status.value.lower()
    return "running" if info.workflow_id in poll.executing else "waiting"

"""The greeting of a shell: the workflows that need a person, those that run, and the command for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_repl.render.parts import Span, line
from penguin_repl.render.words import STATUS_WORDS, status_meaning
from penguin_repl.shell.notices import ARROW, notice_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.store.queries import WorkflowReader
    from penguin_repl.render.parts import Line

MAX_NAMED = 2
"""Workflows of each status that are named. Further ones are counted."""


def greeting_lines(reader: WorkflowReader, columns: int, *, names_running: bool) -> Iterator[Line]:
    """Yield a few lines about the active workflows; none if there are none. Raises WorkflowError.

    Args:
        reader: The workflows.
        columns: The width of the terminal.
        names_running: Whether to yield a line about those that run.
    """
    statuses = list(reader.active_statuses().values())
    for status in (WorkflowStatus.BLOCKED, WorkflowStatus.PAUSED):
        yield from _resting(reader, status, statuses.count(status), columns)
    running = len(reader.executing())
    if running and names_running:
        waiting = sum(status.moving for status in statuses) - running
        waits = f", {waiting} waiting" if waiting > 0 else ""
        count = Span(f"{running} running", "status.running")
        yield line(count, waits, ARROW, Span("/workflow watch", "command"))


def _resting(reader: WorkflowReader, status: WorkflowStatus, count: int, columns: int) -> Iterator[Line]:
    """Yield the first workflows that wait for a person, and the number of the others."""
    if not count:
        return
    # One more takes no more space than its count.
    limit = count if count == MAX_NAMED + 1 else MAX_NAMED
    for info in reader.list(statuses={status}, sort="oldest", limit=limit):
        yield notice_line(info, reader.next_command(info.workflow_id), columns)
    if count > limit:
        more = Span(f"{count - limit} more {STATUS_WORDS[status]}", status_meaning(status))
        yield line(more, ARROW, Span(f"/workflow list --status {status.lower()}", "command"))

"""Notices of what happened to workflows while the user did something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError, WorkflowStatus
from penguin_repl.output.logging_handler import NarratingLogHandler
from penguin_repl.render.parts import Span, line
from penguin_repl.render.words import name_task, status_span
from penguin_repl.shell.alerts import Notifier
from penguin_repl.text.escape import clean
from penguin_repl.text.width import display_width, truncate

if TYPE_CHECKING:
    import logging
    from asyncio import AbstractEventLoop

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.queries import WorkflowReader
    from penguin_commands.session import Session
    from penguin_repl.render.parts import Line
    from penguin_repl.shell.prompt_screen import PromptScreen

ARROW = "  →  "
MIN_REASON_COLUMNS = 40
"""The columns that a reason may always take, even if the line wraps."""


class WorkflowNotifications:
    """Notices of workflow changes that need the user's attention, each reported once."""

    def __init__(self, session: Session, screen: PromptScreen) -> None:
        self._screen = screen
        self._notifier = Notifier(lambda: session.preferences, screen.ring_bell, screen.narrate)
        # Everything needed is known on this machine, so a notice need not wait for a server.
        self._make_reader = session.open_local_reader
        self._reader: WorkflowReader | None = None
        self._reported: dict[str, WorkflowInfo] = {}
        self._last_trouble = ""

    def on_change(self, info: WorkflowInfo) -> None:
        """Report a change of a workflow's status or phase. Never raises, since engines call it."""
        reported = self._reported.get(info.workflow_id)
        if reported is not None and info.updated_at <= reported.updated_at:
            # The engine and the store report the same changes at different times.
            return
        if not info.status.stopped:
            self._reported.pop(info.workflow_id, None)
        elif not self.was_reported(info):
            self._reported[info.workflow_id] = info
            notice = self._notice(info)
            self._screen.narrate_lines([notice])
            self._notifier.notify(info, clean(notice.text))

    def was_reported(self, info: WorkflowInfo) -> bool:
        """Return whether the newest notice of this workflow said the same."""
        reported = self._reported.get(info.workflow_id)
        return reported is not None and reported.status is info.status

    def report_trouble(self, text: str) -> None:
        """Report that the store has a problem or has recovered. Repeated calls are allowed."""
        if text != self._last_trouble:
            self._last_trouble = text
            self._screen.narrate(clean(text))

    def close(self) -> None:
        """Close the store and stop the notifications."""
        self._notifier.stop()
        if self._reader is not None:
            self._reader.close()

    def _notice(self, info: WorkflowInfo) -> Line:
        """Return what happened, with the details."""
        columns = self._screen.columns - display_width(line(*_head(info)).text)
        return notice_line(info, self._next_command(info, columns), self._screen.columns)

    def _next_command(self, info: WorkflowInfo, columns: int) -> str:
        """Return the command to type next. After a success it is optional, and left out if it does not fit."""
        workflow_id = info.workflow_id
        if info.status is WorkflowStatus.CANCELLED:
            # After a cancel, no next command is needed.
            return ""
        if info.status is WorkflowStatus.COMPLETED:
            command = f"/workflow results {workflow_id}"
            return command if len(command) + len(ARROW) < columns else ""
        try:
            self._reader = self._reader or self._make_reader()
            return clean(self._reader.next_command(workflow_id))
        except WorkflowError:
            return ""


def notice_line(info: WorkflowInfo, command: str, columns: int) -> Line:
    """Return the status of a workflow, the reason, and the next command if there is one.

    Args:
        info: The workflow.
        command: What to type next; '' for nothing.
        columns: The width of the terminal, to which a long reason is cut.
    """
    head = _head(info)
    if not info.status.final:
        command = name_task(command, info)
    tail = (ARROW, Span(clean(command), "command")) if command else ()
    reason = "" if info.status is WorkflowStatus.COMPLETED else clean(info.error_message or "")
    if reason:
        beside = columns - display_width(line(*head, *tail).text) - len(": ") - 1
        if beside < MIN_REASON_COLUMNS:
            # The command has a line of its own.
            beside = columns - display_width(line(*head).text) - len(": ") - 1
        reason = ": " + truncate(reason, max(MIN_REASON_COLUMNS, beside))
    return line(*head, reason, *tail)


def _head(info: WorkflowInfo) -> tuple[str | Span, ...]:
    gate = "" if info.status is WorkflowStatus.COMPLETED else f" at {info.phase}"
    return (Span(info.workflow_id, "id"), " ", status_span(info.status), gate)


class ShellLogHandler(NarratingLogHandler):
    """A handler that shows warnings of libraries and of the engine above the prompt."""

    def __init__(self, screen: PromptScreen, loop: AbstractEventLoop, *, debug: bool) -> None:
        super().__init__(screen, debug=debug)
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record. `logging` calls this from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(super().emit, record)

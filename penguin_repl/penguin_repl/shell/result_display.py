"""Display of results in a shell: above the prompt, in the pager, in the panel, or in the full-screen view."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from penguin_commands.results.changes import WaitResult
from penguin_commands.results.output import LogsResult, OutputChunk
from penguin_commands.results.ui_actions import ChainedResult, PanelAction, ViewAction
from penguin_repl.output.print_result import show_result, show_whole_result
from penguin_repl.shell.pager import Pager

if TYPE_CHECKING:
    from penguin_commands.results import Result
    from penguin_commands.results.output import Log
    from penguin_commands.session import Session
    from penguin_repl.live.panel import LivePanel
    from penguin_repl.live.refresh import WorkflowRefresher
    from penguin_repl.shell.external_programs import ExternalProgramRunner
    from penguin_repl.shell.notices import WorkflowNotifications
    from penguin_repl.shell.prompt_screen import PromptScreen


class ResultDisplay:
    """Shows the results of the commands of one shell."""

    def __init__(
        self,
        session: Session,
        screen: PromptScreen,
        programs: ExternalProgramRunner,
        notifications: WorkflowNotifications,
        refresher: WorkflowRefresher,
        panel: LivePanel,
    ) -> None:
        self._session = session
        self._screen = screen
        self._programs = programs
        self._notifications = notifications
        self._refresher = refresher
        self._panel = panel

    async def show_in_pager(self, result: Result) -> None:
        """Show a result, in the pager if it is long and complete."""
        if isinstance(result, ChainedResult | ViewAction) or (isinstance(result, LogsResult) and result.chunks):
            await self.show(result)
        else:
            async with Pager(self._screen, self._programs, self._session.preferences.pager).page_output():
                await self.show(result)

    async def show(self, result: Result) -> None:
        """Show a result; for /watch, the panel or the full-screen view."""
        if isinstance(result, PanelAction | ViewAction):
            await self._show_live(result)
            if self._screen.style.format == "text":
                return
        if isinstance(result, ChainedResult) and self._screen.style.format == "text":
            show_result(self._screen, result.first)
            await self.show(await result.then())
        elif not self._is_reported(result):
            # Programs get only the end of each output.
            await show_whole_result(
                self._screen, _with_async_chunks(result) if self._screen.style.format == "text" else result
            )

    async def _show_live(self, result: PanelAction | ViewAction) -> None:
        """Show or hide the panel, or run the full-screen view."""
        if isinstance(result, PanelAction):
            self._panel.on = not self._panel.on if result.visible is None else result.visible
            self._refresher.refresh()
            return
        from penguin_repl.live.view import WorkflowView

        with self._screen.suspended():
            await WorkflowView(self._session, result.workflow_id, self._screen.style).run()

    def _is_reported(self, result: Result) -> bool:
        """Return whether notices already reported the whole result."""
        text = self._screen.style.format == "text"
        return text and isinstance(result, WaitResult) and all(map(self._notifications.was_reported, result.workflows))


def _with_async_chunks(result: Result) -> Result:
    """Return logs with asynchronous chunks, so that long logs block neither the engine nor Ctrl-C."""
    if isinstance(result, LogsResult) and not result.chunks:
        return result._replace(chunks=lambda: _read_chunks(result.logs))
    return result


async def _read_chunks(logs: tuple[Log, ...]) -> AsyncIterator[OutputChunk]:
    from penguin_repl.output.step_output_printer import read_chunks

    for log in logs:
        yield OutputChunk(log, b"")
        for output in read_chunks(log):
            yield OutputChunk(log, output)
            await asyncio.sleep(0)

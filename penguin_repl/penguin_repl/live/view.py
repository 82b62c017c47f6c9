"""The full-screen view of running workflows. It restores the screen at its end."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output import ColorDepth

from penguin.orchestration.backend import WorkflowError
from penguin_commands.execute import execute
from penguin_commands.results.changes import ChangeResult
from penguin_repl.live.drawing import LiveDrawer
from penguin_repl.live.poller import WorkflowPoller
from penguin_repl.live.view_layout import ViewState, compose, list_height
from penguin_repl.live.workflow_detail import WorkflowDetailReader
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import AnyFormattedText

    from penguin_commands.session import Session
    from penguin_repl.output.screen import Style

POLL_INTERVAL = 0.5
"""Seconds between two polls."""
PAGE_LINES = 10
"""Lines by which PgUp and PgDn move."""


class WorkflowView:
    """A view of one workflow, or of all active ones with details of one, until a key closes it."""

    def __init__(self, session: Session, workflow_id: str | None, style: Style) -> None:
        self._session = session
        self._workflow_id = workflow_id
        self._selected_id = workflow_id
        """The id of the workflow that is shown in detail."""
        self._drawer = LiveDrawer(style)
        self._poller = WorkflowPoller(session)
        self._detail_reader = WorkflowDetailReader(session)
        self._state = ViewState(shows_list=workflow_id is None)
        self._confirming = False
        self._wake = asyncio.Event()
        self._app: Application[None] = Application(
            Layout(Window(FormattedTextControl(self._text), always_hide_cursor=True)),
            key_bindings=self._keys(),
            full_screen=True,
            color_depth=None if style.color else ColorDepth.DEPTH_1_BIT,
        )

    async def run(self) -> None:
        """Show the view until it is closed."""
        refreshing = asyncio.create_task(self._refresh())
        try:
            # The next read from the terminal notices that it was closed.
            with suppress(EOFError):
                await self._app.run_async(set_exception_handler=False)
        finally:
            refreshing.cancel()

    # --- polling ---

    async def _refresh(self) -> None:
        while True:
            self._wake.clear()
            try:
                state = await self._session.run_in_reader_thread(self._poll)
                self._state = state._replace(
                    shows_logs=self._state.shows_logs,
                    message=self._state.message,
                    scroll=self._clamp_scroll(state, self._state.scroll),
                )
            except WorkflowError as error:
                self._show_message(error.message)
            self._app.invalidate()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL):
                    await self._wake.wait()

    def _poll(self) -> ViewState:
        """Poll the workflows. Does not run on the loop."""
        if self._workflow_id is not None:
            return ViewState(self._poller.poll(0), shows_list=False, detail=self._detail_reader.read(self._workflow_id))
        height = list_height(self._app.output.get_size().rows)
        poll = self._poller.poll(height, self._state.first_row)
        ids = [info.workflow_id for info in poll.active]
        index = ids.index(self._selected_id) if self._selected_id in ids else min(self._state.selected, len(ids) - 1)
        self._selected_id = ids[index] if ids else None
        first = max(0, min(self._state.first_row, index), index - height + 1)
        first = min(first, max(0, len(ids) - height))
        if first != self._state.first_row:
            poll = self._poller.poll(height, first)
        detail = self._detail_reader.read(self._selected_id) if self._selected_id else None
        return ViewState(poll, index, first, detail=detail)

    def _text(self) -> AnyFormattedText:
        size = self._app.output.get_size()
        return self._drawer.draw(compose(self._state, size.columns, size.rows, time.time()), size.columns).text

    def _show_message(self, words: str) -> None:
        self._state = self._state._replace(message=clean(words))

    # --- keys ---

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asking = Condition(lambda: self._confirming)

        for key in ("q", "Q", "escape", "c-c", "c-d", "<sigint>"):
            keys.add(key, filter=~asking)(lambda event: event.app.exit())
        for key, lines in {"up": 1, "down": -1, "pageup": PAGE_LINES, "pagedown": -PAGE_LINES}.items():
            keys.add(key, filter=~asking)(lambda event, lines=lines: self._scroll(lines))
        for key, verb in {"p": "pause", "r": "resume"}.items():
            keys.add(key, filter=~asking)(lambda event, verb=verb: self._start_verb(verb))
        keys.add("l", filter=~asking)(lambda event: self._toggle_logs())
        keys.add("c", filter=~asking)(lambda event: self._confirm_cancel())
        for key in ("y", "Y"):
            keys.add(key, filter=asking, eager=True)(lambda event: self._answer(True))
        for key in ("<any>", "escape", "c-c", "c-d", "enter", "<sigint>"):
            keys.add(key, filter=asking)(lambda event: self._answer(False))
        return keys

    def _scroll(self, lines: int) -> None:
        """Scroll the output up by some lines, or move the selection in a list of workflows."""
        state = self._state
        if state.shows_logs or not state.shows_list:
            self._state = state._replace(scroll=self._clamp_scroll(state, state.scroll + lines))
        elif state.poll.active:
            index = min(max(0, state.selected - lines), len(state.poll.active) - 1)
            self._selected_id = state.poll.active[index].workflow_id
            self._state = state._replace(selected=index, scroll=0, message="")
        self._wake.set()

    def _clamp_scroll(self, state: ViewState, lines: int) -> int:
        """Limit scrolling back to the available output."""
        return min(max(0, lines), max(0, len(state.detail.output) - 1)) if state.detail else 0

    def _toggle_logs(self) -> None:
        self._state = self._state._replace(shows_logs=not self._state.shows_logs, scroll=0, message="")
        self._wake.set()

    def _confirm_cancel(self) -> None:
        if self._selected_id is not None:
            self._confirming = True
            self._show_message(f"Cancel {self._selected_id} and stop its steps? [y/n]")

    def _answer(self, yes: bool) -> None:
        self._confirming = False
        self._show_message("")
        if yes:
            self._start_verb("cancel")

    def _start_verb(self, verb: str) -> None:
        if self._selected_id is not None:
            self._app.create_background_task(self._run_verb(verb, self._selected_id))

    async def _run_verb(self, verb: str, workflow_id: str) -> None:
        try:
            result = await execute(self._session, f"/workflow {verb} {workflow_id}")
            self._show_message(result.text if isinstance(result, ChangeResult) else "")
        except (WorkflowError, OSError) as error:
            self._show_message(str(error))
        self._wake.set()
        self._app.invalidate()

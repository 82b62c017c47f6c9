"""Reporting of workflow events while a command waits."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from penguin.orchestration.backend import BackendUnavailable, WorkflowError
from penguin_commands.results.history import EventResult, EventRow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from penguin.orchestration.store.history import HistoryEntry
    from penguin_commands.session import Session

T = TypeVar("T")

POLL_INTERVAL = 0.1
"""Seconds between two polls."""
PAUSE_FACTOR = 4
"""The minimum ratio of a pause to the poll before it, so that polling many workflows uses little CPU time."""


class JsonEventStream:
    """A stream that reports every event once, however often a session waits for the same workflow.

    It reports all events of a workflow that the session started. For a workflow that the session changed, it reports
    the events since the session first named it. For any other, it reports those since the wait began. Numbers decide,
    not times: clocks are set back, and those of two hosts differ.
    """

    def __init__(self, session: Session, tell: Callable[[EventResult], None]) -> None:
        self._session = session
        self._emit = tell
        self._first_named: dict[str, int] = {}
        """The number of the newest history entry when the session first named a workflow."""
        self._last_sent: dict[str, int] = {}
        """The number of the newest reported history entry, by workflow id."""
        self._last_trouble = ""

    def named(self, workflow_id: str) -> None:
        """See EventStream. If the history is unavailable, all of it counts as new."""
        if workflow_id not in self._first_named:
            with suppress(WorkflowError):
                entries = self._session.reader.history(workflow_id)
                self._first_named[workflow_id] = entries[-1].seq if entries else 0

    async def stream_during(self, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work`, and report the events of these workflows until it is available.

        Events are reported before the errors of `work`. Raises what `work` and `tell` raise. Cancels the work if its
        events can't be reported.
        """
        working = asyncio.create_task(work)
        telling = asyncio.create_task(self._poll(workflow_ids))
        try:
            await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            telling.cancel()
            await asyncio.wait({telling})
            await self._poll_once(workflow_ids)
            return working.result()
        finally:
            working.cancel()
            telling.cancel()
            await asyncio.wait({working, telling})

    async def _poll(self, workflow_ids: Sequence[str]) -> None:
        while True:
            began = time.monotonic()
            await self._poll_once(workflow_ids)
            await asyncio.sleep(max(POLL_INTERVAL, PAUSE_FACTOR * (time.monotonic() - began)))

    async def _poll_once(self, workflow_ids: Sequence[str]) -> None:
        """Report the new events."""
        for workflow_id in workflow_ids:
            try:
                entries = await self._session.run_in_reader_thread(partial(self._new_entries, workflow_id))
            except BackendUnavailable as error:
                # The other workflows would take just as long to time out.
                self._report_trouble(error.message)
                return
            except WorkflowError as error:
                # With a server, the history may be unavailable. The result arrives anyway.
                self._report_trouble(error.message)
                continue
            for entry in entries:
                self._emit(EventResult(workflow_id, EventRow(entry.seq, entry.at, entry.kind, entry.text, entry.data)))
                self._last_sent[workflow_id] = entry.seq

    def _new_entries(self, workflow_id: str) -> list[HistoryEntry]:
        """Return the new entries. Does not run on the loop."""
        reader = self._session.reader
        if workflow_id in self._last_sent:
            return reader.history(workflow_id, after=self._last_sent[workflow_id])
        entries = reader.history(workflow_id)
        if workflow_id in self._session.started_here:
            new = entries
        elif workflow_id in self._session.tracked:
            new = [entry for entry in entries if entry.seq > self._first_named.get(workflow_id, 0)]
        else:
            new = []
        self._last_sent[workflow_id] = new[0].seq - 1 if new else entries[-1].seq if entries else 0
        return new

    def _report_trouble(self, text: str) -> None:
        if text != self._last_trouble:
            self._last_trouble = text
            self._session.narrate(text)


async def stream_events_during(session: Session, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. If the session has an event stream, report the workflows' events meanwhile."""
    if session.event_stream is None:
        return await work
    return await session.event_stream.stream_during(workflow_ids, work)

"""Telling what happens to workflows while somebody waits for them, event by event."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
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
"""Seconds between two looks."""
PAUSE_FACTOR = 4
"""The minimum ratio of a pause to the poll before it, so that polling many workflows uses little CPU time."""


class JsonEventStream:
    """Tells every event once, however often a session waits for the same workflow.

    Of a workflow that the session started these are all; of one that it changed, those since the session began; of any
    other, those since it is waited for.
    """

    def __init__(self, session: Session, tell: Callable[[EventResult], None]) -> None:
        self._session = session
        self._emit = tell
        self._started_at = datetime.now(UTC)
        self._last_sent: dict[str, int] = {}
        """By workflow id: the number of the newest decision that was told."""
        self._last_trouble = ""

    async def stream_during(self, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, telling the events of these workflows until it is there, and before its errors.

        Raises what `work` and `tell` raise; the work is cancelled where its events can't be told.
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
        """Tell what is new."""
        for workflow_id in workflow_ids:
            try:
                entries = await self._session.run_in_reader_thread(lambda one=workflow_id: self._new_entries(one))  # type: ignore[misc]
            except BackendUnavailable as error:
                # It would take as long not to answer for each of the others.
                self._report_trouble(error.message)
                return
            except WorkflowError as error:
                # With a server, the history may be unavailable; the result arrives anyway.
                self._report_trouble(error.message)
                continue
            for entry in entries:
                self._emit(EventResult(workflow_id, EventRow(entry.seq, entry.at, entry.kind, entry.text, entry.data)))
                self._last_sent[workflow_id] = entry.seq

    def _new_entries(self, workflow_id: str) -> list[HistoryEntry]:
        """Not on the loop."""
        reader = self._session.reader
        if workflow_id in self._last_sent:
            return reader.history(workflow_id, after=self._last_sent[workflow_id])
        entries = reader.history(workflow_id)
        if workflow_id in self._session.started_here:
            new = entries
        elif workflow_id in self._session.tracked:
            new = [entry for entry in entries if entry.at >= self._started_at]
        else:
            new = []
        self._last_sent[workflow_id] = new[0].seq - 1 if new else entries[-1].seq if entries else 0
        return new

    def _report_trouble(self, text: str) -> None:
        if text != self._last_trouble:
            self._last_trouble = text
            self._session.narrate(text)


async def stream_events_during(session: Session, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; where somebody wants to hear of them, the events of these workflows are told meanwhile."""
    if session.event_stream is None:
        return await work
    return await session.event_stream.stream_during(workflow_ids, work)

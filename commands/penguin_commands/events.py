"""Telling what happens to workflows while somebody waits for them, event by event."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from penguin.orchestration.backend import BackendUnavailable, WorkflowError
from penguin_commands.results.history import Event, Happened

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from penguin.orchestration.store.history import HistoryEntry
    from penguin_commands.session import Session

T = TypeVar("T")

PAUSE = 0.1
"""Seconds between two looks."""
SHARE = 4
"""A pause takes at least so many times as long as a look: a wait for many workflows keeps no processor busy."""


class EventTeller:
    """Tells every event once, however often a session waits for the same workflow.

    Of a workflow that the session started these are all; of one that it changed, those since the session began; of any
    other, those since it is waited for.
    """

    def __init__(self, session: Session, tell: Callable[[Happened], None]) -> None:
        self._session = session
        self._tell = tell
        self._began = datetime.now(UTC)
        self._told: dict[str, int] = {}
        """By workflow id: the number of the newest decision that was told."""
        self._trouble = ""

    async def meanwhile(self, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, telling the events of these workflows until it is there, and before its errors.

        Raises what `work` and `tell` raise; the work is cancelled where its events can't be told.
        """
        working = asyncio.create_task(work)
        telling = asyncio.create_task(self._follow(workflow_ids))
        try:
            await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            telling.cancel()
            await asyncio.wait({telling})
            await self._look(workflow_ids)
            return working.result()
        finally:
            working.cancel()
            telling.cancel()
            await asyncio.wait({working, telling})

    async def _follow(self, workflow_ids: Sequence[str]) -> None:
        while True:
            began = time.monotonic()
            await self._look(workflow_ids)
            await asyncio.sleep(max(PAUSE, SHARE * (time.monotonic() - began)))

    async def _look(self, workflow_ids: Sequence[str]) -> None:
        """Tell what is new."""
        for workflow_id in workflow_ids:
            try:
                entries = await self._session.aside(lambda one=workflow_id: self._news(one))  # type: ignore[misc]
            except BackendUnavailable as error:
                # It would take as long not to answer for each of the others.
                self._complain(error.message)
                return
            except WorkflowError as error:
                # On a server, nobody may be there to tell the history just now; the result comes all the same.
                self._complain(error.message)
                continue
            for entry in entries:
                self._tell(Happened(workflow_id, Event(entry.seq, entry.at, entry.kind, entry.text, entry.data)))
                self._told[workflow_id] = entry.seq

    def _news(self, workflow_id: str) -> list[HistoryEntry]:
        """Not on the loop."""
        reader = self._session.reader
        if workflow_id in self._told:
            return reader.history(workflow_id, after=self._told[workflow_id])
        entries = reader.history(workflow_id)
        if workflow_id in self._session.fresh:
            new = entries
        elif workflow_id in self._session.touched:
            new = [entry for entry in entries if entry.at >= self._began]
        else:
            new = []
        self._told[workflow_id] = new[0].seq - 1 if new else entries[-1].seq if entries else 0
        return new

    def _complain(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._session.narrate(text)


async def while_waiting(session: Session, workflow_ids: Sequence[str], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; where somebody wants to hear of them, the events of these workflows are told meanwhile."""
    if session.teller is None:
        return await work
    return await session.teller.meanwhile(workflow_ids, work)

"""Attention to keys: what Python does for itself waits for a moment in which nobody types."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
from prompt_toolkit.document import Document

MOMENT = 0.03
"""Seconds."""
SWITCH = 0.001
"""Seconds for which a thread that computes may hold up a key, several times; Python's own measure is 5 ms."""
YOUNG, OLDER, NEVER = 5_000, 50, 1_000_000
"""So many new objects, and so many such rounds, are worth a look for garbage among the newer ones. One among all that
there is takes 100 ms with 1,000 workflows, so it never comes by itself."""
EVERY = 30.0
"""Seconds between two looks among all."""
QUIET = 3.0
"""Seconds without a key, after which the next one is not expected at once."""
AT_LAST = 600.0
"""Seconds after which it is done although somebody types."""


class Unhurried(Completer):
    """Offers completions a moment after the key, so that looking for them never holds up its echo."""

    def __init__(self, completer: Completer) -> None:
        self._completer = completer
        self._threaded = ThreadedCompleter(completer)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """See Completer; at once."""
        return self._completer.get_completions(document, complete_event)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """See Completer; in a thread."""
        if not complete_event.completion_requested:
            await asyncio.sleep(MOMENT)
        async for completion in self._threaded.get_completions_async(document, complete_event):
            yield completion


class Attention:
    """Holds for the process, within its context, which is that of an event loop."""

    def __init__(self) -> None:
        self._before = (gc.get_threshold(), sys.getswitchinterval())
        self._key = self._looked = time.monotonic()
        self._planned: asyncio.TimerHandle | None = None

    def __enter__(self) -> Attention:
        gc.set_threshold(YOUNG, OLDER, NEVER)
        sys.setswitchinterval(SWITCH)
        self._plan(EVERY)
        return self

    def loaded(self) -> None:
        """All is imported: it is no garbage, and need not be looked at again."""
        gc.freeze()

    def key(self) -> None:
        """A key was pressed."""
        self._key = time.monotonic()

    def __exit__(self, *error: object) -> None:
        if self._planned is not None:
            self._planned.cancel()
        gc.unfreeze()
        gc.set_threshold(*self._before[0])
        sys.setswitchinterval(self._before[1])

    def _plan(self, delay: float) -> None:
        self._planned = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._key < QUIET and now - self._looked < AT_LAST:
            self._plan(QUIET)
            return
        gc.collect()
        self._looked = time.monotonic()
        self._plan(EVERY)

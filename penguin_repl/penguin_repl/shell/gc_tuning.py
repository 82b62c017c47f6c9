"""Garbage collection while the user is not typing."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
from prompt_toolkit.document import Document

COMPLETION_DELAY = 0.03
"""Seconds between a key and its completion."""
SWITCH_INTERVAL = 0.001
"""Seconds that a computing thread may delay a key, possibly several times. Python's default is 5 ms."""
YOUNG, OLDER, NEVER = 5_000, 50, 1_000_000
"""Thresholds for collecting newer objects: new objects, and collections of the youngest ones.

A full collection takes 100 ms with 1,000 workflows, so no threshold starts one.
"""
COLLECT_INTERVAL = 30.0
"""Seconds between two full collections."""
IDLE_AFTER = 3.0
"""Seconds without a key after which the user counts as idle."""
MAX_COLLECT_DELAY = 600.0
"""Maximum seconds to postpone a collection while the user types."""


class DelayedCompleter(Completer):
    """A completer that waits a moment after each key, so that completion never delays the echo."""

    def __init__(self, completer: Completer) -> None:
        self._completer = completer
        self._threaded = ThreadedCompleter(completer)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield completions without a delay; see Completer."""
        return self._completer.get_completions(document, complete_event)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield completions from a thread; see Completer."""
        if not complete_event.completion_requested:
            await asyncio.sleep(COMPLETION_DELAY)
        async for completion in self._threaded.get_completions_async(document, complete_event):
            yield completion


class GcTuning:
    """A context manager that tunes garbage collection of the process while an event loop runs."""

    def __init__(self) -> None:
        self._saved_settings = (gc.get_threshold(), sys.getswitchinterval())
        self._last_key = self._last_collection = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> GcTuning:
        gc.set_threshold(YOUNG, OLDER, NEVER)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._schedule(COLLECT_INTERVAL)
        return self

    def freeze_loaded(self) -> None:
        """Exclude everything imported so far from garbage collection."""
        gc.freeze()

    def on_key(self) -> None:
        """Record that a key was pressed."""
        self._last_key = time.monotonic()

    def __exit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        gc.unfreeze()
        gc.set_threshold(*self._saved_settings[0])
        sys.setswitchinterval(self._saved_settings[1])

    def _schedule(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._collect_if_idle)

    def _collect_if_idle(self) -> None:
        now = time.monotonic()
        if now - self._last_key < IDLE_AFTER and now - self._last_collection < MAX_COLLECT_DELAY:
            self._schedule(IDLE_AFTER)
            return
        gc.collect()
        self._last_collection = time.monotonic()
        self._schedule(COLLECT_INTERVAL)
